"""PURE: how long a peer's answers take, so that nothing is sent again while one is on its way."""

from __future__ import annotations

from dataclasses import dataclass

AGAIN = 2.0
"""Seconds, at least, from a lane's last try to the next one when the peer shows signs of life."""
LARGE = 4096
"""Bytes of bodies from which on the width of a link shows in how long the answer takes."""
QUICKEST = 1e-6
"""Seconds a byte."""
MOST_TIMEOUTS = 4.0
"""However slow the link seems."""


@dataclass(slots=True)
class Pace:
    """Of everything that goes to one peer. Sizes are bytes of bodies, times seconds."""

    trip: float | None = None
    """The shortest time that an answer took."""
    per_byte: float | None = None
    """What it took longer for each byte, as the last answers say."""

    def learn(self, size: int, took: float) -> None:
        self.trip = took if self.trip is None else min(self.trip, took)
        if size >= LARGE:
            now = max(QUICKEST, (took - self.trip) / size)
            # Up step by step: an answer may be late for many reasons, and early for none.
            self.per_byte = now if self.per_byte is None else min(now, 2 * self.per_byte)

    def overdue(self, size: int, timeout: float) -> float:
        """Seconds after which the answer should long have been there: twice what it takes. A
        quarter of the timeout where nobody knows: that is what frames are made for."""
        if self.trip is None or (size >= LARGE and self.per_byte is None):
            return timeout / 4
        expected = self.trip + size * (self.per_byte or 0.0)
        return min(2 * expected, MOST_TIMEOUTS * timeout)
