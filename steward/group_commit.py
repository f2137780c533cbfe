"""In the writer's thread: many units of work, one transaction, and what becomes of a bad one."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from typing import Any

from steward import store_file
from steward.ledger import Touched
from steward.room import Room
from steward.tables import Clock, Tables

_PATIENCE = 100
"""Milliseconds to wait for somebody who reads, where the log is to be emptied."""
_AS_BEFORE = 5000


class Unit:
    """A unit of work that waits for its turn, and what came of it. ``due``: by the loop's clock,
    when it has waited long enough for others to share a commit with."""

    __slots__ = ("due", "error", "fn", "future", "result")

    def __init__(
        self, fn: Callable[[Tables], Any], future: asyncio.Future[Any], due: float = 0.0
    ) -> None:
        self.due = due
        self.fn = fn
        self.future = future
        self.result: Any = None
        self.error: BaseException | None = None

    def deliver(self) -> None:
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class _Lost(Exception):
    """A unit's error has cost the whole transaction."""

    def __init__(self, unit: Unit, error: BaseException) -> None:
        super().__init__(str(error))
        self.unit = unit
        self.error = error


class GroupCommit:
    """Commits batches on one connection; a unit that raises is rolled back alone."""

    def __init__(self, tables: Tables, room: Room, clock: Clock) -> None:
        self.tables = tables
        self.room = room
        self.clock = clock
        self.con = tables.shared.con
        self.has_traces = False

    def look_around(self) -> None:
        """Open or close intake as the disk is now."""
        self.room.look(self.con, self.tables.outbox.open_messages())

    def commit(self, units: list[Unit]) -> Touched:
        """Commit all units that don't fail by themselves. Raises if none can be committed:
        StoreFull, sqlite3.Error."""
        self.look_around()
        left = list(units)
        while True:
            try:
                return self._transaction(left)
            except _Lost as lost:
                self._undo()
                if store_file.is_full(lost.error):
                    if self.room.release():
                        continue
                    lost.error = self.room.full()
                lost.unit.error = lost.error
                left.remove(lost.unit)
            except sqlite3.Error as error:
                self._undo()
                if not store_file.is_full(error):
                    raise
                if not self.room.release():
                    raise self.room.full() from error

    def _transaction(self, units: list[Unit]) -> Touched:
        con, tables = self.con, self.tables
        touched = Touched(units=len(units))
        before = con.total_changes
        con.execute("BEGIN IMMEDIATE")
        for unit in units:
            con.execute("SAVEPOINT unit")
            tables.begin()
            try:
                unit.error, unit.result = None, unit.fn(tables)
                tables.end()
                con.execute("RELEASE unit")
                touched.add(tables.touched)
            except BaseException as error:
                if not con.in_transaction or store_file.is_full(error):
                    raise _Lost(unit, error) from error
                con.execute("ROLLBACK TO unit")
                con.execute("RELEASE unit")
                tables.forget_caches()
                unit.error = error
        if con.total_changes != before:  # units that only looked cost no write
            now = self.clock.now()
            con.execute("UPDATE meta SET steady = ?, wall = max(wall, ?)", (now.steady, now.wall))
        con.execute("COMMIT")
        self.has_traces |= touched.wiped
        if self.has_traces:
            self._empty_log()
        return touched

    def _empty_log(self) -> None:
        """A secret was overwritten, and the log may still have it: make it a part of the file, and
        nothing. If somebody reads just now, the next commit tries again."""
        con = self.con
        con.execute(f"PRAGMA busy_timeout = {_PATIENCE}").fetchone()
        try:
            busy, _, _ = con.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            self.has_traces = bool(busy)
        except sqlite3.Error:  # no room for it: what is committed stays so
            return
        finally:
            con.execute(f"PRAGMA busy_timeout = {_AS_BEFORE}").fetchone()

    def _undo(self) -> None:
        if self.con.in_transaction:
            self.con.execute("ROLLBACK")
        self.tables.forget_caches()
