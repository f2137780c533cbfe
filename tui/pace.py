"""PURE: what has to be read again, which rows of it, and when: often, but never without rest."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from math import inf

MESSAGES = "messages"
MIN_GAP = 0.25
"""Seconds between two readings of one part: at most four a second."""
REST = 9
"""A reading is followed by this many times its length of rest: what takes the daemon long costs it
a tenth of a core at most."""
OTHERS = 2.0
"""Seconds after which a part is read again for what has only happened beside it."""
WHOLE = 5.0
"""Seconds after which the newest page is read again while single messages keep changing."""
MOST = 200
"""Messages that are read alone when they have changed: if more have, the newest page is."""


class Pace:
    """What is read are parts of what the screen wants, and of ``MESSAGES`` single rows, too. Times
    are monotonic seconds."""

    def __init__(self) -> None:
        self._stale: set[str] = set()
        self._urgent: set[str] = set()
        self._due: dict[str, float] = {}
        self._read: dict[str, float] = {}
        self._whole = 0.0
        self._ids: set[str] | None = None

    def anew(self, *parts: str) -> None:
        """These are to be read at once, whatever was read of them."""
        for part in parts:
            self._stale.add(part)
            self._urgent.add(part)
            self._due.pop(part, None)
            if part == MESSAGES:
                self._ids = None

    def again(self, *parts: str) -> None:
        """Something of these has changed."""
        self._stale.update(parts)

    def itself(self, part: str) -> None:
        """Just what this part is about has changed, whatever has happened ``beside`` it."""
        self._stale.add(part)
        if part in self._due:
            self._due[part] = min(self._due[part], self._read.get(part, 0.0) + MIN_GAP)

    def beside(self, part: str) -> None:
        """Something has changed that this part may say a word of."""
        if part not in self._stale:
            self._stale.add(part)
            soon = self._read.get(part, 0.0) + OTHERS
            self._due[part] = max(self._due.get(part, 0.0), soon)

    def messages(self, ids: Collection[str] | None) -> None:
        """These messages have changed; None: too many to name."""
        self._stale.add(MESSAGES)
        self._ids = None if ids is None or self._ids is None else self._ids | set(ids)

    def ready(self, wanted: Iterable[str], now: float) -> list[str]:
        """Which of the wanted parts are to be read now."""
        return [part for part in wanted if part in self._stale and self._due.get(part, 0.0) <= now]

    def is_urgent(self, wanted: Iterable[str]) -> bool:
        """Whether one of the wanted parts was asked for, and not read yet."""
        return any(part in self._urgent for part in wanted)

    def wait(self, wanted: Iterable[str], now: float) -> float:
        """Seconds until one of the wanted parts is."""
        due = (self._due.get(part, 0.0) for part in wanted if part in self._stale)
        return max(min(due, default=inf) - now, 0.0)

    def take(self, part: str) -> bool:
        """The part is being read. Whether somebody has just asked for it."""
        self._stale.discard(part)
        urgent = part in self._urgent
        self._urgent.discard(part)
        return urgent

    def changed(self, now: float) -> frozenset[str] | None:
        """Which messages to read; None: the newest."""
        ids, self._ids = self._ids, set()
        if ids is None or len(ids) > MOST or now - self._whole > WHOLE:
            self._whole = now
            return None
        return frozenset(ids)

    def done(self, part: str, began: float, now: float, *, rests: bool = True) -> None:
        """It was read; without ``rests`` it goes on at once."""
        self._read[part] = now
        if rests and part not in self._urgent:
            self._due[part] = now + max(MIN_GAP - (now - began), REST * (now - began))
