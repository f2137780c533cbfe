"""Faults on a line of time: whom they touched when, and what the nodes' clocks showed meanwhile."""

from __future__ import annotations

import statistics
from collections.abc import Collection, Iterable, Sequence

from tests.torture.checker.facts import Fault

BROKER = "broker"
REMEMBERED = 600.0
"""Seconds for which a node goes on reckoning with what another's clock once showed."""
_MARKS = frozenset({"quiet"})
"""Lines that say something, but befall nobody."""
ASIDE = 300.0
"""Seconds before the first and after the last known moment in which a clock may have been read."""


class Clocks:
    """``apart``: samples of true wall clock minus t. ``span``: when the first and the last thing
    happened that anybody has written down."""

    def __init__(
        self, faults: Sequence[Fault], apart: Sequence[float], span: tuple[float, float]
    ) -> None:
        self._first, self._last = span[0] - ASIDE, span[1] + ASIDE
        self._faults = [fault for fault in faults if fault.what not in _MARKS]
        self._apart = statistics.median(apart) if apart else 0.0

    def touching(
        self, who: Iterable[str], since: float, upto: float, what: Collection[str] = ()
    ) -> list[Fault]:
        """Faults that befell one of them, or the broker, at any moment between the two times."""
        names = {*who, BROKER}
        return [
            f
            for f in self._faults
            if f.t <= upto
            and f.until >= since
            and names & set(f.who)
            and (not what or f.what in what)
        ]

    def offset(self, node: str, t: float) -> float:
        """What the lab had added to the node's clock at ``t``."""
        added = [float(f.detail) for f in self._clock_faults(node) if f.t <= t < f.until]
        return added[-1] if added else 0.0

    def jumps(self, node: str, since: float, upto: float) -> list[Fault]:
        """The faults that moved the node's clock between the two times."""
        return [
            f for f in self._clock_faults(node) if since <= f.t <= upto or since <= f.until <= upto
        ]

    def true_time(self, node: str, wall: float | None) -> float | None:
        """When the node's clock showed ``wall``; None if that is not certain."""
        if wall is None:
            return None
        faults = self._clock_faults(node)
        added = {0.0, *(float(f.detail) for f in faults)}
        times = [wall - self._apart - seconds for seconds in added]
        fitting = [
            t
            for t, seconds in zip(times, added, strict=True)
            if self._first <= t <= self._last and self.offset(node, t) == seconds
        ]
        return fitting[0] if len(fitting) == 1 else None

    def stopped(self, node: str, since: float, upto: float) -> float:
        """Seconds between the two times that a process of the node was made to stand still."""
        return sum(
            max(0.0, min(f.until, upto) - max(f.t, since))
            for f in self._faults
            if f.what in ("stop", "runner-stop") and node in f.who
        )

    def _clock_faults(self, node: str) -> list[Fault]:
        return [f for f in self._faults if f.what == "clock" and node in f.who]
