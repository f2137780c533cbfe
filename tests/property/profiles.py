"""What the simulator's worlds are like: their links, their faults and their work."""

from __future__ import annotations

from typing import NamedTuple


class Profile(NamedTuple):
    """One kind of world. Times in seconds, chances in 0..1."""

    name: str
    losses: tuple[tuple[str, str], ...] = ()
    """(node, how): stores that may be wiped, or put back from a backup."""
    lost: float = 0.25
    receipts_lost: float = 0.25
    repeated: float = 0.15
    longest_delay: float = 400.0
    slow: tuple[float, float] | None = None
    """The one-way delay of a link that is slow by nature: beyond four timeouts, some of it."""
    race: bool = False
    """Much is given up while it waits."""


WIPES = (("S", "wiped"), ("R", "wiped"))
RESTORES = (("S", "restored"), ("R", "restored"))

PLAIN = Profile("plain")
WIPED = Profile("wiped", losses=WIPES)
RESTORED = Profile("restored", losses=(*WIPES, *RESTORES))
RACE = Profile("race", lost=0.1, receipts_lost=0.6, race=True)
RACE_LOST = Profile("race_lost", losses=(*WIPES, *RESTORES), lost=0.1, receipts_lost=0.6, race=True)
SLOW = Profile("slow", slow=(3.0, 8.0))
SLOW_RACE = Profile("slow_race", slow=(1.0, 4.0), lost=0.1, receipts_lost=0.6, race=True)

PROFILES = {p.name: p for p in (PLAIN, WIPED, RESTORED, RACE, RACE_LOST, SLOW, SLOW_RACE)}
