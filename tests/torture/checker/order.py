"""I3: what was given to one sender for one subject starts, or is written, in that order.

The order that counts is the sender's own, ``n``: concurrent offers by different ways have no
other. That ``n`` itself follows the offers that were made one after the other is judged, too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from tests.torture.checker.facts import Offer
from tests.torture.checker.lab import Lab
from tests.torture.checker.verdicts import ORDER, Finding

JUST = 2.0
"""Seconds in which a command whose runner was killed may still be getting to its first line."""


class Step(NamedTuple):
    """Something done for message ``n``, at ``place`` in the file that shows it."""

    place: int
    n: int
    id: str

    @property
    def where(self) -> str:
        return f"line {self.place}"

    def __str__(self) -> str:
        return f"{self.id} (n {self.n}, {self.where})"


def find(lab: Lab) -> Iterator[Finding]:
    yield from _starts(lab)
    yield from _texts(lab)
    yield from _acceptance(lab)


def _starts(lab: Lab) -> Iterator[Finding]:
    for (sender, _, _), steps in starts(lab).items():
        for late, early in _disorder(steps):
            text = f"accepted by {sender} before {early}, but started in {late.where}"
            yield Finding(ORDER, "I3", late.id, text, _dying(lab, late.id))


def starts(lab: Lab) -> Mapping[tuple[str, str, str], list[Step]]:
    """Of each lane (sender's store, receiver, method), those that wait for each other."""
    lanes: dict[tuple[str, str, str], list[Step]] = defaultdict(list)
    for offer, store, row in lab.judged():
        if row.kind == "CommandACK" and not row.parallel:
            for start in lab.starts_of.get(offer.id, ())[:1]:
                lanes[store.name, row.to, row.method].append(Step(start.place, row.n, offer.id))
    return lanes


def _dying(lab: Lab, id: str) -> str:
    """It had its process when its runner was killed, and the process wrote its line then."""
    offer, start = lab.offers_of[id][0], lab.starts_of[id][0]
    kills = lab.clocks.touching([offer.to], start.t - JUST, start.t, {"runner-kill", "wipe"})
    ends = {row.state for _, row in lab.rows(offer)}
    return f"{kills[-1].what} of {offer.to}" if kills and ends & {"interrupted", "unknown"} else ""


def _texts(lab: Lab) -> Iterator[Finding]:
    for (sent_by, logged_by), steps in lines(lab).items():
        for late, early in _disorder(steps):
            text = f"accepted by {sent_by} before {early}, but in {late.where} of {logged_by}"
            yield Finding(ORDER, "I3", late.id, text)


def lines(lab: Lab) -> Mapping[tuple[str, str], list[Step]]:
    """Of each pair of stores, what the one logged for the other."""
    logs: dict[tuple[str, str], list[Step]] = defaultdict(list)
    for offer, sender, row in lab.judged():
        if row.kind == "EventACK" and row.method == "TextLogging":
            for line in lab.lines_of.get((offer.frm, offer.id), ()):
                logs[sender.name, line.store.name].append(Step(line.place, row.n, offer.id))
    return logs


def _disorder(steps: Iterable[Step]) -> Iterator[tuple[Step, Step]]:
    """Steps that come behind one which was accepted later: each with the first such."""
    highest: Step | None = None
    for step in sorted(steps):
        if highest is not None and step.n < highest.n:
            yield step, highest
        if highest is None or step.n > highest.n:
            highest = step


def _acceptance(lab: Lab) -> Iterator[Finding]:
    """Each sender was offered one batch after the other. Files are read behind the rest; what was
    offered again may have been accepted either time."""
    orders: dict[tuple[str, str, str, str, bool], list[Step]] = defaultdict(list)
    for place, (offer, store, row) in enumerate(lab.judged()):
        if _once(lab, offer) and not offer.kind.endswith("NACK"):
            way = (store.name, offer.to, offer.kind, offer.method, offer.way == "file")
            orders[way].append(Step(place, row.n, offer.id))
    for way, steps in orders.items():
        for late, early in _disorder(steps):
            text = f"offered after {early.id}, yet accepted by {way[0]} before it"
            yield Finding(ORDER, "I3", late.id, text)


def _once(lab: Lab, offer: Offer) -> bool:
    return len(lab.offers_of[offer.id]) == 1
