"""PURE: how often senders have used the permits that have a rate, in sliding windows."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Final, NamedTuple

from steward.permit_rules import Permit

_PURGE_AT: Final = 1024


class _Window(NamedTuple):
    """Its length in seconds, and when each message was counted (steady seconds), oldest first."""

    seconds: float
    counted: OrderedDict[Hashable, float]

    def forget(self, now: float) -> None:
        while self.counted and next(iter(self.counted.values())) <= now - self.seconds:
            self.counted.popitem(last=False)


class Room(NamedTuple):
    """``left``: messages that may follow at once; ``again``: seconds until one may, 0: now."""

    left: int
    again: float


class Rates:
    """Counts by entry and sender. It is in memory alone: a restart of the daemon begins anew, a
    reload keeps what was counted of an entry that says the same as before. From any thread."""

    def __init__(self) -> None:
        self._windows: dict[tuple[Hashable, str], _Window] = {}
        self._purge_at = _PURGE_AT
        self._lock = threading.Lock()

    def take(self, permit: Permit, frm: str, message: Hashable, now: float) -> float:
        """Count a message of ``frm``; one that was counted is not counted again. 0: there was room;
        else the seconds until there will be, and it was not counted. ``now``: steady seconds."""
        with self._lock:
            window = self._window(permit, frm, now)
            if message in window.counted:
                return 0.0
            room = _room(permit, window, now)
            if room.left > 0:
                window.counted[message] = now
                self._windows[_key(permit, frm)] = window
                self._purge(now)
            return room.again

    def room(self, permit: Permit, frm: str, now: float) -> Room:
        """What is left to ``frm``, without counting anything."""
        with self._lock:
            return _room(permit, self._window(permit, frm, now), now)

    def _window(self, permit: Permit, frm: str, now: float) -> _Window:
        assert permit.rate is not None
        fresh = _Window(permit.rate.seconds, OrderedDict())
        window = self._windows.get(_key(permit, frm), fresh)
        window.forget(now)
        return window

    def _purge(self, now: float) -> None:
        """Names are cheap for whoever makes them up: what they have left behind goes."""
        if len(self._windows) < self._purge_at:
            return
        for window in self._windows.values():
            window.forget(now)
        self._windows = {key: window for key, window in self._windows.items() if window.counted}
        self._purge_at = max(_PURGE_AT, 2 * len(self._windows))


def _room(permit: Permit, window: _Window, now: float) -> Room:
    assert permit.rate is not None
    left = permit.rate.most - len(window.counted)
    if left > 0:
        return Room(left, 0.0)
    return Room(0, next(iter(window.counted.values())) + window.seconds - now)


def _key(permit: Permit, frm: str) -> tuple[Hashable, str]:
    """An entry by what it says, so that it is found again after a reload."""
    return permit._replace(limits={}, longest=0.0)[:-1], frm
