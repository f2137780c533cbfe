"""PURE: small pictures of numbers: bars, sparklines, round trips."""

from __future__ import annotations

from collections.abc import Sequence

from tui.ink import Line, Tone, say
from tui.looks import BARS


def bar(share: float, cells: int, tone: Tone) -> Line:
    """A bar that is full at ``share`` 1; a little of something shows as one cell."""
    full = max(0, min(cells, round(share * cells)))
    if share > 0:
        full = max(full, 1)
    return (say("━" * full, tone), say("─" * (cells - full), Tone.FAINT))


def per_bar(count: int, cells: int) -> int:
    """How many of ``count`` values one bar stands for, if all are to fit ``cells``: a divisor, so
    that all bars stand for as many."""
    return next(
        n for n in range(1, count + 1) if count % n == 0 and (count // n <= cells or n == count)
    )


def sums(values: Sequence[int], each: int) -> list[int]:
    """Sums of ``each`` values."""
    return [sum(values[i : i + each]) for i in range(0, len(values), each)]


def spark(values: Sequence[float], tone: Tone, *, most: float | None = None) -> Line:
    """A bar a value, from nought up to the highest (or ``most``); nought is a dot."""
    top = most if most is not None else max(values, default=0)
    return tuple(
        say(BARS[min(7, int(value * 7.999 / top))], tone) if value > 0 < top
        else say("·", Tone.FAINT)
        for value in values
    )  # fmt: skip


def trip(seconds: float | None) -> str:
    """A round trip: ``1.2 ms``, ``612 ms``, ``1.24 s``."""
    if seconds is None:
        return "—"
    millis = seconds * 1000
    if millis < 9.95:
        return f"{max(millis, 0.0):.1f} ms"
    return f"{millis:.0f} ms" if millis < 999.5 else f"{seconds:.2f} s"
