"""I7: nothing starts after it expired, by its sender's clock as the receiver last knew it.

Where nobody touched either clock since the acceptance there is nothing to know: true time decides,
with the time from the receiver's last look to the ledger's line as the only margin. Otherwise the
receiver may have known no better: such a start is explained by the jump.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.torture.checker.facts import Entry, Offer
from tests.torture.checker.lab import Lab
from tests.torture.checker.stores import Row
from tests.torture.checker.verdicts import EXPIRY, Finding

MARGIN = 2.0
"""Seconds in which a busy machine gets from the last look at the clock to the ledger's line."""


def find(lab: Lab) -> Iterator[Finding]:
    for offer, _, row in lab.judged():
        if row.expires is not None and row.is_command:
            for start in lab.starts_of.get(offer.id, ()):
                yield from _judge(lab, offer, row, row.expires, start)


def _judge(lab: Lab, offer: Offer, row: Row, expires: float, start: Entry) -> Iterator[Finding]:
    clocks = lab.clocks
    accepted = lab.accepted_t(offer, row)
    late = start.wall + clocks.offset(offer.frm, start.t) - expires
    # A process that was made to stand still between its look and its act is nobody's fault.
    still = clocks.stopped(offer.to, start.t - max(late, 0.0) - MARGIN, start.t)
    if late <= MARGIN + still:
        return
    jumps = [f for node in (offer.frm, offer.to) for f in clocks.jumps(node, accepted, start.t)]
    text = f"started {late:.2f} s after it had expired"
    excuse = f"clock of {', '.join(sorted({w for f in jumps for w in f.who}))}" if jumps else ""
    yield Finding(EXPIRY, "I7", offer.id, text, excuse)
