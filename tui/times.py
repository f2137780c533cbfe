"""PURE: instants and durations in the words that the console uses for them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0


def instant(value: object) -> float | None:
    """Wall time in seconds from RFC 3339 text or a number; None where there is none."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return None
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return None


@dataclass(frozen=True)
class Clock:
    """Wall time now, in seconds, and the zone that times are shown in (None: this machine's)."""

    now: Callable[[], float] = field(default=time.time)
    zone: tzinfo | None = None

    def time(self, wall: float | None) -> str:
        """``14:03:22``, with the date in front if it isn't today's."""
        if wall is None:
            return "—"
        try:
            moment = datetime.fromtimestamp(wall, UTC).astimezone(self.zone)
            today = datetime.fromtimestamp(self.now(), UTC).astimezone(self.zone)
        except (OverflowError, OSError, ValueError):
            return "—"
        text = moment.strftime("%H:%M:%S")
        return text if moment.date() == today.date() else moment.strftime("%Y-%m-%d ") + text

    def day(self, wall: float) -> str:
        """``2026-03-14``."""
        return self._moment(wall).partition(" ")[0]

    def of_day(self, wall: float) -> str:
        """``14:03:22.417``, whatever the day."""
        return self._moment(wall).partition(" ")[2]

    def _moment(self, wall: float) -> str:
        try:
            moment = datetime.fromtimestamp(wall, UTC).astimezone(self.zone)
        except (OverflowError, OSError, ValueError):
            return "— —"
        return moment.strftime("%Y-%m-%d %H:%M:%S.") + f"{moment.microsecond // 1000:03d}"


def short(seconds: float | None) -> str:
    """A duration in at most five characters: ``12s``, ``3m``, ``2h``, ``41d``."""
    if seconds is None:
        return "—"
    seconds = max(seconds, 0.0)
    if seconds < MINUTE:
        return f"{seconds:.0f}s" if seconds < 59.5 else "1m"
    if seconds < HOUR:
        return f"{seconds // MINUTE:.0f}m"
    if seconds < 2 * DAY:
        return f"{seconds // HOUR:.0f}h"
    return f"{min(seconds // DAY, 9999):.0f}d"


def calm(seconds: float | None) -> str:
    """The same in steps of five seconds at first: a column of them isn't always on the move."""
    return short(seconds if seconds is None or seconds >= MINUTE else seconds // 5 * 5)


def long(seconds: float | None) -> str:
    """A duration in its two largest units: ``9 ms``, ``1.24 s``, ``3 min 20 s``, ``2 h 5 min``."""
    if seconds is None:
        return "—"
    seconds = max(seconds, 0.0)
    if 0 < seconds < 0.1:
        return f"{seconds * 1000:.2g} ms" if seconds < 0.0995 else "0.10 s"
    if seconds < MINUTE:
        whole = seconds >= 10 or seconds == int(seconds)
        return f"{seconds:.0f} s" if whole else f"{seconds:.2f} s"
    for unit, name, lesser, lesser_name in (
        (DAY, "d", HOUR, "h"),
        (HOUR, "h", MINUTE, "min"),
        (MINUTE, "min", 1.0, "s"),
    ):
        if seconds >= unit:
            rest = int(seconds % unit // lesser)
            head = f"{seconds // unit:.0f} {name}"
            return f"{head} {rest} {lesser_name}" if rest else head
    raise AssertionError("unreachable: every duration has a unit")


def until(wall: float | None, now: float) -> str:
    """Time left to ``wall``, ``now`` where it has passed."""
    if wall is None:
        return "—"
    return short(wall - now) if wall > now else "now"


def size(count: int | float | None) -> str:
    """Bytes in words: ``512 B``, ``13.2 KiB``."""
    if count is None:
        return "—"
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"
