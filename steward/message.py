"""What a message is: kinds, states, and the checks on everything that comes in."""

from __future__ import annotations

import enum
import hashlib
import os
import re
import time
from collections.abc import Mapping
from typing import Annotated, Any, NewType

import msgspec

from steward import subjects
from steward.errors import InvalidMessage, nearest
from steward.subjects import NodeName, Subject

MessageId = NewType("MessageId", str)

MAX_MESSAGE_BYTES = 512 * 1024
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_METHOD = re.compile(r"[A-Za-z0-9_-]{1,63}")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)?")
_UNIT = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, None: 1.0}
_encode = msgspec.json.Encoder().encode
_LONGEST = 100 * 365 * 86400.0


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

    @property
    def subject(self) -> Subject:
        return subjects.subject(self.to, self.kind, self.method)

    @property
    def content(self) -> Body:
        """The part that travels unchanged."""
        return Body(data=self.data, method_timeout=self.method_timeout, parallel=self.parallel)

    def body(self) -> bytes:
        """The same, as JSON."""
        return _encode(self.content)

    def digest(self) -> bytes:
        """Equal for equal content: what makes the same id the same message (16 bytes)."""
        content = (self.to, self.kind, self.method, self.data, self.timeout, self.retries)
        more = (self.ttl, self.method_timeout, self.parallel)
        return hashlib.blake2b(_encode((content, more)), digest_size=16).digest()


class Body(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What a method is handed: the same bytes in the outbox, the frame and the inbox."""

    data: tuple[str, ...] = ()
    method_timeout: Annotated[float, msgspec.Meta(ge=0, le=_LONGEST)] = 0.0
    parallel: bool = False


class Defaults(msgspec.Struct, frozen=True, kw_only=True):
    """What a message is given where it says nothing: seconds, attempts, seconds (0: none)."""

    timeout: float = 10.0
    retries: int = 0
    ttl: float = 0.0


FIELDS: Mapping[str, str] = {
    "toNode": "to",
    "data": "data",
    "commandOrEvent": "kind",
    "method": "method",
    "timeout": "timeout",
    "retries": "retries",
    "ttl": "ttl",
    "methodTimeout": "method_timeout",
    "parallel": "parallel",
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


def duration(value: object, what: str) -> float:
    """Seconds from a number or from ``90s``, ``10m``, ``2h``, ``7d``. Raises InvalidMessage."""
    if type(value) is float and 0.0 <= value <= _LONGEST:
        return value  # almost always
    if isinstance(value, str) and (match := _DURATION.fullmatch(value.strip())):
        value = float(match[1]) * _UNIT[match[2]]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LONGEST:
        raise InvalidMessage(
            f"{what} is {_shown(value)}, not a duration", "seconds, or 90s, 10m, 2h, 7d"
        )
    return float(value)


def check(
    raw: object,
    defaults: Defaults,
    methods: Mapping[str, frozenset[Kind]],
    *,
    job: str | None = None,
    retry_of: MessageId | None = None,
) -> Message:
    """Turn decoded JSON into a message.

    ``methods`` maps each method this Steward knows to the kinds that it takes.
    Raises InvalidMessage, which names the field and, for a key, kind or method, the nearest known.
    """
    if not isinstance(raw, dict):
        raise InvalidMessage(f"a message is an object, not {_shown(raw)}", 'like {"toNode": …}')
    for key in raw:
        if key not in FIELDS:
            raise InvalidMessage(f"unknown key {_shown(key)}", nearest(str(key), FIELDS))
    for key in ("toNode", "commandOrEvent", "method"):
        if key not in raw:
            raise InvalidMessage(f"{key} is missing", f"add {key!r}")
    kind = _kind(raw["commandOrEvent"])
    method = raw["method"]
    if not isinstance(method, str) or method not in methods:
        raise InvalidMessage(f"unknown method {_shown(method)}", nearest(str(method), methods))
    if kind not in methods[method]:
        taken = ", ".join(sorted(methods[method]))
        raise InvalidMessage(f"{method} is not sent as {kind}", f"use {taken}")
    message = Message(
        id=_id(raw.get("id")),
        to=subjects.node_name(raw["toNode"]),
        kind=kind,
        method=method,
        data=_data(raw.get("data", [])),
        timeout=_timeout(raw.get("timeout", defaults.timeout)),
        retries=_retries(raw.get("retries", defaults.retries)),
        ttl=duration(raw.get("ttl", defaults.ttl), "ttl"),
        method_timeout=duration(raw.get("methodTimeout", 0.0), "methodTimeout"),
        parallel=_flag(raw.get("parallel", False)),
        job=job,
        retry_of=retry_of,
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
        raise InvalidMessage(f"unknown commandOrEvent {_shown(value)}", hint)
    return kind


def _id(value: object) -> MessageId:
    if value is None:
        return new_id()
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise InvalidMessage(f"id is {_shown(value)}", "1 to 64 letters, digits, '_' or '-'")
    return MessageId(value)


def _data(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise InvalidMessage(f"data is {_shown(value)}", "an array of strings")
    for i, item in enumerate(value):
        if not isinstance(item, str):
            raise InvalidMessage(f"data[{i}] is {_shown(item)}", "a string: put it in quotes")
        try:
            item.encode()
        except UnicodeEncodeError:
            raise InvalidMessage(f"data[{i}] has half a surrogate pair", "valid Unicode") from None
    return tuple(value)


def _timeout(value: object) -> float:
    seconds = duration(value, "timeout")
    if seconds <= 0:
        raise InvalidMessage("timeout is 0", "the seconds to wait for a receipt, above 0")
    return seconds


def _retries(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 1_000_000:
        raise InvalidMessage(
            f"retries is {_shown(value)}", "attempts, a whole number; 0: until it expires"
        )
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise InvalidMessage(f"parallel is {_shown(value)}", "true or false")
    return value


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"
