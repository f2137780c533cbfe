"""I2: nothing was done twice. And each proved end is told once, in the sender's own journal."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator

from tests.torture.checker.lab import Lab
from tests.torture.checker.stores import Row, Store
from tests.torture.checker.verdicts import RECORD, TWICE, Finding

BREAKING = frozenset({
    "broker", "profile", "cut", "blackhole", "oneway", "reset", "slow-consumer", "stop", "kill",
    "wipe",
})  # fmt: skip
NOTICED = 15.0
"""Seconds after which a node has noticed, at the latest, that its link is gone."""


def find(lab: Lab) -> Iterator[Finding]:
    yield from _starts(lab)
    yield from _texts(lab)
    for stores in lab.stores.values():
        for store in stores:
            yield from _journal(lab, store)
            yield from (Finding(RECORD, "I1", store.name, text) for text in store.troubles)


def _starts(lab: Lab) -> Iterator[Finding]:
    """A start for each store that accepted the id: one, unless the lab gave it to a new store."""
    for id, starts in lab.starts_of.items():
        if len(starts) < 2:
            continue
        offers = lab.offers_of.get(id, ())
        stores = lab.rows(offers[0]) if offers else []
        places = ", ".join(f"{s.node} at {s.t:.2f}" for s in starts)
        excuse = f"accepted by {len(stores)} stores of {offers[0].frm}" if stores[1:] else ""
        allowed = len(starts) <= len(stores)
        text = f"started {len(starts)} times: {places}"
        yield Finding(TWICE, "I2", id, text, excuse if allowed else "")


def _texts(lab: Lab) -> Iterator[Finding]:
    for (_, id), lines in lab.lines_of.items():
        logged = Counter(line.store.name for line in lines)
        for name, count in logged.items():
            if count > 1:
                yield Finding(TWICE, "I2", id, f"{count} lines of it in the log of {name}")
        offers = lab.offers_of.get(id, ())
        if offers and offers[0].kind == "EventNACK" and len(logged) > 1:
            yield Finding(TWICE, "I2", id, f"sent once, and logged by {', '.join(sorted(logged))}")


def _journal(lab: Lab, store: Store) -> Iterator[Finding]:
    """It is written behind the store, which knows what it still lacks."""
    accepted: Counter[str] = Counter()
    final: dict[str, list[str]] = defaultdict(list)
    for line in store.journal:
        if line.get("event") == "accepted":
            accepted[line["id"]] += 1
        else:
            final[line["id"]].append(line["state"])
    for row in store.rows.values():
        if row.hidden:
            continue
        states = final.pop(row.id, [])
        told = accepted.pop(row.id, 0)
        if told > 1 or (told == 0 and row.n not in store.untold):
            yield Finding(RECORD, "I1", row.id, f"{told} acceptances in {store.name}'s journal")
        ends = [s for i, s in enumerate(states) if i or s != "unknown" or len(states) == 1]
        if len(ends) > 1:
            text = f"{store.name}'s journal has more than one end of it: {', '.join(states)}"
            is_late = row.kind.endswith("NACK") and ends == ["published", "undelivered"]
            excuse = _link_lost(lab, store, row) if is_late else ""
            yield Finding(RECORD, "I1", row.id, text, excuse)
        elif row.n not in store.untold and row.confirmed and ends != [row.state]:
            text = f"it is {row.state}, and {store.name}'s journal says {ends or 'nothing'}"
            yield Finding(RECORD, "I1", row.id, text)
    for id in {*accepted, *final}:
        text = f"{store.name}'s journal has it, and its store does not"
        yield Finding(RECORD, "I1", id, text)


def _link_lost(lab: Lab, store: Store, row: Row) -> str:
    """What broke the link while a notice was being published: it counts as published before it is,
    so that it never is twice."""
    offers = lab.offers_of.get(row.id, ())
    since = lab.accepted_t(offers[0], row) if offers else 0.0
    ended = lab.clocks.true_time(store.node, row.ended_at)
    upto = math.inf if ended is None else ended
    faults = lab.clocks.touching([store.node], since - NOTICED, upto, BREAKING)
    return f"{faults[-1].what} of {faults[-1].who[0]} while it was published" if faults else ""
