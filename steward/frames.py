"""Frames, receipts and notices, and their way to and from signed bytes.

An envelope is JSON: ``{"v": 1, "type": …, "sig": "", "packs": …, "body": {…}}``, or that packed.
The signature's place is empty until there are keys; it will cover version, type, subject and the
body's bytes. ``packs`` is what its sender can take, see ``steward/wire.py``.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from steward import packing
from steward.errors import FrameError, InvalidMessage
from steward.message import MessageId
from steward.subjects import NodeName, node_name

WIRE_VERSION: Final = 1
UNDERSTOOD: Final = frozenset({WIRE_VERSION})

# What is decoded is stored and shown as it is, so its bounds are part of its type.
Count = Annotated[int, Meta(ge=0, lt=2**53)]
Token = Annotated[str, Meta(max_length=64)]
Wall = Annotated[float, Meta(ge=-1e11, le=1e11)]
"""Wall time in seconds, within the years that a calendar has."""
AnId = Annotated[MessageId, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}\Z")]
ASubject = Annotated[str, Meta(max_length=400)]


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One message in a frame, or, with a reason in ``tombstone``, the place of one given up.

    ``expires`` is wall time (seconds) on the receiver's clock, ``deadline`` on the
    sender's.
    """

    seq: Annotated[int, Meta(ge=1, lt=2**53)]
    id: AnId
    tombstone: Token = ""
    expires: Wall | None = None
    deadline: Wall | None = None
    body: msgspec.Raw = msgspec.Raw(b"{}")


class Frame(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename={"frm": "from"}):
    """What a sender says of one stream (DESIGN.md section 2, rule 3). No messages: a question."""

    frm: NodeName
    store: Token
    start: Token
    tx: Token
    to: NodeName
    subject: ASubject
    clock: Wall
    instance: Token = ""
    base: Count = 0
    messages: tuple[Entry, ...] = ()
    retired: Token = ""


class Verdict(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a message was not accepted: ``state`` is what becomes of it, or ``settled``."""

    state: Token
    reason: str = ""


class Receipt(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename={"frm": "from"}
):
    """What a receiver has committed of one stream (rule 5). ``last`` None: my store id, no more."""

    frm: NodeName
    store: Token
    start: Token
    tx: Token
    to: NodeName
    to_store: Token
    subject: ASubject
    clock: Wall
    last: Count | None = None
    last_id: Token = ""
    base: Count = 0
    conflict: bool = False
    retired: Token = ""
    verdicts: dict[Count, Verdict] = {}


class Notice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename={"frm": "from"}):
    """A message of a NACK kind: sent once, outside every stream (rule 12)."""

    frm: NodeName
    store: Token
    start: Token
    to: NodeName
    subject: ASubject
    clock: Wall
    id: AnId
    body: msgspec.Raw = msgspec.Raw(b"{}")


class Output(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename={"frm": "from"}):
    """What a running command writes, while its sender follows it. Best effort: gaps show in
    ``offset``, bytes from the start of the stream."""

    frm: NodeName
    id: AnId
    stream: Literal["stdout", "stderr"]
    offset: Count
    data: Annotated[bytes, Meta(max_length=64 * 1024)]


Letter = Frame | Receipt | Notice
"""What the handoff is made of."""
_TYPES: Final = {"frame": Frame, "receipt": Receipt, "notice": Notice, "output": Output}
_NAMES: Final = {cls: name for name, cls in _TYPES.items()}


class _Envelope(msgspec.Struct, frozen=True, omit_defaults=True):
    v: int
    type: str
    sig: str
    body: msgspec.Raw
    packs: Count = 0


_encoder = msgspec.json.Encoder()
_envelope = msgspec.json.Decoder(_Envelope)
_decoders = {name: msgspec.json.Decoder(cls) for name, cls in _TYPES.items()}
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def raw(body: bytes) -> msgspec.Raw:
    """Bytes of JSON, to be part of a letter as they are."""
    return msgspec.Raw(body)


def encode(letter: Letter | Output, packs: int = 0) -> bytes:
    """Its envelope."""
    body = msgspec.Raw(_encoder.encode(letter))
    return _encoder.encode(_Envelope(WIRE_VERSION, _NAMES[type(letter)], "", body, packs))


def decode(payload: bytes) -> Letter | Output:
    """The letter in ``payload``. Raises FrameError: not JSON, not ours, or another wire version."""
    return decode_with_packs(payload)[0]


def decode_with_packs(payload: bytes) -> tuple[Letter | Output, int]:
    """The same, and what its sender can take."""
    if payload.startswith(packing.MARK):
        payload = packing.unpack(payload)
    try:
        envelope = _envelope.decode(payload)
    except _UNREADABLE as error:
        raise FrameError(f"not an envelope: {error}") from None
    if envelope.v not in UNDERSTOOD:
        known = ", ".join(map(str, sorted(UNDERSTOOD)))
        said = str(envelope.v)[:20]
        raise FrameError(
            f"wire version {said} is not understood", f"this node speaks {known}: upgrade"
        )
    decoder = _decoders.get(envelope.type)
    if decoder is None:
        raise FrameError(f"unknown type {envelope.type[:40]!r}")
    try:
        letter: Letter | Output = decoder.decode(envelope.body)
        node_name(letter.frm)
    except _UNREADABLE as error:
        raise FrameError(f"not a {envelope.type}: {error}") from None
    except InvalidMessage as error:
        raise FrameError(f"its sender: {error.text}") from None
    return letter, envelope.packs
