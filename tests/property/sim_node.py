"""One node of the simulated world: what the daemon does around the real core and scheduler."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import TYPE_CHECKING, TypeVar

import msgspec

from steward.errors import NotPossible, UnknownId
from steward.frames import Frame, Notice, Receipt, Verdict
from steward.handoff import Handoff
from steward.handoff.receiver import Admission, Node
from steward.handoff.state import Arrival, Now, Work
from steward.message import Body, Kind, Message, MessageId, State
from steward.subjects import NodeName, Subject, parse
from tests.property.fake_ledger import FakeLedger, FakeReceiving, FakeSending
from tests.property.sim_disk import Backup, Disk, Hello, Letter, copied
from tests.property.sim_runner import Key, SimRunner, key_of

if TYPE_CHECKING:
    from tests.property.world import World

T = TypeVar("T")
_body = msgspec.json.Decoder(Body)
TICK = 0.001
"""Seconds that pass at least between two looks that nothing but the time asked for."""


class SimNode:
    """A daemon with its disk. Everything not in ``disk`` or ``runner`` is forgotten at a crash."""

    def __init__(self, world: World, name: str, peers: Sequence[str], skew: float) -> None:
        self.world = world
        self.name = NodeName(name)
        self.peers = [NodeName(p) for p in peers]
        self.skew = skew
        self.up = False
        self.life = 0
        """Counts starts of the daemon; what was armed in an earlier one never happens."""
        self.boots = 0
        self.must_renew = False
        """``--restored`` is among its flags, until a start with it has come through."""
        self.runner = SimRunner(self)
        self.disk = self.empty_disk()
        self.backups: list[Backup] = []

    def empty_disk(self) -> Disk:
        return Disk(
            FakeLedger.new(self.world.token(f"store{self.name}"), "", self.world.message_id)
        )

    @property
    def boot_id(self) -> str:
        return str(self.boots)

    def now(self) -> Now:
        t = self.world.t
        return Now(t + self.skew, self.disk.steady + (t - self.booted if self.up else 0.0))

    # ---------------------------------------------------------------- life and death

    def boot(self) -> None:
        self.life += 1
        self.booted = self.world.t
        self.up = True
        self.linked = True
        self.start = self.world.token("start")
        self.armed: dict[Subject, float] = {}
        self.pending: set[Subject] = set()
        self.sending.start = self.start
        self.world.oracle.boots(self)
        rng = Random(self.world.rng.random())
        self.core = Handoff(self.name, self.start, rng, self.world.token)
        if self.world.narrow:
            self.core.sender.most_bytes = 150
        self.world.parts.change(self)
        self.runner.connect()
        if self.must_renew:
            now = self.now()
            self.unit(lambda: self.core.renewal.renew(self.sending, self.receiving, now))
            self.must_renew = False
            self.world.stats["renewed"] += 1
        self.executor = self.world.parts.executor(self)
        self.to_wake: list[Subject] = []
        self.to_kill: list[Key] = []
        self.wake(self.open_lanes())
        self.executor.recover()
        self.executor.execute()
        self.say_hello()

    def die(self) -> None:
        self.disk.steady = self.now().steady
        self.up = False
        self.life += 1

    @property
    def ledger(self) -> FakeLedger:
        return self.disk.ledger

    @property
    def sending(self) -> FakeSending:
        return self.disk.ledger.sending

    @property
    def receiving(self) -> FakeReceiving:
        return self.disk.ledger.receiving

    def later(self, delay: float, fn: Callable[[], None]) -> None:
        """Do it unless the daemon dies before."""
        life = self.life

        def run() -> None:
            if life == self.life:
                fn()

        self.world.at(delay, run)

    def unit(self, fn: Callable[[], T]) -> T:
        """A unit of work: a crash before its commit undoes it, one after it loses what follows."""
        self.world.crash_point(self)
        self.receiving.saw(self.now())
        result = fn()
        self.world.crash_point(self)
        return result

    # ---------------------------------------------------------------- lanes

    def wake(self, subjects: Iterable[Subject]) -> None:
        for lane in dict.fromkeys(subjects):
            if lane not in self.pending:
                self.pending.add(lane)
                self.later(0.0, lambda lane=lane: self.look(lane))  # type: ignore[misc]

    def look(self, lane: Subject) -> None:
        """What a publisher does: decide, commit, send, arm."""
        self.pending.discard(lane)
        now = self.now()
        self.world.oracle.looks(self, lane)
        sender = self.core.sender
        work = self.unit(lambda: sender.pump(self.sending, lane, now, can_send=self.linked))
        self.carry_out(work)
        if work.due is not None:
            due = max(work.due, now.steady)
            self.armed[lane] = due
            self.later(max(TICK, due - now.steady), lambda: self.due(lane, due))
        else:
            self.armed.pop(lane, None)

    def due(self, lane: Subject, due: float) -> None:
        if self.armed.get(lane) == due and lane not in self.pending:
            self.look(lane)

    def carry_out(self, work: Work) -> None:
        for frame in work.frames:
            is_too_large = self.world.narrow and self.world.rng.random() < 0.3
            self.post(self.core.sender.shorten(frame) if is_too_large else frame)
        if work.receipt is not None:
            self.post(work.receipt)
        self.wake(work.wake)

    def hold(self, name: NodeName, held: bool) -> None:
        """The operator holds a node's queue, or releases it."""

        def change() -> None:
            peer = self.sending.peer(name)
            peer.held = held
            self.sending.save_peer(peer)

        self.unit(change)
        self.wake(self.open_lanes())

    def post(self, letter: Letter) -> None:
        self.world.crash_point(self)
        self.world.send(self.name, letter)
        self.world.crash_point(self)

    def say_hello(self) -> None:
        for peer in self.peers:
            self.post(Hello(self.name, peer, self.start, self.sending.store_id()))
        self.later(self.world.rng.uniform(13, 17), self.say_hello)

    def link_changed(self, linked: bool) -> None:
        self.linked = linked
        if linked:
            self.core.peers.stir(self.now())
            self.wake(self.open_lanes())

    def open_lanes(self) -> list[Subject]:
        """Those whose publishers a starting daemon needs: something is open there."""
        rows = self.sending.rows.values()
        waiting = (r for r in rows if not r.confirmed or (r.stream is not None and not r.receipted))
        return list(dict.fromkeys(r.subject for r in waiting if r.message.kind.is_acked))

    # ---------------------------------------------------------------- what arrives

    def receive(self, letter: Letter) -> None:
        now = self.now()
        if isinstance(letter, Hello):
            self.wake(
                self.unit(
                    lambda: self.core.sender.on_hello(
                        self.sending, letter.frm, letter.start, letter.store, now
                    )
                )
            )
        elif isinstance(letter, Receipt):
            self.carry_out(
                self.unit(
                    lambda: self.core.receipts.on_receipt(
                        self.sending, self.receiving, letter, now, signed=self.world.signed
                    )
                )
            )
        elif isinstance(letter, Frame):
            self.take(letter, now)
        else:
            self.take_notice(letter, now)

    def take(self, frame: Frame, now: Now) -> None:
        receiver = self.core.receiver
        work = self.unit(
            lambda: receiver.on_frame(
                self.receiving, self.sending, frame, now, self.node(frame), signed=self.world.signed
            )
        )
        self.carry_out(work)
        self.after_commit()
        self.executor.execute()

    def take_notice(self, n: Notice, now: Now) -> None:
        arrival = Arrival(n.frm, n.store, Subject(n.subject), 0, n.id, None, None, bytes(n.body))
        self.unit(lambda: self.receiving.accept([arrival], now))
        self.executor.execute()

    def node(self, frame: Frame) -> Node:
        """The daemon's word on messages; what it is asked for, the core has heard."""
        self.world.oracle.hears(self, frame.frm, frame.start, frame.clock)
        return Node(self.admit, self.handle)

    def admit(self, arrival: Arrival) -> Admission:
        is_command = Kind(parse(arrival.subject).kind).is_command
        if _body.decode(arrival.body).data[:1] == ("bad",):
            self.world.oracle.refused.add(arrival.id)
            return Admission(Verdict(state=State.REFUSED, reason="bad"), is_command)
        return Admission(None, is_command)

    def handle(self, events: Sequence[Arrival]) -> list[Verdict | None]:
        return [self.handle_one(event) for event in events]

    def handle_one(self, event: Arrival) -> Verdict | None:
        now = self.now()
        data = _body.decode(event.body).data
        method = parse(event.subject).method
        if method == "Result":
            outcome = json.loads(data[0])
            self.sending.settle_result(MessageId(outcome["about"]), event.frm, outcome, now)
        elif method == "Cancel":
            waiting, running = self.receiving.cancel(MessageId(data[0]), event.frm)
            for c in waiting:
                self.executor.end(c, State.CANCELLED)
            self.to_kill += [key_of(c) for c in running]
        else:
            self.world.oracle.handles(self, event)
        return None

    def after_commit(self) -> None:
        """What a Cancel asked for, and the lanes that got a result."""
        kill, self.to_kill = self.to_kill, []
        lanes, self.to_wake = self.to_wake, []
        self.wake(lanes)
        for key in kill:
            self.world.crash_point(self)
            self.runner.kill(key)

    # ---------------------------------------------------------------- the operator

    def submit(self, message: Message) -> None:
        now = self.now()
        self.unit(lambda: self.sending.submit([message], None, now))
        self.wake([message.subject])

    def cancel(self, id: MessageId) -> None:
        now = self.now()
        try:
            self.wake(self.unit(lambda: self.core.sender.cancel(self.sending, id, now)))
        except (NotPossible, UnknownId):
            self.world.stats["cancel came too late for the operator"] += 1

    def backup(self) -> None:
        self.disk.steady, self.booted = self.now().steady, self.world.t
        self.backups.append(copied(self.disk, self.runner.runs))
        del self.backups[:-3]
