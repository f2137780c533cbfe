"""What a message is: kinds, states, and the checks on everything that comes in."""

from __future__ import annotations

import enum
import hashlib
import os
import time
from collections.abc import Mapping
from typing import Annotated, NamedTuple, NewType

import msgspec

from steward import fields, subjects, units
from steward.errors import InvalidMessage, nearest
from steward.subjects import NodeName, Subject

MessageId = NewType("MessageId", str)

MAX_MESSAGE_BYTES = 512 * 1024
HIDDEN = "(secret)"
"""In the place of a secret message's data, wherever it is shown."""
NO_CONTROLS = r"^[^\x00-\x1f\x7f]*\Z"
_encode = msgspec.json.Encoder().encode


class Kind(enum.StrEnum):
    """A command is run and has a result, an event is delivered; ACK is confirmed, NACK is not."""

    COMMAND_ACK = "CommandACK"
    COMMAND_NACK = "CommandNACK"
    EVENT_ACK = "EventACK"
    EVENT_NACK = "EventNACK"

    @property
    def is_command(self) -> bool:
        return self in (Kind.COMMAND_ACK, Kind.COMMAND_NACK)

    @property
    def is_acked(self) -> bool:
        return self in (Kind.COMMAND_ACK, Kind.EVENT_ACK)


class State(enum.StrEnum):
    """A message's state as its sender sees it (DESIGN.md section 3)."""

    QUEUED = "queued"
    SENT = "sent"
    DELIVERED = "delivered"
    RUNNING = "running"
    PUBLISHED = "published"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    REFUSED = "refused"
    UNDELIVERED = "undelivered"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    UNKNOWN = "unknown"


OPEN = frozenset({State.QUEUED, State.SENT, State.DELIVERED, State.RUNNING})
FINAL = frozenset(State) - OPEN
NEVER_STARTED = frozenset({State.REFUSED, State.UNDELIVERED, State.EXPIRED, State.CANCELLED})


class Operator(NamedTuple):
    """Who handed a message in, as the system tells it; never as the message does. ``name`` may be
    empty where the system has none for the ``uid``."""

    name: str = ""
    uid: int | None = None


NOBODY = Operator()
"""The machinery itself, or nobody can tell."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One accepted message. Durations in seconds; ``ttl`` and ``method_timeout`` 0: none."""

    id: MessageId
    to: NodeName
    kind: Kind
    method: str
    data: tuple[str, ...]
    timeout: float
    retries: int
    ttl: float = 0.0
    method_timeout: float = 0.0
    parallel: bool = False
    job: str | None = None
    retry_of: MessageId | None = None
    operator: Operator = NOBODY
    stdin: bytes = b""
    secret: bool = False

    @property
    def subject(self) -> Subject:
        return subjects.subject(self.to, self.kind, self.method)

    @property
    def content(self) -> Body:
        """The part that travels unchanged."""
        text, coded = fields.as_text(self.stdin)
        return Body(
            data=self.data,
            stdin=text,
            stdin_b64=coded,
            method_timeout=self.method_timeout,
            parallel=self.parallel,
            secret=self.secret,
            operator=self.operator.name,
            operator_uid=self.operator.uid,
        )

    def body(self) -> bytes:
        """The same, as JSON."""
        return _encode(self.content)

    def digest(self) -> bytes:
        """Equal for equal content: what makes the same id the same message (16 bytes)."""
        content = (self.to, self.kind, self.method, self.data, self.timeout, self.retries)
        more = (self.ttl, self.method_timeout, self.parallel)
        # What older stores have digests of has none of these.
        latest = ((self.stdin, self.secret),) if self.stdin or self.secret else ()
        return hashlib.blake2b(_encode((content, more, *latest)), digest_size=16).digest()


class Body(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What a method is handed: the same bytes in the outbox, the frame and the inbox."""

    data: tuple[str, ...] = ()
    stdin: str = ""
    """What a program finds on its standard input; ``stdin_b64``: in its place, the same of bytes
    that are no UTF-8."""
    stdin_b64: bytes = b""
    secret: bool = False
    """Data, stdin and output are for the command alone: nobody logs, keeps or shows them."""
    method_timeout: Annotated[float, msgspec.Meta(ge=0, le=units.LONGEST)] = 0.0
    parallel: bool = False
    operator: Annotated[str, msgspec.Meta(max_length=256, pattern=NO_CONTROLS)] = ""
    """The user who handed it in at the node that sent it, as that node's daemon says."""
    operator_uid: Annotated[int, msgspec.Meta(ge=0, lt=2**32)] | None = None

    @property
    def stdin_bytes(self) -> bytes:
        return self.stdin_b64 or self.stdin.encode()

    @property
    def shown(self) -> tuple[str, ...]:
        """Its data, for people."""
        return (HIDDEN,) if self.secret else self.data

    @property
    def without_secrets(self) -> Body:
        """What is kept of a secret message's body after its end."""
        return msgspec.structs.replace(self, data=(), stdin="", stdin_b64=b"")


_decode = msgspec.json.Decoder(Body).decode


def is_secret(body: bytes) -> bool:
    """Whether a message with this body is secret; next to nothing for the many that are not."""
    return b'"secret"' in body and _decode(body).secret


class Defaults(msgspec.Struct, frozen=True, kw_only=True):
    """What a message is given where it says nothing: seconds, attempts, seconds (0: none)."""

    timeout: float = 10.0
    retries: int = 0
    ttl: float = 0.0


FIELDS: Mapping[str, str] = {
    "toNode": "to",
    "data": "data",
    "stdin": "stdin",
    "stdinB64": "stdin",
    "commandOrEvent": "kind",
    "method": "method",
    "timeout": "timeout",
    "retries": "retries",
    "ttl": "ttl",
    "methodTimeout": "method_timeout",
    "parallel": "parallel",
    "secret": "secret",
    "id": "id",
}


def new_id() -> MessageId:
    """A UUIDv7: sorts by the time it was made (RFC 9562, section 5.7)."""
    stamp = f"{time.time_ns() // 1_000_000:012x}"
    return MessageId(f"{stamp[:8]}-{stamp[8:]}-{_random_tail()}")


_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
_tails: list[str] = []
os.register_at_fork(after_in_child=_tails.clear)


def _random_tail() -> str:
    """What follows the time in an id. The random bits are taken from the system by the hundred:
    each time that it is asked, this thread may lose its turn to another one for long."""
    while True:
        try:
            return _tails.pop()
        except IndexError:
            pool = os.urandom(10 * 256).hex()
            _tails.extend(_tail(pool[at : at + 20]) for at in range(0, len(pool), 20))


def _tail(digits: str) -> str:
    return f"7{digits[:3]}-{_VARIANT[digits[3]]}{digits[4:7]}-{digits[7:19]}"


def check(
    raw: object,
    defaults: Defaults,
    methods: Mapping[str, frozenset[Kind]],
    *,
    job: str | None = None,
    retry_of: MessageId | None = None,
    operator: Operator = NOBODY,
) -> Message:
    """Turn decoded JSON into a message.

    ``methods`` maps each method this Steward knows to the kinds that it takes.
    Raises InvalidMessage, which names the field and, for a key, kind or method, the nearest known.
    """
    if not isinstance(raw, dict):
        raise InvalidMessage(
            f"a message is an object, not {fields.shown(raw)}", 'like {"toNode": …}'
        )
    for key in raw:
        if key not in FIELDS:
            raise InvalidMessage(f"unknown key {fields.shown(key)}", nearest(str(key), FIELDS))
    for key in ("toNode", "commandOrEvent", "method"):
        if key not in raw:
            raise InvalidMessage(f"{key} is missing", f"add {key!r}")
    kind = _kind(raw["commandOrEvent"])
    method = raw["method"]
    if not isinstance(method, str) or method not in methods:
        raise InvalidMessage(
            f"unknown method {fields.shown(method)}", nearest(str(method), methods)
        )
    if kind not in methods[method]:
        taken = ", ".join(sorted(methods[method]))
        raise InvalidMessage(f"{method} is not sent as {kind}", f"use {taken}")
    secret = fields.flag(raw.get("secret", False), "secret")
    message = Message(
        id=new_id() if raw.get("id") is None else MessageId(fields.id(raw["id"])),
        to=subjects.node_name(raw["toNode"]),
        kind=kind,
        method=method,
        data=fields.data(raw.get("data", []), secret=secret),
        secret=secret,
        stdin=fields.stdin(raw.get("stdin"), raw.get("stdinB64")),
        timeout=fields.timeout(raw.get("timeout", defaults.timeout)),
        retries=fields.retries(raw.get("retries", defaults.retries)),
        ttl=fields.duration(raw.get("ttl", defaults.ttl), "ttl"),
        method_timeout=fields.duration(raw.get("methodTimeout", 0.0), "methodTimeout"),
        parallel=fields.flag(raw.get("parallel", False), "parallel"),
        job=job,
        retry_of=retry_of,
        operator=operator,
    )
    if message.data == (HIDDEN,):
        raise InvalidMessage(
            "what a secret message was sent with is not kept", "send it anew, with its data"
        )
    size = len(message.body())
    if size > MAX_MESSAGE_BYTES:
        raise InvalidMessage(
            f"the message has {size:,} bytes, more than {MAX_MESSAGE_BYTES:,}",
            "send the content in parts, or let the node fetch it",
        )
    return message


_KINDS: Mapping[str, Kind] = {str(kind): kind for kind in Kind}


def _kind(value: object) -> Kind:
    kind = _KINDS.get(value) if isinstance(value, str) else None
    if kind is None:
        hint = nearest(str(value), _KINDS)
        raise InvalidMessage(f"unknown commandOrEvent {fields.shown(value)}", hint)
    return kind
