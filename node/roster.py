"""PURE: what a node's hellos, and its silence, say of it (DESIGN.md section 4)."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from steward.handoff.state import Now
from steward.records import Speaker

STALE_AFTER = 2.0
OFFLINE_AFTER = 4.0
"""Of the node's own hello intervals."""


class Presence(StrEnum):
    """A node's state, as far as this one can know it."""

    ONLINE = "online"
    STALE = "stale"
    OFFLINE = "offline"
    UNHEARD = "unheard"
    CONFLICT = "conflict"


class Sighting(NamedTuple):
    """What is known of a node's last hello. ``seen``: steady seconds; None: never."""

    seen: float | None
    interval: float
    goodbye: bool
    conflict: bool


def judge(sighting: Sighting, listening_since: float | None, now: Now) -> Presence:
    """``listening_since``: steady time since which this node's own link has been up without a
    break; None: it is down. Silence counts against a node only while somebody listened."""
    if sighting.conflict:
        return Presence.CONFLICT
    if sighting.goodbye:
        return Presence.OFFLINE
    if listening_since is None:
        return Presence.UNHEARD
    heard_since = sighting.seen is not None and sighting.seen >= listening_since
    silent = now.steady - (sighting.seen or 0.0 if heard_since else listening_since)
    if silent > OFFLINE_AFTER * sighting.interval:
        return Presence.OFFLINE
    if not heard_since:
        return Presence.UNHEARD
    return Presence.STALE if silent > STALE_AFTER * sighting.interval else Presence.ONLINE


def is_second_machine(history: Sequence[Speaker], speaking: Speaker) -> bool:
    """``history``: who had the name, oldest first. One that was replaced and speaks again means
    that two machines use it."""
    return speaking in history[:-1]
