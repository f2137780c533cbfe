"""What central says of keys, signed: who has which (a certificate), and which hold no more.

A statement on its way is JSON: ``{"by": key id, "sig": base64, "body": {…}}``, in this order and
without spaces; the signature covers the statement's type and the body's bytes. The privileged
runner reads them too, and stays small: no import here needs more than the standard library and
PyNaCl.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from steward.errors import TrustError
from steward.signing import PUBLIC_BYTES, SigningKey, verify

if TYPE_CHECKING:  # it takes more memory than all of this
    from steward.subjects import NodeName

_PREFIX: Final = b"steward statement 1\n"
MOST_BYTES: Final = 4096

_MOST_SERIAL: Final = 2**31
_MOST_BROKER: Final = 64
_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}")
_SIGNED = re.compile(
    rb'\{"by":"([0-9a-f]{16})","sig":"([A-Za-z0-9+/]{86}==)","body":(\{.*\})\}', re.DOTALL
)


class Certificate(NamedTuple):
    """``name`` signs with ``key`` (32 bytes) and shows ``broker``, a public nkey, to the broker.
    Of one name, a higher ``serial`` replaces the lower ones. ``issued``: central's wall time."""

    name: NodeName
    key: bytes
    broker: str
    serial: int
    issued: float


class Revocation(NamedTuple):
    """What ``name`` has up to the serial ``upto`` holds no more, for ever."""

    name: NodeName
    upto: int


Statement = Certificate | Revocation


class _Signed(NamedTuple):
    by: str
    sig: bytes
    body: bytes


def issue(statement: Statement, key: SigningKey) -> bytes:
    """The signed statement, as it travels."""
    facts = statement._asdict()
    if isinstance(statement, Certificate):
        facts["key"] = base64.b64encode(statement.key).decode()
    said = {"type": type(statement).__name__.lower()} | facts
    body = json.dumps(said, separators=(",", ":")).encode()
    sig = base64.b64encode(key.sign(_PREFIX + body))
    return b'{"by":"%s","sig":"%s","body":%s}' % (key.id.encode(), sig, body)


def issuer(signed: bytes) -> str:
    """The id of the key that it says it is signed with. Raises TrustError for no statement."""
    return _opened(signed).by


def read(signed: bytes, public: bytes) -> Statement:
    """The statement, if ``public`` has signed it. Raises TrustError: it has not, or it is none."""
    opened = _opened(signed)
    if not verify(public, _PREFIX + opened.body, opened.sig):
        raise TrustError("a statement about a key is not signed by the one that it names")
    try:
        return _statement(json.loads(opened.body))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise TrustError(f"a signed statement cannot be read: {error!r}") from None


def _opened(signed: bytes) -> _Signed:
    if len(signed) > MOST_BYTES:
        raise TrustError(f"a statement about a key has {len(signed):,} bytes")
    found = _SIGNED.fullmatch(signed)
    if found is None:
        raise TrustError("no statement about a key: it is not {by, sig, body}")
    return _Signed(found[1].decode(), base64.b64decode(found[2]), found[3])


def _statement(said: dict[str, Any]) -> Statement:
    """Raises ValueError, KeyError, TypeError."""
    name = said["name"]
    if not _NAME.fullmatch(name):
        raise ValueError("name")
    if said["type"] == "revocation":
        return Revocation(name, _serial(said["upto"]))
    if said["type"] != "certificate":
        raise ValueError("type")
    key, broker, issued = _key(said["key"]), said["broker"], said["issued"]
    if not isinstance(broker, str) or len(broker) > _MOST_BROKER:
        raise ValueError("broker")
    if isinstance(issued, bool) or not isinstance(issued, int | float) or issued != issued:
        raise ValueError("issued")
    return Certificate(name, key, broker, _serial(said["serial"]), float(issued))


def _key(text: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error:
        key = b""
    if len(key) != PUBLIC_BYTES:
        raise ValueError("key")
    return key


def _serial(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _MOST_SERIAL:
        raise ValueError("serial")
    return value
