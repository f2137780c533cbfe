"""I7: nothing starts after it expired, by its sender's clock as the receiver last knew it.

Where nobody touched either clock since the acceptance there is nothing to know: true time decides,
with the time from the receiver's last look to the ledger's line as the only margin. Otherwise the
receiver may have known no better: such a start is explained by the jump.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tests.torture.checker.clocks import REMEMBERED
from tests.torture.checker.facts import Fault
from tests.torture.checker.lab import Lab
from tests.torture.checker.verdicts import END, EXPIRY, Finding

MARGIN = 2.0
"""Seconds in which a busy machine gets from the last look at the clock to the ledger's line."""

ROUND_TRIP = 4.0
"""Seconds, the best of ten minutes, over the worst of the lab's links on a busy machine."""

FRESH = 60.0
"""Seconds for which a sender goes on without asking for its receiver's clock once more."""


class Timed(NamedTuple):
    """A start of a command that has an expiry. ``jumps``: of either clock since its acceptance;
    ``late``: seconds after its expiry, by its sender's clock as it really was."""

    id: str
    late: float
    still: float
    jumps: Sequence[Fault]


def find(lab: Lab) -> Iterator[Finding]:
    yield from _late(lab)
    yield from _early(lab)


def _late(lab: Lab) -> Iterator[Finding]:
    for start in timed(lab):
        if start.late > MARGIN + start.still:
            text = f"started {start.late:.2f} s after it had expired"
            nodes = sorted({node for fault in start.jumps for node in fault.who})
            excuse = f"clock of {', '.join(nodes)}" if nodes else ""
            yield Finding(EXPIRY, "I7", start.id, text, excuse)


def _early(lab: Lab) -> Iterator[Finding]:
    """What counts as expired has had its time, but for a round trip. That the sender's clock was
    ahead of what it is now is remembered for a while, and errs on the side of not starting; of a
    receiver's own jump those feel it that wait there, and those whose expiry was reckoned by an
    answer from the time when its clock was behind."""
    for offer, store, row in lab.judged():
        if row.state != "expired" or row.expires is None or row.ended_at is None:
            continue
        early, since = row.expires - row.ended_at, lab.accepted_t(offer, row)
        ended = lab.clocks.true_time(offer.frm, row.ended_at)
        if ended is not None:
            early = min(early, since + offer.ttl - ended)
        if early > ROUND_TRIP:
            upto = math.inf if ended is None else ended
            faults = lab.clocks.touching([offer.to], since, upto, {"clock"})
            faults += [
                fault
                for fault in lab.clocks.touching([offer.frm], since - REMEMBERED, upto, {"clock"})
                if float(fault.detail) > 0 or fault.until > since or ended is None
            ]
            faults += [
                fault
                for fault in lab.clocks.touching([offer.to], since - FRESH, since, {"clock"})
                if float(fault.detail) < 0 and fault not in faults
            ]
            excuse = f"clock of {', '.join(sorted({w for f in faults for w in f.who}))}"
            text = f"{store.name} says that it expired, {early:.2f} s before its time"
            yield Finding(END, "I4", offer.id, text, excuse if faults else "")


def timed(lab: Lab) -> Iterator[Timed]:
    """All there are."""
    for offer, _, row in lab.judged():
        if row.expires is not None and row.is_command:
            since = lab.accepted_t(offer, row)
            for start in lab.starts_of.get(offer.id, ()):
                late = start.wall + lab.clocks.offset(offer.frm, start.t) - row.expires
                # A process that was made to stand still between its look and its act.
                last = start.t - max(late, 0.0) - MARGIN
                still = lab.clocks.stopped(offer.to, last, start.t)
                nodes = (offer.frm, offer.to)
                jumps = [f for node in nodes for f in lab.clocks.jumps(node, since, start.t)]
                yield Timed(offer.id, late, still, jumps)
