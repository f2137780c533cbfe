"""A node's own keys, and whom it trusts: ``<state-dir>/keys``, for their owner alone."""

from __future__ import annotations

import base64
import binascii
import os
import stat
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import msgspec
from msgspec import Meta
from nkeys import PREFIX_BYTE_USER, NkeysError, encode_seed, from_seed

from steward.errors import TrustError
from steward.folders import make_folder, sync_folder
from steward.signing import PUBLIC_BYTES, SEED_BYTES, SigningKey
from steward.subjects import NodeName

SIGNING: Final = "signing.key"
BROKER: Final = "broker.nk"
TRUST: Final = "trust.json"
CREDENTIALS: Final = {SIGNING: "steward-signing-key", BROKER: "steward-broker-key"}
"""What systemd's LoadCredential= calls them."""
_MOST: Final = 64 * 1024


class Keys(NamedTuple):
    """A node's two secrets: with one it signs, with the other it shows itself to the broker."""

    signing: SigningKey
    broker_seed: bytes
    """An nkey's seed, as text: ``SU…``."""

    @property
    def broker(self) -> str:
        """The nkey's public half: ``U…``."""
        return public_nkey(self.broker_seed)


class TrustFile(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Whom this node trusts, from ``steward keys init`` or a join token. ``key``: the public
    signing key of ``central``, with its ``serial``; ``said``: at central,
    how its later keys follow from that one. ``ca``: PEM of who has to have signed the
    broker's certificate, empty: the system's. ``joiner``: the nkey seed with which a node that has
    not been accepted yet may introduce itself."""

    central: NodeName
    key: Annotated[bytes, Meta(min_length=PUBLIC_BYTES, max_length=PUBLIC_BYTES)]
    serial: int = 0
    said: tuple[str, ...] = ()
    brokers: tuple[str, ...] = ()
    ca: str = ""
    joiner: str = ""


def keys_folder(state_dir: Path) -> Path:
    return state_dir / "keys"


def new_nkey() -> bytes:
    """The seed of a new nkey for a user of the broker."""
    return bytes(encode_seed(os.urandom(32), PREFIX_BYTE_USER))


def public_nkey(seed: bytes) -> str:
    """Its public half. Raises TrustError for what is no seed of a user's nkey."""
    try:
        text = bytes(from_seed(bytearray(seed)).public_key).decode()
    except (NkeysError, ValueError, binascii.Error, IndexError, KeyError):
        raise TrustError("what was given is no seed of an nkey", "it begins with SU") from None
    if not text.startswith("U"):
        raise TrustError("the nkey is not a user's", "its seed begins with SU")
    return text


def load_or_make(state_dir: Path) -> Keys:
    """The node's keys, made if they are not there yet. Raises TrustError (a file that cannot be
    used, or that others may read), OSError."""
    signing = _secret(state_dir, SIGNING) or _make(
        state_dir, SIGNING, base64.b64encode(SigningKey.generate().seed)
    )
    broker = _secret(state_dir, BROKER) or _make(state_dir, BROKER, new_nkey())
    return Keys(signing_key(signing, keys_folder(state_dir) / SIGNING), checked(broker))


def signing_key(text: bytes, where: Path) -> SigningKey:
    """Of the text of a file. Raises TrustError."""
    try:
        seed = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        seed = b""
    if len(seed) != SEED_BYTES:
        raise TrustError(
            f"{where} holds no signing key",
            "put it back from a backup; without it this node has to join anew",
        )
    return SigningKey(seed)


def checked(broker_seed: bytes) -> bytes:
    """The seed itself. Raises TrustError."""
    public_nkey(broker_seed)
    return broker_seed


def read_trust(state_dir: Path) -> TrustFile | None:
    """Whom this node trusts; None: there are no keys here, everybody is believed. Raises
    TrustError, OSError."""
    path = keys_folder(state_dir) / TRUST
    text = read_secret(path)
    if text is None:
        return None
    try:
        return msgspec.json.decode(text, type=TrustFile)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TrustError(f"{path}: {error}", "put it back from a backup, or join anew") from None


def write_trust(state_dir: Path, trust: TrustFile) -> None:
    """Durably; one that is there is replaced. Raises OSError."""
    write_secret(keys_folder(state_dir) / TRUST, msgspec.json.encode(trust))


def read_secret(path: Path) -> bytes | None:
    """A secret file's content without the white space around it, None if there is none. Raises
    TrustError if others than its owner may read or write it, OSError."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    with os.fdopen(file, "rb") as opened:
        facts = os.fstat(file)
        if not stat.S_ISREG(facts.st_mode) or facts.st_mode & 0o077:
            raise TrustError(f"others may read {path}", f"chmod 600 {path}, if nobody has read it")
        return opened.read(_MOST).strip()


def write_secret(path: Path, content: bytes) -> None:
    """Durably, mode 0600, whole or not at all; the folders are made, the state folder for its
    group, the keys' for nobody else. Raises OSError."""
    make_folder(path.parent.parent, 0o750)
    make_folder(path.parent, 0o700)
    new = path.with_name(f"{path.name}.new")
    file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(file, "wb") as opened:
        os.fchmod(file, 0o600)
        opened.write(content + b"\n")
        opened.flush()
        os.fsync(file)
    os.replace(new, path)
    sync_folder(path.parent)


def _secret(state_dir: Path, name: str) -> bytes | None:
    """From the service manager's credentials, else from the keys' folder."""
    if folder := os.environ.get("CREDENTIALS_DIRECTORY"):
        given = Path(folder) / CREDENTIALS[name]
        if given.is_file():
            return given.read_bytes()[:_MOST].strip()
    return read_secret(keys_folder(state_dir) / name)


def _make(state_dir: Path, name: str, secret: bytes) -> bytes:
    write_secret(keys_folder(state_dir) / name, secret)
    return secret
