"""One end of the model test: real core, scheduler, reception and database file, and no event loop.

What the daemon's tasks do between two commits is done here one call at a time, so that a test may
put anything in between. What is not on disk, or in the runner, is forgotten at a crash.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from steward import frames
from steward.errors import StewardError
from steward.frames import Frame, Notice, Receipt, Verdict
from steward.handoff.receiver import Node
from steward.handoff.state import Arrival, Now, Work
from steward.message import Body, Kind, Message, MessageId, State
from steward.subjects import NodeName, Subject, parse, subject
from steward.tables import Tables
from tests.property.model_daemon import ModelDaemon
from tests.property.model_executor import PAUSE

if TYPE_CHECKING:
    pass


class ModelEnd(ModelDaemon):
    """A node."""

    # ---------------------------------------------------------------- lanes

    def look(self, lane: Subject, *, linked: bool = True, halves: bool = False) -> None:
        """What the lane's publisher does: decide, commit, send. ``halves``: the broker takes only
        half of the frame."""
        self.woken.pop(lane, None)
        self.due[lane] = self.now().steady + PAUSE  # should it fail
        if not Kind(parse(lane).kind).is_acked:
            (unit,) = self.commit(lambda t: t.outbox.take_notices(lane, linked, self.now()))
            for message in unit.result:
                self._cry(lane, message.id, message.body)
            del self.due[lane]
            return
        (unit,) = self.commit(lambda t: self._decide(t, lane, linked))
        work: Work = unit.result
        for frame in work.frames:
            is_too_long = halves and len(frame.messages) > 1
            self.post(self.core.sender.shorten(frame) if is_too_long else frame)
        self.due.pop(lane)
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
