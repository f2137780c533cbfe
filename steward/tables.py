"""All tables in one hand: what a unit of work gets, and the clock that goes on with the store."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from steward.handoff.state import Now
from steward.inbox import Inbox
from steward.ledger import Shared, Touched
from steward.message import NOBODY
from steward.outbox import Outbox
from steward.outbox_jobs import Jobs
from steward.outbox_queries import History
from steward.records import Records
from steward.records_trust import TrustRecords


class Clock:
    """Both clocks. Steady time goes on from the highest that the store has committed."""

    def __init__(self) -> None:
        self._offset = -time.monotonic()

    def continue_from(self, steady: float) -> None:
        self._offset = steady - time.monotonic()

    def now(self) -> Now:
        return Now(self.wall(), self._offset + time.monotonic())

    def wall(self) -> float:
        """What this machine takes for the time; tests that set clocks wrong do it here."""
        return time.time()


class Tables:
    """What a unit of work is handed: all tables, inside its transaction."""

    def __init__(self, shared: Shared) -> None:
        self.shared = shared
        self.identity = shared.identity
        self.outbox = Outbox(shared)
        self.history = History(shared)
        self.jobs = Jobs(shared)
        self.inbox = Inbox(shared)
        self.records = Records(shared)
        self.trust = TrustRecords(shared)

    @property
    def touched(self) -> Touched:
        return self.shared.touched

    def begin(self) -> None:
        """Another unit starts: what it touches is its own."""
        self.shared.touched = Touched()
        self.shared.operator = NOBODY

    def end(self) -> None:
        """Write what was gathered in memory."""
        self.outbox.flush()

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """A part of a unit that is rolled back alone if it raises."""
        self.end()
        con = self.shared.con
        con.execute("SAVEPOINT part")
        try:
            yield
            self.end()
        except BaseException:
            if con.in_transaction:
                con.execute("ROLLBACK TO part")
                con.execute("RELEASE part")
                self.forget_caches()
            raise
        con.execute("RELEASE part")

    def forget_caches(self) -> None:
        """After a rollback, and where another connection writes."""
        self.outbox.forget_caches()
        self.inbox.forget_caches()
        row = self.shared.con.execute("SELECT store_id FROM meta").fetchone()
        self.identity.store_id = row[0]
