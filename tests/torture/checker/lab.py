"""A lab folder, read: all that happened, by whom it was written down."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from tests.torture.checker.clocks import Clocks
from tests.torture.checker.facts import Ask, Entry, Exit, Fault, Offer, Sample
from tests.torture.checker.stores import Reported, Row, Store, read_store

T = TypeVar("T")
K = TypeVar("K")


ANSWERED_WITHIN = 5.0
"""Seconds that an offer waits for its answer."""


@dataclass(frozen=True)
class Line:
    """An event's line in a text log of one store."""

    store: Store
    sender: str
    place: int
    id: str
    text: str


@dataclass(frozen=True)
class Lab:
    """Offers in the order in which they were made, ledger lines in the order of the file; the
    stores of a node in the order of its lives, the last one last."""

    folder: Path
    offers: Sequence[Offer]
    entries: Sequence[Entry]
    faults: Sequence[Fault]
    asks: Sequence[Ask]
    exits: Sequence[Exit]
    samples: Sequence[Sample]
    stores: Mapping[str, Sequence[Store]]
    unreadable: Sequence[str]

    @cached_property
    def clocks(self) -> Clocks:
        times = [fact.t for facts in (self.offers, self.entries, self.faults) for fact in facts]
        span = (min(times, default=0.0), max(times, default=0.0))
        return Clocks(self.faults, [o.wall - o.t for o in self.offers], span)

    @cached_property
    def offers_of(self) -> Mapping[str, Sequence[Offer]]:
        return _grouped(self.offers, lambda offer: offer.id)

    @cached_property
    def starts_of(self) -> Mapping[str, Sequence[Entry]]:
        return _grouped((e for e in self.entries if e.what == "start"), lambda entry: entry.id)

    @cached_property
    def ends_of(self) -> Mapping[str, Sequence[Entry]]:
        return _grouped((e for e in self.entries if e.what == "end"), lambda entry: entry.id)

    @cached_property
    def asked(self) -> frozenset[str]:
        """Ids that somebody wanted cancelled."""
        return frozenset(ask.id for ask in self.asks if ask.act == "cancel")

    @cached_property
    def pulls(self) -> Mapping[str, Sequence[Ask]]:
        """Outputs that somebody fetched; the answer is the exit status of that."""
        return _grouped((ask for ask in self.asks if ask.act == "pull"), lambda ask: ask.id)

    @cached_property
    def quiet(self) -> float | None:
        """When the faults were over."""
        return max((f.t for f in self.faults if f.what == "quiet"), default=None)

    @cached_property
    def errors(self) -> Sequence[Reported]:
        """What nodes have reported of themselves, wherever it was kept."""
        return [e for stores in self.stores.values() for store in stores for e in store.errors]

    @cached_property
    def lines_of(self) -> Mapping[tuple[str, str], Sequence[Line]]:
        """(Sender, id) → where the text logs have its line."""
        lines = (
            Line(store, sender, place, text.partition(" ")[0], text)
            for stores in self.stores.values()
            for store in stores
            for sender, texts in store.texts.items()
            for place, text in enumerate(texts, 1)
        )
        return _grouped(lines, lambda line: (line.sender, line.id))

    def accepted_t(self, offer: Offer, row: Row) -> float:
        """When its sender accepted it; if its clock leaves that open, the earliest possible."""
        known = self.clocks.true_time(offer.frm, row.accepted_at)
        return offer.t - ANSWERED_WITHIN if known is None else known

    def rows(self, offer: Offer) -> list[tuple[Store, Row]]:
        """Where the sender has it: in its store, and in those that it lost."""
        found = [(store, store.rows.get(offer.id)) for store in self.stores.get(offer.frm, ())]
        return [(store, row) for store, row in found if row is not None]

    def judged(self) -> Iterator[tuple[Offer, Store, Row]]:
        """Every message that its sender's store has, by its first offer."""
        for offers in self.offers_of.values():
            for store, row in self.rows(offers[0]):
                yield offers[0], store, row


def read_lab(folder: Path) -> Lab:
    """Read it all. What cannot be read is listed, never skipped silently."""
    bad: list[str] = []
    ledgers = sorted((folder / "ledger").glob("*.log"))
    return Lab(
        folder=folder,
        offers=_lines(folder / "messages.jsonl", Offer.read, bad),
        entries=[entry for path in ledgers for entry in _entries(path, bad)],
        faults=sorted(_lines(folder / "faults.jsonl", Fault.read, bad), key=lambda f: f.t),
        asks=_lines(folder / "acts.jsonl", Ask.read, bad),
        exits=_lines(folder / "deaths.jsonl", Exit.read, bad),
        samples=_lines(folder / "pulse.jsonl", Sample.read, bad),
        stores=_stores(folder, bad),
        unreadable=bad,
    )


def _stores(folder: Path, bad: list[str]) -> Mapping[str, Sequence[Store]]:
    """``wiped/<node>-<k>/`` are earlier lives of ``<node>/``."""
    stores: dict[str, list[Store]] = defaultdict(list)
    lives = sorted((folder / "wiped").glob("*-*"), key=lambda p: int(p.name.rpartition("-")[2]))
    for path in lives:
        if (path / "steward.db").exists():
            node = path.name.rpartition("-")[0]
            stores[node].append(read_store(node, path, wiped=True))
        else:
            bad.append(f"wiped/{path.name} has no steward.db")
    for path in sorted(folder.glob("*/steward.db")):
        node = path.parent.name
        stores[node].append(read_store(node, path.parent, wiped=False))
    return stores


def _lines(path: Path, read: Callable[[Mapping[str, Any]], T], bad: list[str]) -> list[T]:
    found: list[T] = []
    text = path.read_text() if path.exists() else ""
    for number, line in enumerate(text.splitlines(), 1):
        try:
            found.append(read(json.loads(line)))
        except (ValueError, KeyError, TypeError) as error:
            bad.append(f"{path.name}, line {number}: {error!r}: {line[:100]}")
    return found


def _entries(path: Path, bad: list[str]) -> Iterator[Entry]:
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        try:
            yield Entry.read(path.stem, number, line)
        except ValueError as error:
            bad.append(f"ledger/{path.name}, line {number}: {error}: {line[:100]}")


def _grouped(facts: Iterable[T], key: Callable[[T], K]) -> Mapping[K, list[T]]:
    groups: dict[K, list[T]] = defaultdict(list)
    for fact in facts:
        groups[key(fact)].append(fact)
    return dict(groups)
