"""The facts that nodes tell each other inside messages: outcomes, starts, hellos, errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from steward.errors import Refused
from steward.frames import AnId, Count, Wall
from steward.message import Body, State

MOST_ERROR_IDS = 100

T = TypeVar("T")
Seconds = Annotated[float, Meta(ge=0, le=1e11)]
Label = Annotated[str, Meta(max_length=256)]
Why = Annotated[str, Meta(max_length=1000)]
MOST_ALARMS = 16
Sum = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]


class Outcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a command ended: ``data[0]`` of a Result. Times are wall seconds on the node."""

    about: AnId
    state: State
    reason: str = ""
    started: Wall | None = None
    ended: Wall | None = None
    result: dict[str, Any] | None = None
    """See ``RunResult``."""


class RunResult(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a result may hold: sizes in bytes. ``B64``: in the place of text that isn't UTF-8."""

    exit_code: Annotated[int, Meta(ge=-(2**31), lt=2**31)] | None = None
    signal: Annotated[int, Meta(ge=0, lt=1024)] | None = None
    cpu_seconds: Seconds | None = None
    max_rss_bytes: Count | None = None
    stdout: str = ""
    stdout_b64: bytes = b""
    stdout_tail: str = ""
    stdout_tail_b64: bytes = b""
    stdout_size: Count = 0
    stdout_sha256: Sum = "0" * 64
    stdout_cut: Count = 0
    stdout_lost: Count = 0
    stderr: str = ""
    stderr_b64: bytes = b""
    stderr_tail: str = ""
    stderr_tail_b64: bytes = b""
    stderr_size: Count = 0
    stderr_sha256: Sum = "0" * 64
    stderr_cut: Count = 0
    stderr_lost: Count = 0


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """A best-effort word that a command has started: ``data[0]`` of a Running."""

    about: AnId
    started: Wall


class Hello(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """``data[0]`` of a SayHello. Durations in seconds, ``clock`` in wall seconds."""

    start: Label
    boot_id: Label
    machine_id: Label
    version: Label
    interval: Annotated[float, Meta(gt=0, le=1e9)]
    uptime: Seconds
    clock: Wall
    labels: Annotated[dict[Label, Label], Meta(max_length=64)] = {}
    queue: Annotated[dict[Label, Count], Meta(max_length=64)] = {}
    running_now: Count = 0
    oldest_waiting: Seconds = 0.0
    alarms: Annotated[tuple[Why, ...], Meta(max_length=MOST_ALARMS)] = ()
    """Whom it exchanges nothing with until somebody decides; it could not tell them otherwise."""
    goodbye: bool = False
    revocations: Count = 0
    """A number that grows with each revoked key that it knows of."""


class ErrorFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """``data[0]`` of an ErrorLog. ``count``: how many equal ones it stands for; ``message_ids``:
    the first of the messages that they befell."""

    code: Label
    text: str
    level: Label = "error"
    hint: str = ""
    time: Wall = 0.0
    message_ids: Annotated[list[AnId], Meta(max_length=MOST_ERROR_IDS)] = []
    count: Annotated[int, Meta(ge=1, lt=2**53)] = 1


def told(body: Body, facts: type[T]) -> T:
    """The facts in ``data[0]``. Raises Refused."""
    if len(body.data) != 1:
        raise Refused(f"data has {len(body.data)} elements", f"one: {facts.__name__} as JSON")
    try:
        return msgspec.json.decode(body.data[0], type=facts)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Refused(f"data[0] is no {facts.__name__}: {error}") from None


def tell(facts: msgspec.Struct | Mapping[str, Any]) -> tuple[str]:
    """The same, as a message's data."""
    return (msgspec.json.encode(facts).decode(),)
