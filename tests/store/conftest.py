"""The store's two implementations behind one face, and small makers of what goes into them."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from steward import store_file
from steward.handoff.state import Arrival, Now
from steward.ledger import Identity, Shared
from steward.message import Kind, Message, MessageId
from steward.store import Store, Tables
from steward.subjects import NodeName, Subject
from tests.property.fake_ledger import FakeLedger
from tests.store.office import CENTRAL, Office

MIB = 1024 * 1024
ME = NodeName("central")
SHIP = NodeName("ship1")
EVENTS = Subject("ship1.EventACK.TextLogging")
COMMANDS = Subject("ship1.CommandACK.ShellCommand")
_ids = itertools.count(1)


def message(kind: Kind = Kind.EVENT_ACK, **more: Any) -> Message:
    method = "ShellCommand" if kind.is_command else "TextLogging"
    fields: dict[str, Any] = {
        "id": MessageId(f"m{next(_ids)}"),
        "to": SHIP,
        "kind": kind,
        "method": method,
        "data": ("hello",),
        "timeout": 10.0,
        "retries": 0,
    }
    return Message(**{**fields, **more})


def arrival(seq: int, **more: Any) -> Arrival:
    fields: dict[str, Any] = {
        "frm": SHIP,
        "store": "their-store",
        "subject": Subject("central.CommandACK.ShellCommand"),
        "seq": seq,
        "id": MessageId(f"c{next(_ids)}"),
        "expires": None,
        "deadline": None,
        "body": b'{"data":["true"]}',
    }
    return Arrival(**{**fields, **more})


def at(wall: float, steady: float | None = None) -> Now:
    """Both clocks at once; steady time is a thousand behind unless said."""
    return Now(1000.0 + wall, wall if steady is None else steady)


class Ledger:
    """Outbox and inbox of one store, whichever it is."""

    def __init__(self, outbox: Any, inbox: Any) -> None:
        self.outbox = outbox
        self.inbox = inbox

    def restart(self, start: str) -> None:
        self.outbox.start = start

    def check(self) -> None:
        """What must hold after whatever was done."""


class SqliteLedger(Ledger):
    def __init__(self, con: sqlite3.Connection) -> None:
        self.con = con
        self.tables = Tables(Shared(con, Identity(ME, "mine", "start-1")))
        con.execute("UPDATE meta SET store_id = 'mine'")
        super().__init__(self.tables.outbox, self.tables.inbox)

    def restart(self, start: str) -> None:
        self.tables.end()
        self.tables.identity.start = start
        self.tables.identity.first_n = self.tables.outbox.next_n(0)
        self.tables.forget_caches()

    def check(self) -> None:
        self.tables.end()
        counted = "SELECT lane, state, count(*) FROM message GROUP BY lane, state"
        told = "SELECT lane, state, count FROM tally WHERE count != 0"
        assert set(self.con.execute(told)) == set(self.con.execute(counted))
        assert self.con.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def new_sqlite(path: Path) -> SqliteLedger:
    con = store_file.connect_writer(path, ME)
    con.execute("PRAGMA synchronous = OFF")
    return SqliteLedger(con)


@pytest.fixture(params=["fake", "sqlite"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    if request.param == "fake":
        fake = FakeLedger.new("mine", "start-1")
        yield Ledger(fake.sending, fake.receiving)
        return
    made = new_sqlite(tmp_path / "steward.db")
    try:
        yield made
        made.check()
    finally:
        made.con.close()


Opener = Callable[..., Awaitable[Store]]


@pytest.fixture
async def opener(tmp_path: Path) -> AsyncIterator[Opener]:
    """Opens the test's state folder, and closes whatever it opened."""
    opened: list[Store] = []

    async def open_store(*, ballast: int = MIB) -> Store:
        opened.append(await Store.open(tmp_path / "state", ME, min_free=0, ballast=ballast))
        return opened[-1]

    try:
        yield open_store
    finally:
        for store in opened:
            await store.close()


@pytest.fixture
async def store(opener: Opener) -> Store:
    return await opener()


def put(store: Store, count: int = 1) -> Callable[[Tables], list[MessageId]]:
    """A unit of work that takes ``count`` new events in, within the bounds of intake."""

    def unit(tables: Tables) -> list[MessageId]:
        new = [message() for _ in range(count)]
        tables.outbox.submit(new, 0, store.clock.now(), 1_000_000)
        return [m.id for m in new]

    return unit


def counts(tables: Tables) -> dict[str, int]:
    return tables.outbox.counts()


@pytest.fixture
def box(tmp_path: Path) -> Iterator[SqliteLedger]:
    """SQLite alone, for what the fake has not."""
    made = new_sqlite(tmp_path / "steward.db")
    try:
        yield made
        made.check()
    finally:
        made.con.close()


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    store = await Store.open(tmp_path, CENTRAL, min_free=0, ballast=0)
    try:
        yield Office(store)
    finally:
        await store.close()
