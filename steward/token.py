"""A join token: what a new node has to know of central before it has ever spoken to it.

``steward-join-1.`` + base64url of JSON + ``.`` + 8 hex digits that show whether it is whole. It
pins central's signing key, so that nobody else can answer a node's first words in central's place.
Whoever holds it may introduce a node while it is valid, no more: central's operator compares the
fingerprint and accepts.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from steward.errors import StewardError, TrustError
from steward.subjects import NodeName, node_name

VERSION: Final = 1
_FAMILY: Final = "steward-join-"
_PREFIX: Final = f"{_FAMILY}{VERSION}."
_CHECK: Final = 8
_MOST: Final = 64 * 1024
"""Characters: a token is a few hundred, with a local CA about 1,500."""
_AGAIN: Final = "make another one on central: steward keys token"
CREDENTIAL: Final = "steward-join-token"
"""Its name among the credentials that systemd hands to the daemon."""

Address = Annotated[str, Meta(min_length=1, max_length=400, pattern=r"^(tls|nats)://[^\s,]+\Z")]


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """``key``: central's public signing key, 32 bytes; ``ca``: PEM of the authority that vouches
    for the broker, empty: the system's; ``joiner``: seed of the broker user that all nodes
    introduce themselves as, nkeys text form; ``expires``: wall seconds; ``serial``:
    of central's key, 0: its first."""

    central: NodeName
    key: Annotated[bytes, Meta(min_length=32, max_length=32)]
    brokers: Annotated[tuple[Address, ...], Meta(min_length=1, max_length=16)]
    joiner: Annotated[str, Meta(pattern=r"^SU[A-Z2-7]{56}\Z")]
    expires: float
    serial: Annotated[int, Meta(ge=0, lt=2**31)] = 0
    ca: Annotated[str, Meta(max_length=32 * 1024)] = ""

    def text(self) -> str:
        """As it is handed on: one line."""
        packed = base64.urlsafe_b64encode(msgspec.json.encode(self)).decode().rstrip("=")
        return f"{_PREFIX}{packed}.{_check(packed)}"


def parse(text: str, now: float) -> Token:
    """The token in ``text``, which may have line breaks from where it was copied; ``now``: wall
    seconds. Raises TrustError: it is none, of another version, cut or mistyped, or expired."""
    words = "".join(text[:_MOST].split())
    if not words.startswith(_FAMILY):
        what = "it is empty" if not words else f"it does not begin with {_FAMILY}"
        raise TrustError(f"this is no join token: {what}", _AGAIN)
    if not words.startswith(_PREFIX):
        version = words.removeprefix(_FAMILY).partition(".")[0][:10]
        raise TrustError(
            f"the join token has the version {version!r}, this Steward knows {VERSION}",
            "install the version of Steward that central has, or make a token there again",
        )
    packed, dot, check = words.removeprefix(_PREFIX).rpartition(".")
    if not dot or check != _check(packed):
        raise TrustError("the join token is cut or mistyped", "copy all of it, to its last letter")
    try:
        raw = base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4))
        token = msgspec.json.decode(raw, type=Token)
        node_name(token.central)
    except (binascii.Error, msgspec.DecodeError, UnicodeDecodeError, StewardError) as error:
        raise TrustError(f"the join token cannot be read: {error}", _AGAIN) from None
    if now > token.expires:
        ago = now - token.expires
        raise TrustError(
            f"the join token expired {ago / 3600:.1f} hours ago, by this machine's clock",
            f"set the clock if it is wrong; else {_AGAIN}",
        )
    return token


def credential() -> str:
    """The token that systemd hands to this process; empty: none. Raises TrustError."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY", "")
    path = Path(folder) / CREDENTIAL
    if not folder or not path.is_file():
        return ""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TrustError(f"the credential {CREDENTIAL} cannot be read: {error}", _AGAIN) from None


def _check(packed: str) -> str:
    return hashlib.sha256(packed.encode()).hexdigest()[:_CHECK]
