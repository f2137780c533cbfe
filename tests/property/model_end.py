"""One end of the model test: real core, scheduler, reception and database file, and no event loop.

What the daemon's tasks do between two commits is done here one call at a time, so that a test may
put anything in between. What is not on disk, or in the runner, is forgotten at a crash.
"""

from __future__ import annotations

import dataclasses
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, cast

import msgspec

from node.reception import Reception
from steward import frames, store_file
from steward.errors import StewardError, StoreFull
from steward.frames import Frame, Notice, Receipt, Verdict
from steward.group_commit import GroupCommit, Unit
from steward.handoff import Handoff
from steward.handoff.receiver import Node
from steward.handoff.state import Arrival, Now, Work
from steward.inbox import Command
from steward.ledger import Identity, Shared
from steward.message import Body, Kind, Message, MessageId, State
from steward.room import Room
from steward.subjects import NodeName, Subject, parse, subject
from steward.tables import Clock, Tables
from tests.property.model_methods import WORK_TABLE, reception
from tests.property.model_runner import Run, Runner

if TYPE_CHECKING:
    from tests.property.model_town import Town

Fn = Callable[[Tables], Any]
_NOBODY = cast(Any, None)
"""Nothing awaits a unit here."""


class Crash(Exception):
    """The daemon is gone: nothing after this point happens."""


class Backup(NamedTuple):
    """A copy of a whole disk, the runner's folder included."""

    file: Path
    runs: dict[str, Run]
    works: int
    """How many events it has handled."""
    ids: frozenset[str]
    """Messages that messages.jsonl may have been told of."""


class ModelClock(Clock):
    """The town's time, as this end's clock shows it."""

    def __init__(self, end: ModelEnd) -> None:
        super().__init__()
        self.end = end

    def continue_from(self, steady: float) -> None:
        self._offset = steady - self.end.town.t

    def now(self) -> Now:
        return Now(self.end.wall(), self._offset + self.end.town.t)


class ModelEnd:
    """A daemon with its disk."""

    def __init__(self, town: Town, name: str) -> None:
        self.town = self.world = town
        self.name = NodeName(name)
        self.folder = town.folder / name
        self.folder.mkdir()
        self.skew = 0.0
        self.boots = 0
        """Counts starts of the machine."""
        self.disks = 0
        """Counts its databases: another one was put in, or an older one put back."""
        self.is_up = False
        self.said_hello = -1e300
        self.restored = False
        """``--restored`` is among its flags, until a start with it has come through."""
        self.backups: list[Backup] = []
        self.journal: list[bytes] = []
        self.journaled_before: frozenset[str] = frozenset()
        self.crashes: str = ""
        """``before`` or ``after``: where its next commit meets ``kill -9``."""
        self.clock = ModelClock(self)
        self.runner = Runner(self)

    @property
    def path(self) -> Path:
        return self.folder / "steward.db"

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

    def started_on_disk(self) -> list[Command]:
        """Of an end that may be down."""
        if not self.path.exists():
            return []
        con = store_file.connect_reader(self.path)
        try:
            return Tables(Shared(con, Identity(self.name, "", ""))).inbox.started_rows()
        finally:
            con.close()

    def back_up(self) -> None:
        file = self.folder / f"backup-{len(self.backups)}.db"
        copy = sqlite3.connect(file)
        self.reader.backup(copy)
        copy.close()
        runs = {key: dataclasses.replace(run) for key, run in self.runner.runs.items()}
        ids = frozenset(id for (id,) in self.reader.execute("SELECT id FROM message"))
        self.backups.append(Backup(file, runs, self.town.books.works_of(self), ids))

    def put_in(self, backup: Backup | None) -> None:
        """Another disk, empty or a copy of an earlier one, while the machine is off."""
        for file in self.folder.glob("steward.db*"):
            file.unlink()
        self.disks += 1
        self.runner.runs, self.journal, self.journaled_before = {}, [], frozenset()
        if backup is not None:
            shutil.copyfile(backup.file, self.path)
            self.journaled_before = backup.ids
            self.runner.runs = {k: dataclasses.replace(run) for k, run in backup.runs.items()}
            self.town.books.puts_back(self, backup.works)

    @property
    def start(self) -> str:
        return self.tables.identity.start

    @property
    def store(self) -> str:
        return self.tables.identity.store_id

    @property
    def ledger(self) -> ModelEnd:
        """What mutants of the simulator's ask for ``sending`` and ``receiving``."""
        return self

    @property
    def sending(self) -> Any:
        return self.tables.outbox

    @property
    def receiving(self) -> Any:
        return self.tables.inbox

    # ---------------------------------------------------------------- units of work

    def commit(self, *fns: Fn, broken: int = -1) -> list[Unit]:
        """One group commit. The ``broken`` unit fails once its work is done, and is undone alone.
        Raises Crash."""
        crashes = self.crashes
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

    # ---------------------------------------------------------------- lanes

    def wake(self, lanes: Iterable[Subject]) -> None:
        self.woken |= dict.fromkeys(lanes)

    def look(self, lane: Subject, *, linked: bool = True, halves: bool = False) -> None:
        """What the lane's publisher does: decide, commit, send. ``halves``: the broker takes only
        half of the frame."""
        self.woken.pop(lane, None)
        self.due.pop(lane, None)
        if not Kind(parse(lane).kind).is_acked:
            (unit,) = self.commit(lambda t: t.outbox.take_notices(lane, linked, self.now()))
            for message in unit.result:
                self._cry(lane, message.id, message.body)
            return
        (unit,) = self.commit(lambda t: self._decide(t, lane, linked))
        work: Work = unit.result
        for frame in work.frames:
            is_too_long = halves and len(frame.messages) > 1
            self.post(self.core.sender.shorten(frame) if is_too_long else frame)
        if work.due is not None:
            self.due[lane] = work.due

    def _decide(self, t: Tables, lane: Subject, linked: bool) -> Work:
        """With what a publisher does where the broker takes little."""
        most = self.town.max_body
        self.core.sender.most_bytes = most or 512 * 1024
        if most and linked:
            queued, bound = t.outbox.larger(lane, most)
            for id in queued:
                t.outbox.end(id, State.REFUSED, "larger than the broker takes", self.now())
            t.outbox.give_up(bound, State.REFUSED, self.now())
        return self.core.sender.pump(t.outbox, lane, self.now(), can_send=linked)

    def _cry(self, lane: Subject, id: MessageId, body: bytes) -> None:
        self.post(
            Notice(
                frm=self.name, store=self.store, start=self.start, to=parse(lane).node,
                subject=lane, clock=self.wall(), id=id, body=frames.raw(body),
            )
        )  # fmt: skip

    def say_hello(self, to: NodeName) -> None:
        self.said_hello = self.town.t
        body = Body(data=(self.start,))
        id = MessageId(self.town.token("hello"))
        self._cry(subject(to, Kind.EVENT_NACK, "SayHello"), id, msgspec.json.encode(body))

    def post(self, letter: Frame | Receipt | Notice) -> None:
        self.town.post(self, letter)

    # ---------------------------------------------------------------- what arrives

    def take(self, letters: Sequence[Frame | Receipt | Notice], broken: int = -1) -> None:
        """Letters whose work shares one commit; what they ask for is done after it."""
        fns = [lambda t, m=letter: self._work(t, m) for letter in letters]
        for letter, unit in zip(letters, self.commit(*fns, broken=broken), strict=True):
            if unit.error is not None:
                continue
            self.town.books.heard(self, letter)
            work: Work = unit.result
            if work.receipt is not None:
                self.post(work.receipt)
            self.wake(work.wake)
            to = parse(Subject(letter.subject))
            if not isinstance(letter, Receipt) and (
                Kind(to.kind).is_command or to.method == "Cancel"
            ):
                self.executor.is_woken = True

    def _work(self, t: Tables, letter: Frame | Receipt | Notice) -> Work:
        now, signed = self.now(), self.town.signed
        if isinstance(letter, Receipt):
            judge = self.core.receipts.on_receipt
            return judge(t.outbox, t.inbox, letter, now, signed=signed)
        if isinstance(letter, Notice):
            return self._take_notice(t, letter, now)
        return self.take_frame(t, letter, now)

    def take_frame(self, t: Tables, frame: Frame, now: Now) -> Work:
        node = Node(self.reception.admit, lambda events: self.handle(t, events))
        on_frame = self.core.receiver.on_frame
        return on_frame(t.inbox, t.outbox, frame, now, node, signed=self.town.signed)

    def handle(self, t: Tables, events: Sequence[Arrival]) -> list[Verdict | None]:
        return self.reception.handle(t, events)

    def _take_notice(self, t: Tables, n: Notice, now: Now) -> Work:
        self.core.receiver.hear(t.inbox, n.frm, n.clock, now)
        arrival = Arrival(n.frm, n.store, Subject(n.subject), 0, n.id, None, None, bytes(n.body))
        admission = self.reception.admit(arrival)
        if admission.refusal is None and admission.is_command:
            t.inbox.accept([arrival], now)
        elif admission.refusal is None:
            self.handle(t, [arrival])
        return Work()

    def exited(self, key: str) -> None:
        """The runner says so, if the daemon is there to hear it."""
        if self.is_up:
            self.executor.collect(key)

    # ---------------------------------------------------------------- the operator

    def submit(self, messages: Sequence[Message]) -> None:
        (unit,) = self.commit(lambda t: t.outbox.submit(messages, 0, self.now(), 1000))
        assert not any(isinstance(answer, StewardError) for answer in unit.result)
        self.wake(m.subject for m in messages)

    def cancel(self, id: MessageId) -> bool:
        """Whether it could be tried."""
        (unit,) = self.commit(lambda t: self.core.sender.cancel(t.outbox, id, self.now()))
        self.wake(unit.result or ())
        return unit.error is None

    def hold(self, name: NodeName) -> None:
        self.commit(lambda t: t.outbox.hold([name]))

    def release(self, name: NodeName) -> None:
        (unit,) = self.commit(lambda t: t.outbox.release([name]))
        self.wake(unit.result)

    # ---------------------------------------------------------------- housekeeping

    def write_journal(self) -> None:
        """What messages.jsonl lacks."""

        def unit(t: Tables) -> bytes:
            lines = b""
            while (more := t.records.journal(5)) is not None:
                lines += more.data
                t.records.journaled(more)
            return lines

        self.crashes = (
            ""  # how file and commit go together is tests/unit/test_journal.py's business
        )
        (done,) = self.commit(unit)
        self.journal += done.result.splitlines()

    def prune(self) -> None:
        """Whatever may go of the history goes now."""
        (done,) = self.commit(lambda t: t.outbox.prune(self.now(), keep_seconds=-1e9))
        self.town.seen["pruned"] += done.result
