"""What central says of keys, signed: who has which (a certificate), and which hold no more.

A statement on its way is JSON: ``{"by": key id, "sig": base64, "body": {…}}``; the signature covers
the statement's type and the body's bytes.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from steward.errors import TrustError
from steward.signing import PUBLIC_BYTES, SIGNATURE_BYTES, SigningKey, verify
from steward.subjects import NodeName

_PREFIX: Final = b"steward statement 1\n"
MOST_BYTES: Final = 4096

AName = Annotated[NodeName, Meta(pattern=r"^[A-Za-z0-9_-]{1,63}\Z")]
APublic = Annotated[bytes, Meta(min_length=PUBLIC_BYTES, max_length=PUBLIC_BYTES)]
ASerial = Annotated[int, Meta(ge=0, lt=2**31)]


class Certificate(msgspec.Struct, frozen=True, kw_only=True, tag="certificate", tag_field="type"):
    """``name`` signs with ``key`` (32 bytes) and shows ``broker``, a public nkey, to the broker.
    Of one name, a higher ``serial`` replaces the lower ones. ``issued``: central's wall time."""

    name: AName
    key: APublic
    broker: Annotated[str, Meta(max_length=64)]
    serial: ASerial
    issued: float


class Revocation(msgspec.Struct, frozen=True, kw_only=True, tag="revocation", tag_field="type"):
    """What ``name`` has up to the serial ``upto`` holds no more, for ever."""

    name: AName
    upto: ASerial


Statement = Certificate | Revocation


class _Signed(msgspec.Struct, frozen=True):
    by: Annotated[str, Meta(max_length=16)]
    sig: Annotated[bytes, Meta(min_length=SIGNATURE_BYTES, max_length=SIGNATURE_BYTES)]
    body: msgspec.Raw


_encode = msgspec.json.Encoder().encode
_signed = msgspec.json.Decoder(_Signed)
_statement: msgspec.json.Decoder[Statement] = msgspec.json.Decoder(Statement)
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def issue(statement: Statement, key: SigningKey) -> bytes:
    """The signed statement, as it travels."""
    body = _encode(statement)
    return _encode(_Signed(key.id, key.sign(_PREFIX + body), msgspec.Raw(body)))


def issuer(signed: bytes) -> str:
    """The id of the key that it says it is signed with. Raises TrustError for no statement."""
    return _opened(signed).by


def read(signed: bytes, public: bytes) -> Statement:
    """The statement, if ``public`` has signed it. Raises TrustError: it has not, or it is none."""
    opened = _opened(signed)
    if not verify(public, _PREFIX + bytes(opened.body), opened.sig):
        raise TrustError("a statement about a key is not signed by the one that it names")
    try:
        return _statement.decode(opened.body)
    except _UNREADABLE as error:
        raise TrustError(f"a signed statement cannot be read: {error}") from None


def _opened(signed: bytes) -> _Signed:
    if len(signed) > MOST_BYTES:
        raise TrustError(f"a statement about a key has {len(signed):,} bytes")
    try:
        return _signed.decode(signed)
    except _UNREADABLE as error:
        raise TrustError(f"no statement about a key: {error}") from None
