"""PURE: what a node says of its own new keys, and the proof that it has their secret halves.

It is signed with each of the keys that it tells of, over the facts' bytes and over who says what to
whom, so that nothing of it is of use to anybody else.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Annotated, Final

import msgspec
import nkeys
from msgspec import Meta

from steward.errors import Refused
from steward.key_files import Keys
from steward.message import Body
from steward.signing import SigningKey, verify
from steward.subjects import NodeName

JOIN: Final = "join"
REKEY: Final = "rekey"
MOST_LABELS: Final = 8
_SHORT: Final = 64
Short = Annotated[str, Meta(max_length=_SHORT)]
"""A thousand strangers' words have to fit a line of the control socket."""
LEAST_OVERLAP: Final = 3600.0
"""Seconds. Each end of a key is told to every node, for good: no node may cause that as it likes.
Central's own keys have no such bound."""
MOST_OVERLAP: Final = 90 * 86400.0
_NKEY_BYTES: Final = 35
"""One for what it is, 32 of key, two to check."""


class NewKeys(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """``key``: the public signing key; ``broker``: the public nkey; ``serial``: the highest that
    the node knows of its own keys. ``overlap``: seconds for which the key before it is to hold. The
    rest tells a person which machine it is."""

    key: Annotated[bytes, Meta(min_length=32, max_length=32)]
    broker: Annotated[str, Meta(pattern=r"^U[A-Z2-7]{55}\Z")]
    serial: Annotated[int, Meta(ge=0, lt=2**30)] = 0
    overlap: Annotated[float, Meta(ge=0, le=MOST_OVERLAP)] = 0.0
    version: Short = ""
    machine: Short = ""
    labels: Annotated[dict[Short, Short], Meta(max_length=MOST_LABELS)] = {}


def tell(
    what: str,
    frm: NodeName,
    to: NodeName,
    keys: Keys,
    *,
    serial: int = 0,
    overlap: float = 0.0,
    version: str = "",
    machine: str = "",
    labels: Mapping[str, str] | None = None,
    before: SigningKey | None = None,
) -> tuple[str, ...]:
    """The data of a Join or a Rekey: the facts as JSON, and the signatures in base64, that of the
    key ``before`` these last. ``what``: which of the two it is. Long labels are left out."""
    short = [(k, v) for k, v in (labels or {}).items() if max(len(k), len(v)) <= _SHORT]
    facts = msgspec.json.encode(
        NewKeys(
            key=keys.signing.public, broker=keys.broker, serial=serial, overlap=overlap,
            version=version[:_SHORT], machine=machine[:_SHORT], labels=dict(short[:MOST_LABELS]),
        )
    )  # fmt: skip
    said = _said(what, frm, to, facts)
    pair = nkeys.from_seed(bytearray(keys.broker_seed))
    proofs = [keys.signing.sign(said), bytes(pair.sign(said))]
    if before is not None:
        proofs.append(before.sign(said))
    return facts.decode(), *(base64.b64encode(proof).decode() for proof in proofs)


def told(what: str, frm: NodeName, to: NodeName, body: Body) -> NewKeys:
    """What a body tells. Raises Refused: it can't be read, or was not signed with these keys."""
    if len(body.data) not in (3, 4):
        raise Refused(f"data has {len(body.data)} elements", "facts, and their signatures")
    try:
        facts = body.data[0].encode()
        new = msgspec.json.decode(facts, type=NewKeys)
        first, second = (base64.b64decode(proof, validate=True) for proof in body.data[1:3])
    except (msgspec.DecodeError, RecursionError, binascii.Error, ValueError) as error:
        raise Refused(f"data tells of no keys: {error}") from None
    said = _said(what, frm, to, facts)
    if not verify(new.key, said, first) or not verify(_of_nkey(new.broker), said, second):
        raise Refused(f"whoever says to be {frm} does not have these keys")
    return new


def is_vouched(what: str, frm: NodeName, to: NodeName, body: Body, key: bytes) -> bool:
    """Whether the holder of ``key``, the one before these, has signed it too."""
    try:
        proof = base64.b64decode(body.data[3], validate=True)
    except (IndexError, ValueError):
        return False
    return verify(key, _said(what, frm, to, body.data[0].encode()), proof)


def _said(what: str, frm: NodeName, to: NodeName, facts: bytes) -> bytes:
    return f"steward {what} 1\n{frm}\n{to}\n".encode() + facts


def _of_nkey(text: str) -> bytes:
    """The 32 bytes in a user's public nkey. Raises Refused."""
    raw = base64.b32decode(text)
    body, check = raw[:-2], raw[-2:]
    is_one = len(raw) == _NKEY_BYTES and raw[0] == nkeys.PREFIX_BYTE_USER
    if not is_one or bytes(nkeys.crc16_checksum(body)) != check:
        raise Refused("broker is no public key of a user")
    return body[1:]
