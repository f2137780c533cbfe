"""The store: one writer that commits together what has queued up, and a reader beside it."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import sqlite3
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import aiosqlite

from steward import store_file
from steward.errors import StoreDamaged
from steward.folders import make_folder
from steward.group_commit import GroupCommit, Unit
from steward.ledger import Identity, Shared, Touched
from steward.room import MIB, Room
from steward.subjects import NodeName, Subject
from steward.tables import Clock, Tables

__all__ = ["Clock", "Store", "Tables", "Touched"]

MOST_UNITS = 512
_log = logging.getLogger(__name__)
T = TypeVar("T")
Listener = Callable[[Touched], None]


class _Connection(aiosqlite.Connection):
    """A connection that runs whole functions in its thread: one hop for a batch."""

    def hop(self, fn: Callable[[sqlite3.Connection], T]) -> asyncio.Future[T]:
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._tx.put_nowait((future, lambda: fn(self._conn)))
        return future

    def join(self) -> None:
        """After a failed opening: the thread must not outlive the loop that it reports to."""
        self._thread.join()


async def _connected(connect: Callable[[], sqlite3.Connection]) -> _Connection:
    connection = _Connection(connect, iter_chunk_size=64)
    try:
        await connection
    except BaseException:
        connection.join()
        raise
    return connection


class Store:
    """The state folder's database. Make it with :meth:`open`; ``close`` it in a ``finally``.

    A unit of work is a plain function ``fn(tables)`` without await. All units that wait are
    committed together; one that raises is rolled back alone. A unit is run again if its transaction
    was lost, so it changes nothing but the tables and hints.
    """

    def __init__(self, folder: Path, node: NodeName, room: Room) -> None:
        self.folder = folder
        self.path = folder / "steward.db"
        self.room = room
        self.clock = Clock()
        self.identity = Identity(node, "", secrets.token_hex(8))
        self.damaged: Path | None = None
        """Where a damaged file was moved to at this start; the store id is a new one."""
        self.commits = 0
        self.units = 0
        """Units of work committed so far; ``units / commits`` is the mean batch."""
        self._listeners: list[Listener] = []
        self._waiting: deque[Unit] = deque()
        self._busy = False
        self._closing = False
        self._timer: asyncio.TimerHandle | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self._lock = -1
        self._writer: _Connection | None = None
        self._reader: _Connection | None = None
        self._group: GroupCommit | None = None
        self._view: Tables | None = None

    @property
    def store_id(self) -> str:
        """This database's random id."""
        return self.identity.store_id

    @property
    def start(self) -> str:
        """This start's random id."""
        return self.identity.start

    # ---------------------------------------------------------------- life

    @classmethod
    async def open(
        cls,
        folder: Path,
        node: NodeName,
        *,
        min_free: int = 256 * MIB,
        ballast: int = 16 * MIB,
        max_page_count: int = 0,
    ) -> Store:
        """Open or make the folder's store, and own the folder until ``close``.

        ``min_free``, ``ballast``: bytes, see Room. ``max_page_count``: bound on the file, 0: none.
        Raises StateFolderInUse (another daemon has it, or it is another node's), StoreDamaged (a
        file that cannot be used, and isn't broken either), OSError.
        """
        make_folder(folder, 0o750)
        room = Room(folder, min_free=min_free, ballast=ballast)
        store = cls(folder, node, room)
        store._lock = store_file.own(folder)
        try:
            await store._connect()
            await store.limit_pages(max_page_count)
        except BaseException:
            await store.close()
            raise
        return store

    async def _connect(self) -> None:
        def connect() -> sqlite3.Connection:
            return store_file.connect_writer(self.path, self.identity.node)

        try:
            self._writer = await _connected(connect)
        except sqlite3.DatabaseError as error:
            if not store_file.is_damaged(error):
                hint = "look at its owner, its mode and its disk"
                raise StoreDamaged(f"{self.path} cannot be opened: {error}", hint) from None
            self.damaged = store_file.move_aside(self.path)
            _log.error("the database was damaged: kept as %s, a new one is made", self.damaged)
            self._writer = await _connected(connect)
        self._group = await self._writer.hop(self._prepare)
        self._reader = await _connected(lambda: store_file.connect_reader(self.path))
        self._view = await self._reader.hop(
            lambda con: Tables(Shared(con, Identity(self.identity.node, "", self.start)))
        )

    def _prepare(self, con: sqlite3.Connection) -> GroupCommit:
        store_id, steady = con.execute("SELECT store_id, steady FROM meta").fetchone()
        self.identity.store_id = store_id
        self.clock.continue_from(steady)
        room = self.room
        tables = Tables(Shared(con, self.identity, room.check, room.check_reserve))
        self.identity.first_n = tables.outbox.next_n(0)
        group = GroupCommit(tables, room, self.clock)
        group.look_around()
        return group

    async def close(self) -> None:
        """Commit what waits, close the file and let go of the folder. May be called twice."""
        self._closing = True
        if self._waiting:
            self._start()
        await self._idle.wait()
        readers, self._reader, self._writer = (self._reader, self._writer), None, None
        for connection in readers:
            if connection is not None:
                await connection.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    async def limit_pages(self, pages: int) -> None:
        """Bound the file to this many pages; 0: no bound."""
        self.room.pages = pages
        writer, group = self._open(self._writer), self._group
        assert group is not None
        await writer.hop(lambda _: group.look_around())

    def on_commit(self, listener: Listener) -> None:
        """Call ``listener`` on the loop after each commit."""
        self._listeners.append(listener)

    def bytes(self) -> int:
        """Size of the database on disk, its log included."""
        files = self.folder.glob("steward.db*")
        return sum(file.stat().st_size for file in files)

    def wal_bytes(self) -> int:
        """Size of that log: what is committed and not in the database's own file yet."""
        log = self.path.with_name(f"{self.path.name}-wal")
        return log.stat().st_size if log.exists() else 0

    def open_in_lane(self, subject: Subject) -> int:
        """How many of the lane's messages have no end yet, as of about now."""
        return 0 if self._group is None else self._group.tables.outbox.open_in_lane(subject)

    # ---------------------------------------------------------------- work

    async def write(self, fn: Callable[[Tables], T]) -> T:
        """Run a unit of work; returns what it returned once that is committed.

        Raises what ``fn`` raises, StoreFull, StoreDamaged once closed, sqlite3.Error. Cancelled
        while it waits its turn it isn't run; later it is committed or not, whoever listens.
        """
        return await self.queue(fn)

    def queue(self, fn: Callable[[Tables], T], *, within: float = 0.0) -> asyncio.Future[T]:
        """The same, without waiting. Units run in the order in which they were queued, so whoever
        has work with what this one does may be woken now: it will share the commit.

        ``within``: seconds for which it may wait for another one to share a commit with."""
        self._open(self._writer)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        due = loop.time() + within if within else 0.0
        self._waiting.append(Unit(fn, future, due))
        self._idle.clear()
        self._start_by(due)
        return future

    async def read(self, fn: Callable[[Tables], T]) -> T:
        """Run ``fn`` on a consistent view of what is committed. Raises what it raises."""
        return await self._open(self._reader).hop(lambda con: self._look(con, fn))

    def _look(self, con: sqlite3.Connection, fn: Callable[[Tables], T]) -> T:
        assert self._view is not None
        con.execute("BEGIN")
        try:
            self._view.forget_caches()
            return fn(self._view)
        finally:
            con.execute("COMMIT")

    def _open(self, connection: _Connection | None) -> _Connection:
        if self._closing or connection is None:
            raise StoreDamaged("the store is closed", "the daemon is stopping: start it again")
        return connection

    def _start_by(self, due: float) -> None:
        """See to it that what waits goes by then, by the loop's clock; now if that has passed."""
        if self._busy or (self._timer is not None and self._timer.when() <= due):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(due, self._start) if due else None
        if not due:
            self._start()

    def _start(self) -> None:
        self._timer = None
        if not self._busy:
            self._busy = True
            self._gather()

    def _gather(self) -> None:
        """Take the next batch one turn of the loop later: by then those who were woken have queued
        what they want to be in it."""
        loop = asyncio.get_running_loop()
        loop.call_soon(loop.call_soon, self._next_batch)

    def _next_batch(self) -> None:
        now = asyncio.get_running_loop().time()
        first = min((unit.due for unit in self._waiting), default=0.0)
        if first > now and not self._closing:
            self._busy = False
            self._start_by(first)
            return
        units: list[Unit] = []
        while self._waiting and len(units) < MOST_UNITS:
            unit = self._waiting.popleft()
            if not unit.future.cancelled():
                units.append(unit)
        writer, group = self._writer, self._group
        if not units or writer is None or group is None:
            self._busy = False
            self._idle.set()
            return
        committed = writer.hop(lambda _: group.commit(units))
        committed.add_done_callback(lambda future: self._deliver(future, units))

    def _deliver(self, committed: asyncio.Future[Touched], units: list[Unit]) -> None:
        error = committed.exception()
        for unit in units:
            unit.error = unit.error or error
            unit.deliver()
        if error is None:
            self.commits += 1
            self.units += len(units)
            for listener in self._listeners:
                listener(committed.result())
        self._gather()
