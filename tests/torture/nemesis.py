"""PURE: which faults befall whom, and when: a function of the seed alone."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import msgspec

HOUR = 3600.0
TO_1970 = -1_790_000_000.0
"""Seconds from today to 1970, about."""
PROFILES = ("GSM", "SATELLITE", "LOSSY_SATELLITE", "NARROW")
TRIES = 10


class Fault(msgspec.Struct, frozen=True):
    """``at`` and ``lasts`` in seconds, from the start of the run and from then on."""

    at: float
    what: str
    who: str
    lasts: float
    detail: str = ""

    @property
    def victims(self) -> frozenset[str]:
        """What it has for itself: faults of one victim never overlap."""
        part = PARTS[self.what]
        if self.what == "wipe":
            return frozenset(f"{each}:{self.who}" for each in ("process", "runner", "link"))
        return frozenset({f"{part}:{self.who}"})


# what → (the part of a node that it befalls, cards in a deck, shortest, longest)
MENU = {
    "kill": ("process", 5, 0.2, 5.0),
    "stop": ("process", 2, 0.5, 6.0),
    "runner-kill": ("runner", 2, 0.0, 0.0),
    "runner-stop": ("runner", 1, 0.5, 4.0),
    "broker": ("broker", 2, 0.1, 4.0),
    "profile": ("link", 3, 4.0, 14.0),
    "cut": ("link", 2, 0.2, 5.0),
    "blackhole": ("link", 2, 2.0, 10.0),
    "oneway": ("link", 2, 2.0, 10.0),
    "reset": ("link", 2, 0.0, 0.0),
    "slow-consumer": ("link", 1, 2.0, 9.0),
    "clock": ("clock", 2, 3.0, 15.0),
}
PARTS = {what: part for what, (part, *_) in MENU.items()} | {"wipe": "process"}
CENTRAL = 0.3
"""Share of a fault's cases that befall central: everything goes through it."""


def plan(seed: int, seconds: float, ships: Sequence[str]) -> list[Fault]:
    """One every 1 to 5 s, in order of time; all are over ``seconds`` after the start. They are
    dealt from a shuffled deck, so that even a short run has one of each kind."""
    random = Random(f"faults {seed}")
    faults: list[Fault] = []
    wiped = _wipe(random, seconds, ships)
    if wiped is not None:
        faults.append(wiped)
    deck: list[str] = []
    at = random.uniform(1.0, 3.0)
    while at < seconds - 1.0:
        if not deck:
            deck = [what for what, (_, cards, *_) in MENU.items() for _ in range(cards)]
            random.shuffle(deck)
        fault = _aim(random, deck.pop(), at, seconds, ships, faults)
        if fault is not None:
            faults.append(fault)
        at += random.uniform(1.0, 5.0)
    return sorted(faults, key=lambda fault: fault.at)


def _wipe(random: Random, seconds: float, ships: Sequence[str]) -> Fault | None:
    """One node loses its disk, in the middle of a run that is long enough."""
    if seconds < 30:
        return None
    return Fault(seconds * random.uniform(0.4, 0.6), "wipe", random.choice(ships), 1.0)


def _aim(
    random: Random,
    what: str,
    at: float,
    seconds: float,
    ships: Sequence[str],
    faults: Sequence[Fault],
) -> Fault | None:
    """None: whoever it could befall is busy with another."""
    _, _, shortest, longest = MENU[what]
    for _ in range(TRIES):
        who = "central" if random.random() < CENTRAL else random.choice(ships)
        lasts = min(random.uniform(shortest, longest), seconds - at)
        who = "broker" if what == "broker" else who
        fault = Fault(at, what, who, lasts, _detail(random, what))
        if not any(_meet(fault, other) for other in faults):
            return fault
    return None


def _detail(random: Random, what: str) -> str:
    if what == "broker":
        return random.choice(("kill", "stop", "pause"))
    if what == "profile":
        return random.choice(PROFILES)
    if what == "oneway":
        return random.choice(("up", "down"))
    if what == "clock":
        return str(random.choice((HOUR, -HOUR, TO_1970)))
    return ""


def _meet(one: Fault, other: Fault) -> bool:
    """Whether they would befall the same victim at the same time."""
    apart = one.at > other.at + other.lasts or other.at > one.at + one.lasts
    return not apart and bool(one.victims & other.victims)
