"""PURE: the samples of a soak as one table, and which values grow."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tests.bench.table import lines, shown
from tests.soak.samples import Sample
from tests.soak.slopes import Trend, trend

BOUNDS: Mapping[str, float] = {
    "rss": 2.0, "uss": 2.0, "fds": 2.0, "threads": 1.0, "tasks": 4.0, "wal": 2.0,
}  # fmt: skip
"""What may come to it in an hour: MiB, or how many."""
TOLD = ("rss", "uss", "pss", "fds", "threads", "tasks", "wal", "store")
"""Two of them are told, and not judged: ``pss`` is more when others that shared a page have ended,
and a store grows with every message that it keeps."""
JUDGED = 0.5
"""Of the measured time: a life that is shorter is not judged."""
HEAD = ("", "seconds", "", "first", "last", "highest", "an hour", "2nd half", "bound", "")


class Life(NamedTuple):
    """One process from a start to its end: its memory begins anew with each."""

    process: str
    pid: int


class Row(NamedTuple):
    """One value over one life."""

    life: Life
    seconds: float
    value: str
    trend: Trend
    word: str


def rows(samples: Sequence[Sample]) -> list[Row]:
    """For each life that is long enough, each value; in the order in which they began."""
    lives: dict[Life, list[Sample]] = defaultdict(list)
    for sample in samples:
        lives[Life(sample.process, sample.pid)].append(sample)
    measured = max((s.t for s in samples), default=0.0) - min((s.t for s in samples), default=0.0)
    found = []
    for life, some in lives.items():
        seconds = some[-1].t - some[0].t
        if seconds >= JUDGED * measured:
            found += _rows(life, seconds, some)
    return found


def _rows(life: Life, seconds: float, samples: Sequence[Sample]) -> list[Row]:
    found = []
    for value in TOLD:
        known = [(s.t, float(v)) for s in samples if (v := getattr(s, value)) is not None]
        found_trend = trend(known, BOUNDS.get(value, 0.0))
        if found_trend is not None:
            # The broker is a program of others: what it holds is told.
            is_ours = value in BOUNDS and life.process != "broker"
            word = found_trend.word if is_ours else "–"
            found.append(Row(life, seconds, value, found_trend, word))
    return found


def grown(found: Sequence[Row]) -> list[str]:
    """What grows, as ``central: pss``."""
    return [f"{row.life.process}: {row.value}" for row in found if row.word == "grows"]


def table(found: Sequence[Row]) -> str:
    """One line a value."""
    told: list[tuple[str, ...]] = [HEAD]
    before = None
    for row in found:
        slope = row.trend.slope
        told.append(
            (
                row.life.process if row.life != before else "",
                f"{row.seconds:.0f}" if row.life != before else "",
                f"{row.value}, MiB" if row.value in {"rss", "pss", "uss", "wal", "store"}
                else row.value,
                *(shown(v) for v in (row.trend.first, row.trend.last, row.trend.highest)),
                f"{slope.value:+.2f} ± {slope.error:.2f}",
                f"{row.trend.late.value:+.2f} ± {row.trend.late.error:.2f}",
                shown(BOUNDS[row.value]) if row.value in BOUNDS else "",
                row.word,
            )
        )  # fmt: skip
        before = row.life
    return "\n".join(lines(told, right={1, 3, 4, 5, 6, 7, 8}))
