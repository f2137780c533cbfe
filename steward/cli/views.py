"""PURE: what people are shown of messages: cells, ages, timelines."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from steward.cli import exits
from steward.message import HIDDEN, State
from steward.result import get_bytes

STYLES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("succeeded", "published", "online"), "green"),
    **dict.fromkeys(("failed", "timed_out", "refused", "unknown", "conflict", "error"), "red"),
    **dict.fromkeys(("undelivered", "expired", "interrupted", "stale", "warning"), "yellow"),
    **dict.fromkeys(("cancelled", "offline", "unheard"), "dim"),
    "running": "cyan",
}
_STEPS: Final = ("accepted", "sent", "delivered", "running", "ended")
_UNITS: Final = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"))


def seconds(value: float | None) -> str:
    """``3 s``, ``12 min``, ``5 h``, ``2 d``; empty: nothing to tell."""
    if value is None:
        return ""
    for size, unit in _UNITS:
        if value >= size:
            return f"{value / size:.0f} {unit}"
    return f"{value * 1000:.0f} ms" if value > 0 else "0 s"


def size(value: float) -> str:
    """Bytes, as ``12.3 MiB``."""
    if value < 1024:
        return f"{value:.0f} B"
    power = min(int(math.log(value, 1024)), 4)
    return f"{value / 1024**power:.1f} {('B', 'KiB', 'MiB', 'GiB', 'TiB')[power]}"


def moment(told: str | float | None) -> datetime | None:
    """An RFC 3339 time, or seconds since 1970; None if there is none that can be read."""
    try:
        if isinstance(told, int | float):
            return datetime.fromtimestamp(told, UTC)
        return datetime.fromisoformat(told) if told else None
    except (ValueError, OverflowError, OSError):
        return None


def ago(told: str | float | None, now: datetime) -> str:
    """How long ago a time was; in the future: ``in 5 min``."""
    when = moment(told)
    if when is None:
        return ""
    past = round((now - when).total_seconds())
    return seconds(past) if past >= 0 else f"in {seconds(-past)}"


def now() -> datetime:
    return datetime.now(UTC)


def state(message: Mapping[str, Any]) -> str:
    """``failed (exit 3)``, ``expired (unconfirmed)``, ``delivered (behind 0199…)``."""
    shown = str(message["state"])
    result = message.get("result") or {}
    if exits.is_unproved(message):
        return f"{shown} (unconfirmed)"
    if shown == State.FAILED and result.get("exitCode") is not None:
        return f"{shown} (exit {result['exitCode']})"
    if shown == State.FAILED and result.get("signal"):
        return f"{shown} (signal {result['signal']})"
    if exits.is_open(message) and (behind := message.get("behind")):
        return f"{shown} (behind {behind})"
    return shown


def what(message: Mapping[str, Any]) -> str:
    """What a message asks for, in one line: a shell command as it would be typed."""
    data = [str(item) for item in message.get("data") or ()]
    method = message.get("method")
    if message.get("secret"):
        return HIDDEN if method == "ShellCommand" else f"{method}: {HIDDEN}"
    if method == "ShellCommand":
        return shlex.join(data)
    return " ".join([f"{method}:", *data]) if data else str(method)


def stdin_size(message: Mapping[str, Any]) -> int | None:
    """Bytes that the command finds on its standard input; None: it finds nothing there."""
    try:
        return len(get_bytes(message, "stdin")) or None
    except ValueError:
        return None


def outcome(message: Mapping[str, Any]) -> str:
    """One sentence on how a message stands: its state, and why."""
    reason = message.get("reason")
    return f"{state(message)}: {reason}" if reason else state(message)


MESSAGE_HEADERS: Final = ("ID", "NODE", "STATE", "AGE", "WHAT")


def message_row(message: Mapping[str, Any], at: datetime) -> Sequence[str]:
    return (
        message["id"],
        message["toNode"],
        state(message),
        ago((message.get("times") or {}).get("accepted"), at),
        what(message)[:300],
    )


def message_style(column: int, row: Sequence[str]) -> str:
    return STYLES.get(row[2].split(" ")[0], "") if column == 2 else "dim" if column == 0 else ""


def timeline(message: Mapping[str, Any], at: datetime) -> Iterator[str]:
    """A message's whole story, line by line, without its output."""
    result = message.get("result") or {}
    yield f"{message['id']}  {message['toNode']}  {outcome(message)}"
    yield f"  {message['commandOrEvent']} {what(message)}"
    if (given := stdin_size(message)) is not None:
        yield f"  stdin {size(given)}"
    yield from _steps(message.get("times") or {}, int(message.get("attempts") or 0), at)
    if result:
        yield "  " + ", ".join(_facts(result))
    if exits.is_open(message) or exits.is_unproved(message):
        if message.get("nextAttempt"):
            yield f"  next attempt {ago(message['nextAttempt'], at)}"
        if message.get("expires"):
            yield f"  expires {ago(message['expires'], at)}"
    if (operator := who(message)) is not None:
        yield f"  operator {operator}"
    for key, label in (("fromNode", "from"), ("job", "job"), ("retryOf", "retry of")):
        if message.get(key):
            yield f"  {label} {message[key]}"


def who(message: Mapping[str, Any]) -> str | None:
    """Who handed it in: a user's name, ``uid 1234`` of one that has none; None: the machinery."""
    if message.get("operator"):
        return str(message["operator"])
    return None if message.get("uid") is None else f"uid {message['uid']}"


def _steps(times: Mapping[str, str | None], attempts: int, at: datetime) -> Iterator[str]:
    first = moment(times.get("accepted"))
    for name in _STEPS:
        when = moment(times.get(name))
        if when is None:
            continue
        text = f"  {name:<10}{when.astimezone():%Y-%m-%d %H:%M:%S}.{when.microsecond // 1000:03}"
        if name == "accepted" or first is None:
            text += f"  {ago(times[name], at)} ago"
        else:
            text += f"  +{(when - first).total_seconds():.3f} s"
        if name == "sent" and attempts > 1:
            text += f"  {attempts} attempts"
        yield text


def _facts(result: Mapping[str, Any]) -> Iterator[str]:
    if result.get("exitCode") is not None:
        yield f"exit code {result['exitCode']}"
    if result.get("signal"):
        yield f"signal {result['signal']}"
    if result.get("cpuSeconds") is not None:
        yield f"{result['cpuSeconds']:.3f} s of CPU"
    if result.get("maxRssBytes"):
        yield f"{size(result['maxRssBytes'])} of memory"
    for stream in ("stdout", "stderr"):
        if result.get(f"{stream}Size") is not None:
            yield f"{stream} {size(result[f'{stream}Size'])}"
