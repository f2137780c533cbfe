"""Ed25519 keys (RFC 8032): what is signed with one, and how people compare two.

The privileged runner loads it, too: ``hashlib`` alone would take 4 MiB there.
"""

from __future__ import annotations

import base64
import os
from typing import Final

from nacl.bindings import (
    crypto_hash_sha256,
    crypto_sign_BYTES,
    crypto_sign_open,
    crypto_sign_PUBLICKEYBYTES,
    crypto_sign_seed_keypair,
)
from nacl.bindings import crypto_sign as _sign
from nacl.exceptions import BadSignatureError

SIGNATURE_BYTES: Final = crypto_sign_BYTES
PUBLIC_BYTES: Final = crypto_sign_PUBLICKEYBYTES
SEED_BYTES: Final = 32


class SigningKey:
    """A pair of keys. ``seed`` (32 bytes) is the secret, ``public`` (32 bytes) is for everybody."""

    def __init__(self, seed: bytes) -> None:
        """Raises ValueError for a seed of another length."""
        self.public, self._secret = crypto_sign_seed_keypair(seed)
        self.seed = seed
        self.id = key_id(self.public)

    def __repr__(self) -> str:
        return f"SigningKey({self.id})"

    @classmethod
    def generate(cls) -> SigningKey:
        return cls(os.urandom(SEED_BYTES))

    def sign(self, content: bytes) -> bytes:
        """The signature: 64 bytes, the same for the same content."""
        return _sign(content, self._secret)[:SIGNATURE_BYTES]


def verify(public: bytes, content: bytes, signature: bytes) -> bool:
    """Whether whoever has the secret half of ``public`` signed ``content``."""
    if len(signature) != SIGNATURE_BYTES or len(public) != PUBLIC_BYTES:
        return False
    try:
        crypto_sign_open(signature + content, public)
    except BadSignatureError:
        return False
    return True


def key_id(public: bytes) -> str:
    """Names a key where it is looked up: 16 hexadecimal digits. Never a proof."""
    return crypto_hash_sha256(public).hex()[:16]


def fingerprint(public: bytes) -> str:
    """For people to compare: 120 bits of the key's SHA-256 in six groups of four, base32."""
    letters = base64.b32encode(crypto_hash_sha256(public))[:24].decode()
    return "-".join(letters[at : at + 4] for at in range(0, 24, 4))
