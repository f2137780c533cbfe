"""Frames, receipts and notices, and their way to and from signed bytes.

An envelope is JSON: ``{"v": 1, "type": …, "sig": "", "body": {…}}``. The signature's place is
empty until there are keys; it will cover version, type, subject and the body's bytes.
"""

from __future__ import annotations

from typing import Final, TypeVar

import msgspec

from steward.errors import FrameError
from steward.message import MessageId
from steward.subjects import NodeName

WIRE_VERSION: Final = 1
UNDERSTOOD: Final = frozenset({WIRE_VERSION})


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One message in a frame, or, with a reason in ``tombstone``, the place of one given up.

    ``expires`` is wall time (seconds) on the receiver's clock, ``deadline`` on the
    sender's.
    """

    seq: int
    id: MessageId
    tombstone: str = ""
    expires: float | None = None
    deadline: float | None = None
    body: msgspec.Raw = msgspec.Raw(b"{}")


class Frame(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename={"frm": "from"}):
    """What a sender says of one stream (DESIGN.md section 2, rule 3). No messages: a question."""

    frm: NodeName
    store: str
    start: str
    tx: str
    to: NodeName
    subject: str
    clock: float
    instance: str = ""
    base: int = 0
    messages: tuple[Entry, ...] = ()
    retired: str = ""


class Verdict(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a message was not accepted: ``state`` is what becomes of it, or ``settled``."""

    state: str
    reason: str = ""


class Receipt(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename={"frm": "from"}
):
    """What a receiver has committed of one stream (rule 5). ``last`` None: my store id, no more."""

    frm: NodeName
    store: str
    start: str
    tx: str
    to: NodeName
    to_store: str
    subject: str
    clock: float
    last: int | None = None
    last_id: str = ""
    base: int = 0
    conflict: bool = False
    retired: str = ""
    verdicts: dict[int, Verdict] = {}


class Notice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename={"frm": "from"}):
    """A message of a NACK kind: sent once, outside every stream (rule 12)."""

    frm: NodeName
    store: str
    start: str
    to: NodeName
    subject: str
    clock: float
    id: MessageId
    body: msgspec.Raw = msgspec.Raw(b"{}")


Letter = Frame | Receipt | Notice
_TYPES: Final = {"frame": Frame, "receipt": Receipt, "notice": Notice}
_NAMES: Final = {cls: name for name, cls in _TYPES.items()}


class _Envelope(msgspec.Struct, frozen=True):
    v: int
    type: str
    sig: str
    body: msgspec.Raw


_encoder = msgspec.json.Encoder()
_envelope = msgspec.json.Decoder(_Envelope)
_decoders = {name: msgspec.json.Decoder(cls) for name, cls in _TYPES.items()}
T = TypeVar("T")


def raw(body: bytes) -> msgspec.Raw:
    """Bytes of JSON, to be part of a letter as they are."""
    return msgspec.Raw(body)


def encode(letter: Letter) -> bytes:
    """The bytes that go to the bus."""
    body = msgspec.Raw(_encoder.encode(letter))
    return _encoder.encode(_Envelope(WIRE_VERSION, _NAMES[type(letter)], "", body))


def decode(payload: bytes) -> Letter:
    """The letter in ``payload``. Raises FrameError: not JSON, not ours, or another wire version."""
    try:
        envelope = _envelope.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise FrameError(f"not an envelope: {error}") from None
    if envelope.v not in UNDERSTOOD:
        known = ", ".join(map(str, sorted(UNDERSTOOD)))
        raise FrameError(
            f"wire version {envelope.v} is not understood", f"this node speaks {known}: upgrade"
        )
    decoder = _decoders.get(envelope.type)
    if decoder is None:
        raise FrameError(f"unknown type {envelope.type[:40]!r}")
    try:
        letter: Letter = decoder.decode(envelope.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FrameError(f"not a {envelope.type}: {error}") from None
    return letter
