"""The facts that nodes tell each other inside messages: outcomes, starts, hellos, errors."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from steward.errors import Refused
from steward.message import Body, MessageId, State

T = TypeVar("T")


class Outcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a command ended: ``data[0]`` of a Result. Times are wall seconds on the node."""

    about: MessageId
    state: State
    reason: str = ""
    started: float | None = None
    ended: float | None = None
    result: dict[str, Any] | None = None


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """A best-effort word that a command has started: ``data[0]`` of a Running."""

    about: MessageId
    started: float


class Hello(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """``data[0]`` of a SayHello. Durations in seconds, ``clock`` in wall seconds."""

    start: str
    boot_id: str
    machine_id: str
    version: str
    interval: float
    uptime: float
    clock: float
    labels: dict[str, str] = {}
    queue: dict[str, int] = {}
    running_now: int = 0
    oldest_waiting: float = 0.0
    goodbye: bool = False


class ErrorFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """``data[0]`` of an ErrorLog. ``count``: how many equal ones it stands for."""

    code: str
    text: str
    level: str = "error"
    hint: str = ""
    time: float = 0.0
    message_id: str | None = None
    count: int = 1


def told(body: Body, facts: type[T]) -> T:
    """The facts in ``data[0]``. Raises Refused."""
    if len(body.data) != 1:
        raise Refused(f"data has {len(body.data)} elements", f"one: {facts.__name__} as JSON")
    try:
        return msgspec.json.decode(body.data[0], type=facts)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Refused(f"data[0] is no {facts.__name__}: {error}") from None


def tell(facts: msgspec.Struct) -> tuple[str]:
    """The same, as a message's data."""
    return (msgspec.json.encode(facts).decode(),)
