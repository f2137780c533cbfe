"""I8: who is untouched waits for nobody; and how soon a healed node is heard of again."""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tests.torture.checker.lab import Lab
from tests.torture.checker.verdicts import WAITED, Finding

BOUND = 75.0
"""Seconds in which a message is handed over while nothing is wrong on its way: 60 is the longest
that a sender with no sign of life from a node waits before it tries again, and after a fault a
node has to find its broker first."""
HEALS = frozenset(
    {"kill", "stop", "broker", "cut", "blackhole", "oneway", "reset", "slow-consumer", "wipe"}
)


class Handoff(NamedTuple):
    """From its acceptance to its receipt, in true time."""

    accepted: float
    receipted: float
    id: str
    frm: str
    to: str


def handoffs(lab: Lab) -> list[Handoff]:
    """Of what was confirmed, as far as the sender's clock leaves no doubt. In order of receipt."""
    found: list[Handoff] = []
    for offer, store, row in lab.judged():
        if store.wiped or row.delivered_at is None or row.kind.endswith("NACK"):
            continue
        receipted = lab.clocks.true_time(offer.frm, row.delivered_at)
        accepted = lab.clocks.true_time(offer.frm, row.accepted_at)
        if receipted is None or accepted is None:
            continue
        if not lab.clocks.jumps(offer.frm, accepted, receipted):
            found.append(Handoff(accepted, receipted, offer.id, offer.frm, offer.to))
    return sorted(found, key=lambda h: h.receipted)


def find(lab: Lab) -> Iterator[Finding]:
    for handoff, seconds in untouched(lab):
        if seconds > BOUND:
            text = f"waited {seconds:.1f} s, though nothing was wrong with {handoff.frm}, "
            yield Finding(WAITED, "I8", handoff.id, f"{text}{handoff.to} or the broker")


def untouched(lab: Lab) -> Iterator[tuple[Handoff, float]]:
    """Each message that was handed over, and how long it waited while no fault was on its way, in
    all: counted from the last fault alone, a wait of minutes would pass for one of seconds."""
    for handoff in handoffs(lab):
        if handoff.receipted > handoff.accepted:
            way = (handoff.frm, handoff.to)
            faults = lab.clocks.touching(way, handoff.accepted, handoff.receipted)
            seconds, since = 0.0, handoff.accepted
            for fault in sorted(faults, key=lambda f: f.t):
                seconds += max(0.0, fault.t - since)
                since = max(since, fault.until)
            yield handoff, seconds + max(0.0, handoff.receipted - since)


def recoveries(lab: Lab) -> list[float]:
    """Seconds from each healing until something that had waited for it was receipted; counted
    where no other fault came between."""
    all_of_them = handoffs(lab)
    samples: list[float] = []
    for fault in lab.faults:
        if fault.what in HEALS and not math.isinf(fault.until):
            first = _first(all_of_them, fault.until, fault.who)
            if first is not None and not _disturbed(lab, first, fault.until):
                samples.append(first.receipted - fault.until)
    return samples


def _first(handoffs: Sequence[Handoff], healed: float, who: Sequence[str]) -> Handoff | None:
    start = bisect.bisect_right(handoffs, healed, key=lambda h: h.receipted)
    for handoff in handoffs[start:]:
        if handoff.accepted < healed and ("broker" in who or {handoff.frm, handoff.to} & set(who)):
            return handoff
    return None


def _disturbed(lab: Lab, handoff: Handoff, healed: float) -> bool:
    faults = lab.clocks.touching((handoff.frm, handoff.to), healed, handoff.receipted)
    return any(f.until > healed for f in faults)


def percentile(samples: Sequence[float], share: float) -> float | None:
    """By nearest rank."""
    ordered = sorted(samples)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None
