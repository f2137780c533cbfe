"""Frames, receipts and notices, and their way to and from signed bytes.

An envelope is JSON: ``{"v": 1, "type": …, "sig": "", "body": {…}, "packs": …}``, or that packed.
Without keys the signature's place is empty; with them it covers all of the envelope but what is
``said`` of keys, which is signed by itself, and the subject. ``steward/wire.py`` puts it on.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from steward import packing
from steward.errors import FrameError, InvalidMessage
from steward.message import MessageId
from steward.signing import SIGNATURE_BYTES
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
AnOrder = Annotated[bytes, Meta(max_length=SIGNATURE_BYTES)]
AKey = Annotated[str, Meta(pattern=r"^[0-9a-f]{0,16}\Z")]


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One message in a frame, or, with a reason in ``tombstone``, the place of one given up.

    ``expires`` is wall time (seconds) on the receiver's clock, ``deadline`` on the
    sender's. ``order``: of a command, its sender's signature of it alone; empty without keys.
    """

    seq: Annotated[int, Meta(ge=1, lt=2**53)]
    id: AnId
    tombstone: Token = ""
    expires: Wall | None = None
    deadline: Wall | None = None
    order: AnOrder = b""
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
    """A message of a NACK kind: sent once, outside every stream (rule 12). ``steady``: when, on the
    sender's clock that never goes back; with keys, what is older than the last one is a repetition.
    """

    frm: NodeName
    store: Token
    start: Token
    to: NodeName
    subject: ASubject
    clock: Wall
    id: AnId
    steady: Wall = 0.0
    order: AnOrder = b""
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


class Envelope(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is around a letter. ``sig``: 64 bytes, or empty; ``packs``: what the sender can take;
    ``key``: the id of the key that it is signed with; ``holds``: the id of the addressee's key that
    the sender holds; ``said``: what central has said of the sender's key."""

    v: int
    type: str
    sig: Annotated[bytes, Meta(max_length=SIGNATURE_BYTES)]
    body: msgspec.Raw
    packs: Count = 0
    key: AKey = ""
    holds: AKey = ""
    said: tuple[msgspec.Raw, ...] = ()

    def signed_part(self, subject: str) -> bytes:
        """The bytes that the signature covers, where the letter goes to this subject."""
        head = (self.v, self.type, subject, self.packs, self.key, self.holds)
        return b"steward letter\n" + "\n".join(map(str, head)).encode() + b"\n" + bytes(self.body)


_encoder = msgspec.json.Encoder()
_envelope = msgspec.json.Decoder(Envelope)
_decoders = {name: msgspec.json.Decoder(cls) for name, cls in _TYPES.items()}
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def raw(body: bytes) -> msgspec.Raw:
    """Bytes of JSON, to be part of a letter as they are."""
    return msgspec.Raw(body)


def enclose(letter: Letter | Output, packs: int = 0) -> Envelope:
    """The letter's envelope, without a signature."""
    body = msgspec.Raw(_encoder.encode(letter))
    return Envelope(WIRE_VERSION, _NAMES[type(letter)], b"", body, packs)


def written(envelope: Envelope) -> bytes:
    """As it travels, not packed."""
    return _encoder.encode(envelope)


def opened(payload: bytes) -> Envelope:
    """The envelope in ``payload``; its letter is still closed. Raises FrameError: not JSON, not
    ours, or another wire version."""
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
    return envelope


def letter_in(envelope: Envelope) -> Letter | Output:
    """What is in it. Raises FrameError: of no type that is known, or not what the type says."""
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
    return letter


def encode(letter: Letter | Output, packs: int = 0) -> bytes:
    """As it travels without keys."""
    return written(enclose(letter, packs))


def decode(payload: bytes) -> Letter | Output:
    """The letter in ``payload``, whoever has signed it. Raises FrameError."""
    return letter_in(opened(payload))
