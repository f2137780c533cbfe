"""Each rule of DESIGN.md section 2 switched off as a deliberate bug, for the simulator to catch.

The product has no flags for this: a mutant overrides methods of the core, of the scheduler or of
the simulated store when a node boots.
"""

# mypy: disable-error-code="method-assign"

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from msgspec import structs

from node import schedule
from node.schedule import Plan, Then
from steward.frames import Entry, Frame, Receipt, Verdict
from steward.handoff.peers import LaneView, Transmission
from steward.handoff.sender import Look
from steward.handoff.state import InStream, Now, OutStream, Peer
from steward.inbox import Command, Stage
from steward.message import FINAL, State
from steward.subjects import NodeName, Subject
from tests.property import profiles
from tests.property.fake_ledger import Row
from tests.property.profiles import Profile
from tests.property.sim_executor import SLOTS, SimExecutor
from tests.property.sim_node import SimNode
from tests.property.sim_runner import key_of
from tests.property.world import Parts


class Mutant(NamedTuple):
    """A rule, off; where it shows; and within how many seeds it has to."""

    rule: str
    parts: Parts
    profile: Profile
    seeds: int = 60


def change(fn: Callable[[SimNode], None]) -> Parts:
    return Parts(change=fn)


# ---------------------------------------------------------------- the receiver


def no_duplicate_detection(node: SimNode) -> None:
    receiver = node.core.receiver
    receiver._is_new = lambda stream, e: e.seq > stream.base
    receiver._lacks_some = lambda stream, f: f.base > stream.last


def window_instead_of_last(node: SimNode) -> None:
    receiver, heard = node.core.receiver, dict[Any, float]()
    original = receiver._stream

    def forgetful(inbox: Any, f: Frame) -> InStream:
        stream = original(inbox, f)
        key, t = (f.store, f.subject), node.world.t
        if t - heard.get(key, t) > 120:
            last = min(stream.last, f.base)
            stream = structs.replace(stream, last=last, base=0, ids={}, verdicts={})
        heard[key] = t
        return stream

    receiver._stream = forgetful


def verdicts_not_repeated(node: SimNode) -> None:
    receiver = node.core.receiver
    take, make = receiver._take, receiver._receipt
    taken: set[int] = set()

    def _take(inbox: Any, stream: InStream, f: Frame, now: Now, word: Any) -> None:
        before = set(stream.verdicts)
        take(inbox, stream, f, now, word)
        taken.clear()
        taken.update(set(stream.verdicts) - before)

    def _receipt(*args: Any, **kwargs: Any) -> Receipt:
        r = make(*args, **kwargs)
        return structs.replace(r, verdicts={q: v for q, v in r.verdicts.items() if q in taken})

    receiver._take, receiver._receipt = _take, _receipt


def gap_ignored(node: SimNode) -> None:
    receiver = node.core.receiver
    receiver._lacks_some = lambda stream, f: False
    take = receiver._take

    def _take(inbox: Any, stream: InStream, f: Frame, now: Now, word: Any) -> None:
        fit: list[Entry] = []
        for e in f.messages:
            if e.seq <= stream.last + 1 + sum(x.seq > stream.last for x in fit):
                fit.append(e)
        base = min(f.base, stream.last)
        take(inbox, stream, structs.replace(f, messages=tuple(fit), base=base), now, word)

    receiver._take = _take


def voided_although_started(node: SimNode) -> None:
    inbox = node.receiving
    original = inbox.void

    def void(frm: NodeName, store: str, subject: Subject, seq: int) -> bool:
        started = any(
            (c.frm, c.store, c.subject, c.seq) == (frm, store, subject, seq)
            for c in inbox.started_rows()
        )
        return started or original(frm, store, subject, seq)

    inbox.void = void


def nothing_known_after_renewal(node: SimNode) -> None:
    node.receiving.known = lambda ids: frozenset()


class ReceiptBeforeCommit(SimNode):
    def take(self, frame: Frame, now: Now) -> None:
        before = replace(self.disk, ledger=self.disk.ledger)
        before, _ = profiles_copied(self)
        receiver = self.core.receiver
        work = receiver.on_frame(
            self.receiving, self.sending, frame, now, self.node(frame), signed=self.world.signed
        )
        done, self.disk = self.disk, before
        if work.receipt is not None:
            self.post(work.receipt)
        self.world.crash_point(self, 0.03)
        self.disk = done
        self.carry_out(work._replace(receipt=None))
        self.after_commit()
        self.executor.execute()


def profiles_copied(node: SimNode) -> Any:
    from tests.property.sim_disk import copied

    return copied(node.disk, {})


# ---------------------------------------------------------------- the sender


def raw_expiry(node: SimNode) -> None:
    node.core.sender.letters._their_time = lambda wall, offset: wall
    node.core.receiver._expiry = lambda e, frm: e.expires
    node.receiving.reckon = lambda frm, ahead: None


def bound_when_receipted(node: SimNode) -> None:
    """Until then a message belongs to no store: it goes to the next one as if it were new."""
    box = node.sending
    adopt = box.adopt

    def _adopt(peer: Peer, instance: str, now: Now) -> None:
        for row in box.rows.values():
            is_under_way = row.stream is not None and not row.receipted
            if row.message.to == peer.name and is_under_way and row.state not in FINAL:
                box._unbind(row)
                row.maybe = False
        for bound in box._bound.values():
            bound[:] = [row for row in bound if row.stream is not None]
        adopt(peer, instance, now)

    box.adopt = _adopt


def tombstone_is_final(node: SimNode) -> None:
    box = node.sending

    def give_up(ids: Any, why: State, now: Now) -> None:
        for id in ids:
            if not box.rows[id].confirmed:
                box._end(box.rows[id], why, "")

    box.give_up = give_up


def base_moved_before_settling(node: SimNode) -> None:
    box = node.sending
    settle = box.settle

    def _settle(
        stream: OutStream, last: int, verdicts: Mapping[int, Verdict], now: Now
    ) -> list[Subject]:
        mine = box.streams[stream.key]
        base, mine.base = mine.base, min(last, mine.next - 1)
        node.world.crash_point(node, 0.03)
        mine.base = base
        return settle(stream, last, verdicts, now)

    box.settle = _settle


def no_seq_for_the_new_instance(node: SimNode) -> None:
    box = node.sending
    make = box._new_stream

    def _new_stream(subject: Subject, instance: str) -> OutStream:
        before = [s for s in box.streams.values() if s.subject == subject]
        stream = make(subject, instance)
        if before:
            stream.next = before[-1].next
            stream.base = stream.next - 1
            box._bound[stream.key] = list(box._bound[before[-1].key])
            box.streams[stream.key] = structs.replace(stream)
        return stream

    box._new_stream = _new_stream


def cancel_lost_when_it_crosses(node: SimNode) -> None:
    box = node.sending
    settle = box.settle

    def _settle(
        stream: OutStream, last: int, verdicts: Mapping[int, Verdict], now: Now
    ) -> list[Subject]:
        queue, box.queue_cancel = box.queue_cancel, lambda target, now: Subject("")
        try:
            return [s for s in settle(stream, last, verdicts, now) if s]
        finally:
            box.queue_cancel = queue

    box.settle = _settle


def lost_events_end_never(node: SimNode) -> None:
    """A given-up event that a lost store may have handled ends as if nobody had."""
    box = node.sending
    unbind, adopt = box._unbind, box.adopt

    def _unbind(row: Row) -> None:
        unbind(row)
        row.maybe = False

    def _adopt(peer: Peer, instance: str, now: Now) -> None:
        for row in list(box.rows.values()):
            is_given_up = bool(row.tombstone) and not row.confirmed and not row.is_command
            if row.message.to == peer.name and is_given_up:
                box._end(row, State(row.tombstone), "")
        adopt(peer, instance, now)

    box._unbind, box.adopt = _unbind, _adopt


def any_receipt_is_judged(node: SimNode) -> None:
    node.core.receipts._fits_newest = lambda tx, lane: True


def only_the_newest_is_judged(node: SimNode) -> None:
    def _fits_newest(tx: Transmission | None, lane: LaneView) -> bool:
        return tx is not None and tx.signature is not None and tx.sent == lane.last_sent

    node.core.receipts._fits_newest = _fits_newest


def adopted_from_a_hello(node: SimNode) -> None:
    sender = node.core.sender
    on_hello = sender.on_hello

    def _on_hello(box: Any, frm: NodeName, start: str, store: str, now: Now) -> tuple[Subject, ...]:
        peer = box.peer(frm)
        if store != peer.instance:
            box.adopt(peer, store, now)
            sender.peers[frm].forget_store()
        return on_hello(box, frm, start, store, now)

    sender.on_hello = _on_hello


def no_probe(node: SimNode) -> None:
    sender = node.core.sender
    sender._owes_probe = lambda look: False
    sender._has_other_id = lambda look: False
    node.sending.awaits_result = lambda stream: False


def one_frame_per_node(node: SimNode) -> None:
    sender = node.core.sender
    decide = sender._decide

    def _decide(look: Look) -> Frame | None:
        others = [s for s in look.view.lanes if s != look.subject]
        streams = [look.box.stream(look.peer.name, look.peer.instance, s) for s in others]
        if not look.flying and any(s and look.box.unreceipted(s) for s in streams):
            look.lane.due = look.now.steady + 1
            return None
        return decide(look)

    sender._decide = _decide


# ---------------------------------------------------------------- execution


class StartBeforeCommit(SimExecutor):
    def plan_and_mark(self) -> Plan:
        box, mark = self.node.receiving, self.node.receiving.mark_started

        def later(rows: Sequence[Command], boot_id: str, now: Now) -> None:
            rows = [c for c in rows if key_of(c) not in self.node.runner.asked]
            self.node.later(2.0, lambda: mark(rows, boot_id, now))

        box.mark_started = later  # type: ignore[assignment]
        try:
            plan = super().plan_and_mark()
        finally:
            box.mark_started = mark
        known = self.node.runner
        fresh = [c for c in plan.start if key_of(c) not in {*known.asked, *known.runs}]
        return plan._replace(start=tuple(fresh))


class NoExpiryAtStart(SimExecutor):
    def plan_and_mark(self) -> Plan:
        box = self.node.receiving
        for n, c in box.commands.items():
            box.commands[n] = c._replace(expires=None)
        return super().plan_and_mark()


class AnyOrder(SimExecutor):
    def plan_and_mark(self) -> Plan:
        box = self.node.receiving
        box.startable = lambda per_stream=SLOTS.per_stream: box._waiting()
        return super().plan_and_mark()


def plan_any_order(commands: Any, wall: float, trusted: Any, slots: Any) -> Plan:
    by_key = {c.n: c for c in commands}
    free = [c._replace(parallel=True) for c in reversed(commands)]
    plan = schedule.plan(free, wall, trusted, slots)
    return Plan(*(tuple(by_key[c.n] for c in part) for part in plan))


class RunAgainAfterCrash(SimExecutor):
    def recover_one(self, n: int) -> None:
        c = self.node.receiving.commands.get(n)
        if c is not None and self.node.runner.look(key_of(c)).name in ("CLAIMED", "NOTHING"):
            self.node.runner.runs.pop(key_of(c), None)
            self.node.receiving.commands[n] = c._replace(
                stage=Stage.STARTED, boot_id=self.node.boot_id
            )
        super().recover_one(n)


def no_recheck_at_recovery(c: Command, *args: Any) -> Then:
    return schedule.recover(c._replace(expires=None), *args)


MUTANTS: dict[str, Mutant] = {
    "no duplicate detection": Mutant("4", change(no_duplicate_detection), profiles.PLAIN),
    "a time window instead of last": Mutant("4", change(window_instead_of_last), profiles.PLAIN),
    "start before started is committed": Mutant(
        "section 3", Parts(executor=StartBeforeCommit), profiles.RACE
    ),
    "re-run after a crash": Mutant("section 3", Parts(executor=RunAgainAfterCrash), profiles.PLAIN),
    "no expiry check at start": Mutant("11", Parts(executor=NoExpiryAtStart), profiles.PLAIN),
    "no expiry check at recovery": Mutant(
        "section 3", Parts(recover=no_recheck_at_recovery), profiles.PLAIN, 300
    ),
    "raw expiry on a skewed clock": Mutant("11", change(raw_expiry), profiles.PLAIN),
    "receipt before commit": Mutant("4", Parts(node=ReceiptBeforeCommit), profiles.PLAIN),
    "bound only when receipted": Mutant("2", change(bound_when_receipted), profiles.WIPED),
    "tombstone final before its receipt": Mutant("7", change(tombstone_is_final), profiles.PLAIN),
    "verdicts not repeated": Mutant("5", change(verdicts_not_repeated), profiles.PLAIN),
    "any receipt judged": Mutant("5", change(any_receipt_is_judged), profiles.RACE, 300),
    "only the newest tx judged": Mutant("5", change(only_the_newest_is_judged), profiles.SLOW),
    "voided although started": Mutant("4", change(voided_although_started), profiles.RACE),
    "base moved before settling": Mutant("5", change(base_moved_before_settling), profiles.PLAIN),
    "instance adopted from a hello": Mutant("9", change(adopted_from_a_hello), profiles.WIPED),
    "no probe": Mutant("9", change(no_probe), profiles.WIPED),
    "no new seq for a new instance": Mutant(
        "9", change(no_seq_for_the_new_instance), profiles.WIPED
    ),
    "a gap ignored for ever": Mutant("10", change(gap_ignored), profiles.RESTORED),
    "cancel lost when it crosses the receipt": Mutant(
        "7", change(cancel_lost_when_it_crosses), profiles.PLAIN
    ),
    "out-of-order start": Mutant(
        "section 3", Parts(executor=AnyOrder, plan=plan_any_order), profiles.PLAIN
    ),
    "one frame per node instead of per stream": Mutant(
        "2", change(one_frame_per_node), profiles.PLAIN
    ),
    "nothing known after a renewal": Mutant(
        "10", change(nothing_known_after_renewal), profiles.RACE_LOST, 300
    ),
    "an event of a lost store ends never": Mutant(
        "9", change(lost_events_end_never), profiles.WIPED, 300
    ),
}
