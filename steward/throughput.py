"""How much a daemon gets done, minute by minute: the last hour, in memory alone."""

from __future__ import annotations

import time
from collections.abc import Callable

MINUTES = 60
COUNTED = ("accepted", "delivered", "ended", "received")
"""Messages taken in here, receipted by their node, ended for good, and come from other nodes;
the machinery's own as well."""


class Throughput:
    """``clock``: monotonic seconds. Nothing runs between two calls: minutes pass when it is used,
    so that counting costs an addition a commit."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._minute = int(clock() // 60)
        self._counts = {name: [0] * MINUTES for name in COUNTED}

    def add(self, name: str, count: int) -> None:
        """``count`` more messages of what is ``COUNTED``."""
        if count:
            self._catch_up()
            self._counts[name][-1] += count

    def last_hour(self) -> dict[str, list[int]]:
        """Messages per minute, the minute under way last."""
        self._catch_up()
        return {name: list(counts) for name, counts in self._counts.items()}

    def _catch_up(self) -> None:
        minute = int(self._clock() // 60)
        passed = min(MINUTES, minute - self._minute)
        self._minute = minute
        if passed:
            for counts in self._counts.values():
                counts[:] = counts[passed:] + [0] * passed
