"""Deliberate bugs for the model test: those of the simulator (``mutants.py``) that fit a real store
as they are, the rest in SQL, and some that only a real store can have.
"""

# mypy: disable-error-code="method-assign"

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from node.execution import Ended, Step, key_of
from node.schedule import Found, Then
from steward.frames import Frame, Verdict
from steward.handoff.state import Now, OutStream, Peer, Work
from steward.inbox import Command
from steward.message import State
from steward.outbox_rows import Row
from steward.subjects import Subject
from steward.tables import Tables
from tests.property import mutated_receiver as receiver
from tests.property import mutated_sender as sender
from tests.property.model_end import ModelEnd
from tests.property.model_executor import ModelExecutor
from tests.property.model_town import Parts

# -------------------------------------------------------------------- the sender's store


def bound_when_receipted(end: ModelEnd) -> None:
    """Until then a message belongs to no store: it goes to the next one as if it were new."""
    box = end.sending
    adopt = box.adopt

    def _adopt(peer: Peer, instance: str, now: Now) -> None:
        for stream in box.streams_to(peer.name, peer.instance):
            above = "stream = ? AND seq > ? AND confirmed = 0 AND tombstone = ''"
            rows = box._rows(above, stream.key, stream.base)
            box._requeue(box.lane(stream.subject), rows)
            box.con.executemany("UPDATE message SET maybe = 0 WHERE n = ?", [(r.n,) for r in rows])
        adopt(peer, instance, now)

    box.adopt = _adopt


def tombstone_is_final(end: ModelEnd) -> None:
    box = end.sending

    def give_up(ids: Any, why: State, now: Now) -> None:
        for id in ids:
            box.end(id, why, "", now)

    box.give_up = give_up


def base_moved_before_settling(end: ModelEnd) -> None:
    """In a commit of its own, so that a crash may come between the two."""
    box = end.sending
    settle = box.settle

    def _settle(
        stream: OutStream, last: int, verdicts: Mapping[int, Verdict], now: Now
    ) -> list[Subject]:
        if end.crashes != "after":
            found: list[Subject] = settle(stream, last, verdicts, now)
            return found
        last = min(last, stream.next - 1)
        box.con.execute("UPDATE out_stream SET base = ? WHERE key = ?", (last, stream.key))
        box.forget_stream(stream.key)
        return []

    box.settle = _settle


def no_seq_for_the_new_instance(end: ModelEnd) -> None:
    box = end.sending
    bind = box.bind

    def _bind(
        stream: OutStream | None, subject: Subject, instance: str, most: int, most_bytes: int
    ) -> OutStream:
        lane = box.lane(subject)
        (before,) = box.con.execute(
            "SELECT max(next) FROM out_stream WHERE lane = ?", (lane.key,)
        ).fetchone()
        if stream is None and before is not None:
            new = "INSERT INTO out_stream (lane, instance, next, base) VALUES (?, ?, ?, ?)"
            box.con.execute(new, (lane.key, instance, before, before - 1))
            stream = box.stream(lane.node, instance, subject)
        bound: OutStream = bind(stream, subject, instance, most, most_bytes)
        return bound

    box.bind = _bind


def lost_events_end_never(end: ModelEnd) -> None:
    """A given-up event that a lost store may have handled ends as if nobody had."""

    def proved(_row: Row, state: State) -> State:
        return state

    end.sending._proved = proved


def caches_outlive_a_rollback(end: ModelEnd) -> None:
    end.tables.forget_caches = lambda: None


def tallies_are_not_written(end: ModelEnd) -> None:
    end.sending.flush = end.sending._moves.clear


def order_is_forgotten_when_told_again(end: ModelEnd) -> None:
    """What goes to another store goes behind what has waited."""
    box = end.sending
    requeue = box._requeue

    def _requeue(lane: Any, rows: Sequence[Row]) -> None:
        requeue(lane, rows)
        for row in rows:
            n = box.next_n(1)
            box.con.execute("UPDATE message SET n = ? WHERE n = ?", (n, row.n))
            box.con.execute("UPDATE body SET n = ? WHERE n = ?", (n, row.n))

    box._requeue = _requeue


# -------------------------------------------------------------------- the receiver


class ReceiptBeforeCommit(ModelEnd):
    def take_frame(self, t: Tables, frame: Frame, now: Now) -> Work:
        work = super().take_frame(t, frame, now)
        if work.receipt is not None:
            self.post(work.receipt)
        return work._replace(receipt=None)


# -------------------------------------------------------------------- execution


class StartBeforeCommit(ModelExecutor):
    def step(self, t: Tables, ended: list[Ended]) -> Step:
        done = super().step(t, ended)
        self.carry_out(done)
        for key in list(self.end.runner.asked):
            self.end.runner.begin(key)
        return done._replace(start=(), kill=())


class RunAgainAfterCrash(ModelExecutor):
    def recover(self, command: Command, found: Found) -> Then:
        if found in (Found.CLAIMED, Found.NOTHING):
            self.end.runner.runs.pop(key_of(command), None)
            return Then.START
        return super().recover(command, found)


class ResultInAnotherCommit(ModelExecutor):
    """The command's row is gone first; its result is queued a moment later, if all goes well."""

    def step(self, t: Tables, ended: list[Ended]) -> Step:
        if self.end.crashes == "after":
            for e in ended:
                t.inbox.finish(e.command, self.end.now(), e.key)
        return super().step(t, ended)


def no_expiry_at_start(end: ModelEnd) -> None:
    box = end.receiving
    startable = box.startable
    box.expired_waiting = lambda now: []
    box.startable = lambda per_stream: [c._replace(expires=None) for c in startable(per_stream)]


def any_order(end: ModelEnd) -> None:
    box = end.receiving

    def startable(per_stream: int) -> list[Command]:
        rows: list[Command] = box._commands("stage = 'received' ORDER BY n")
        return [c._replace(parallel=True) for c in rows]

    box.startable = startable


def change(fn: Callable[[Any], None]) -> Parts:
    return Parts(change=fn)


MUTANTS: dict[str, Parts] = {
    "no duplicate detection": change(receiver.no_duplicate_detection),
    "a time window instead of last": change(receiver.window_instead_of_last),
    "start before started is committed": Parts(executor=StartBeforeCommit),
    "re-run after a crash": Parts(executor=RunAgainAfterCrash),
    "no expiry check at start": change(no_expiry_at_start),
    "raw expiry on a skewed clock": change(sender.raw_expiry),
    "receipt before commit": Parts(end=ReceiptBeforeCommit),
    "bound only when receipted": change(bound_when_receipted),
    "tombstone final before its receipt": change(tombstone_is_final),
    "verdicts not repeated": change(receiver.verdicts_not_repeated),
    "any receipt judged": change(sender.any_receipt_is_judged),
    "only the newest tx judged": change(sender.only_the_newest_is_judged),
    "voided although started": change(receiver.voided_although_started),
    "base moved before settling": change(base_moved_before_settling),
    "instance adopted from a hello": change(sender.adopted_from_a_hello),
    "no new seq for a new instance": change(no_seq_for_the_new_instance),
    "cancel lost when it crosses the receipt": change(sender.cancel_lost_when_it_crosses),
    "out-of-order start": change(any_order),
    "one frame per node instead of per stream": change(sender.one_frame_per_node),
    "an event of a lost store ends never": change(lost_events_end_never),
    "no probe": change(sender.no_probe),
    "a gap ignored for ever": change(receiver.gap_ignored),
    "a shortened frame believed whole": change(sender.what_was_not_said_is_settled),
    "nothing known after a renewal": change(receiver.nothing_known_after_renewal),
    "caches outlive a rollback": change(caches_outlive_a_rollback),
    "tallies are not written": change(tallies_are_not_written),
    "order forgotten when told again": change(order_is_forgotten_when_told_again),
    "a result in another commit": Parts(executor=ResultInAnotherCommit),
}
