"""A daemon of the model test without an event loop: its start, its commits, its end."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from random import Random
from typing import TYPE_CHECKING, Any, NoReturn, cast

from node.reception import Reception
from steward import store_file
from steward.errors import StewardError, StoreFull
from steward.group_commit import GroupCommit, Unit
from steward.handoff import Handoff
from steward.handoff.state import Now
from steward.ledger import Identity, Shared
from steward.room import Room
from steward.subjects import Subject
from steward.tables import Clock, Tables
from tests.property.model_disk import ModelDisk
from tests.property.model_methods import WORK_TABLE, reception
from tests.property.model_runner import Runner

if TYPE_CHECKING:
    from tests.property.model_town import Town

Fn = Callable[[Tables], Any]
_NOBODY = cast(Any, None)
"""Nothing awaits a unit here."""


class Crash(Exception):
    """The daemon is gone: nothing after this point happens."""


class NoRoom(Crash):
    """The disk is full: the daemon goes on, what it wanted to do is undone."""


class ModelClock(Clock):
    """The town's time, as this end's clock shows it."""

    def __init__(self, end: ModelDaemon) -> None:
        super().__init__()
        self.end = end

    def continue_from(self, steady: float) -> None:
        self._offset = steady - self.end.town.t

    def now(self) -> Now:
        return Now(self.end.wall(), self._offset + self.end.town.t)


class ModelDaemon(ModelDisk):
    """A daemon with its disk: what it commits, and how it dies."""

    def __init__(self, town: Town, name: str) -> None:
        super().__init__(town, name)
        self.runner = Runner(self)
        self.skew = 0.0
        self.boots = 0
        """Counts starts of the machine."""
        self.is_up = False
        self.said_hello = -1e300
        self.restored = False
        """``--restored`` is among its flags, until a start with it has come through."""
        self.crashes: str = ""
        """What its next commit meets: ``kill -9``, ``before`` or ``after`` it; a ``full`` disk."""
        self.clock = ModelClock(self)

    def wall(self) -> float:
        return self.town.t + self.skew

    def now(self) -> Now:
        return self.clock.now()

    @property
    def boot_id(self) -> str:
        return f"boot{self.boots}"

    # ---------------------------------------------------------------- life and death

    def boot(self) -> None:
        """As ``Store`` and ``Daemon`` start."""
        is_new = not self.path.exists()
        self.con = store_file.connect_writer(self.path, self.name)
        self.con.execute("PRAGMA synchronous = OFF")
        if is_new:
            self.con.execute(WORK_TABLE)
            self.con.execute("UPDATE meta SET store_id = ?", (self.town.token(f"{self.name}-"),))
        store_id, steady = self.con.execute("SELECT store_id, steady FROM meta").fetchone()
        identity = Identity(self.name, store_id, self.town.token("start"))
        self.clock.continue_from(steady)
        room = Room(self.folder, min_free=0, ballast=0)
        shared = Shared(self.con, identity, room.check, room.check_reserve, self.wall)
        self.tables = Tables(shared)
        identity.first_n = self.tables.outbox.next_n(0)
        self.group = GroupCommit(self.tables, room, self.clock)
        self.reader = store_file.connect_reader(self.path)
        self.core = Handoff(self.name, identity.start, Random(self.boots), self.town.token)
        self.reception: Reception = reception(self)
        self.woken: dict[Subject, None] = {}
        self.due: dict[Subject, float] = {}
        """Steady times at which lanes are looked at again."""
        self.is_up, self.crashes = True, ""
        self.executor = self.town.parts.executor(self)
        self.town.parts.change(self)
        self.runner.connect()
        if self.restored:
            self.commit(self._renew)
            self.restored = False
        self.wake(self.tables.outbox.open_lanes())

    def _renew(self, t: Tables) -> None:
        self.core.renewal.renew(t.outbox, t.inbox, self.now())
        t.records.begin_files_anew()

    def die(self) -> None:
        """``kill -9``: what was not committed is as if it had never been."""
        self.is_up = False
        self.con.close()
        self.reader.close()
        self.town.books.forgets(self)

    @property
    def start(self) -> str:
        return self.tables.identity.start

    @property
    def store(self) -> str:
        return self.tables.identity.store_id

    @property
    def ledger(self) -> ModelDaemon:
        """What mutants of the simulator's ask for ``sending`` and ``receiving``."""
        return self

    @property
    def sending(self) -> Any:
        return self.tables.outbox

    @property
    def receiving(self) -> Any:
        return self.tables.inbox

    def exited(self, key: str) -> None:
        """The runner says so, if the daemon is there to hear it."""
        if self.is_up:
            self.executor.collect(key)

    def has_queued(self, lane: Subject) -> None:
        self.wake([lane])

    def wake(self, lanes: Iterable[Subject]) -> None:
        self.woken |= dict.fromkeys(lanes)

    # ---------------------------------------------------------------- units of work

    def commit(self, *fns: Fn, broken: int = -1) -> list[Unit]:
        """One group commit. The ``broken`` unit fails once its work is done, and is undone alone.
        Raises Crash."""
        crashes = self.crashes
        broken = len(fns) - 1 if crashes == "full" else broken
        wrapped = [self._failing(fn) if i == broken else fn for i, fn in enumerate(fns)]
        if crashes == "before":
            wrapped[-1] = self._dying(wrapped[-1])
        units = [Unit(fn, _NOBODY) for fn in wrapped]
        try:
            self.group.commit(units)
        except sqlite3.ProgrammingError:
            if crashes != "before":
                raise
            self.die()
            raise Crash from None
        for unit in units:
            if unit.error is not None and not isinstance(unit.error, StewardError):
                raise unit.error
        self.crashes = ""
        self.town.books.committed(self)
        if crashes == "full" and len(units) == 1:
            self.town.seen["no room"] += 1
            raise NoRoom
        if crashes == "after":
            self.die()
            raise Crash
        return units

    def _dying(self, fn: Fn) -> Fn:
        def unit(t: Tables) -> NoReturn:
            try:
                fn(t)
                t.end()
            finally:
                self.con.close()
            raise Crash

        return unit

    def _failing(self, fn: Fn) -> Fn:
        def unit(t: Tables) -> NoReturn:
            fn(t)
            raise StoreFull("no room is left", "wait")

        return unit
