"""outbox → frame → bus: one publisher a subject, made when first needed, gone when idle."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Protocol

from steward import frames, subjects
from steward.bus import Bus
from steward.errors import BusError, StoreFull
from steward.frames import Frame, Notice
from steward.handoff import Handoff
from steward.handoff.state import Now, Work
from steward.ledger import ASKING, HIDDEN
from steward.message import MAX_MESSAGE_BYTES, Kind, MessageId, State
from steward.metrics import Metrics
from steward.outbox import Published
from steward.pending import Mark
from steward.store import Store, Tables
from steward.subjects import Subject
from steward.supervisor import Process, ProcessState, Supervisor

LINGER = 30.0
"""Seconds for which a publisher with nothing to do stays."""
FULL_PAUSE = 2.0
"""Seconds before a full store is asked again."""
SOON = 0.01
"""Seconds that what is not urgent may wait for company."""
AROUND = 2048
"""Bytes, at most, that go around one body."""


class Owner(Protocol):
    """What a publisher needs of its daemon."""

    def now(self) -> Now: ...

    def undelivered(self, work: Work) -> None:
        """Messages were given up; nobody knows yet whether they had arrived."""

    def store_full(self, error: StoreFull) -> None: ...

    def unsendable(self, subject: str, error: BusError) -> None: ...


class Publisher:
    """Moves one lane's messages. It decides nothing: the core does, in the store's transaction."""

    def __init__(
        self,
        subject: Subject,
        store: Store,
        bus: Bus,
        handoff: Handoff,
        metrics: Metrics,
        owner: Owner,
    ) -> None:
        self.subject = subject
        self.wake = asyncio.Event()
        self._store = store
        self._bus = bus
        self._handoff = handoff
        self._metrics = metrics
        self._owner = owner
        self._last: Mark | None = None
        self._company = 0.0
        self._has_more = False
        _, kind, method = subjects.parse(subject)
        # Of an event people want to know that it has arrived; of a command, how it ended.
        self._is_patient = Kind(kind).is_command or method in HIDDEN - ASKING
        self._reports = method not in ASKING
        self._is_hidden, self._is_result = method in HIDDEN, method == "Result"
        self._look: Callable[[Process, float], Awaitable[float | None]] = (
            self._hand_off if Kind(kind).is_acked else self._cry_out
        )

    def look_now(self) -> None:
        self._company = 0.0
        self.wake.set()

    def look_soon(self) -> None:
        """Within ``SOON`` seconds, whatever else would wake it meanwhile but ``look_now``."""
        now = time.monotonic()
        if self._company < now:
            self._company = now + SOON
        self.wake.set()

    def patience(self) -> float:
        """Seconds for which what it would do after a receipt has time."""
        waits = self._company - time.monotonic()
        if waits > 0:
            return waits
        return SOON if self._is_patient and not self._has_more else 0.0

    async def _wait_for_company(self) -> bool:
        """Whether it waited to the end: there is time then to share somebody's commit."""
        had_time = False
        while (left := self._company - time.monotonic()) > 0:
            self.wake.clear()
            try:
                async with asyncio.timeout(left):
                    await self.wake.wait()
            except TimeoutError:
                had_time = True
        return had_time

    async def run(self, process: Process) -> None:
        """Ends once the lane has been idle for ``LINGER`` seconds."""
        while True:
            had_time = await self._wait_for_company()
            self.wake.clear()
            process.enter(ProcessState.RUNNING)
            try:
                due = await self._look(process, SOON if had_time else 0.0)
            except StoreFull as error:
                self._owner.store_full(error)
                due = self._owner.now().steady + FULL_PAUSE
            process.holding = ""
            process.enter(ProcessState.WAITING)
            if not await self._woken(due) and due is None:
                return

    async def _woken(self, due: float | None) -> bool:
        seconds = LINGER if due is None else max(0.0, due - self._owner.now().steady)
        try:
            async with asyncio.timeout(seconds):
                await self.wake.wait()
        except TimeoutError:
            return False
        return True

    # ---------------------------------------------------------------- kinds that are confirmed

    async def _hand_off(self, process: Process, within: float) -> float | None:
        work = await self._store.queue(self._decide, within=within)
        for frame in work.frames:
            process.holding = f"frame {frame.tx}"
            if frame.messages:
                process.holding += f" from message {frame.messages[0].id}"
            await self._send(frame)
        if work.gave_up and self._reports:
            self._owner.undelivered(work)
        return work.due

    def _decide(self, tables: Tables) -> Work:
        bus = self._bus
        if bus.max_payload is not None:
            self._handoff.sender.most_bytes = bus.max_payload // 2
        self._give_up_larger(tables)
        can_send = bus.connected and (self._last is None or bus.has_left(self._last))
        work = self._handoff.sender.pump(
            tables.outbox, self.subject, self._owner.now(), can_send=can_send
        )
        self._has_more = tables.outbox.has_queued(self.subject)
        return work

    def _give_up_larger(self, tables: Tables) -> None:
        """What can never go as long as the broker is as it is must not keep the lane waiting."""
        max_payload = self._bus.max_payload
        if max_payload is None or max_payload >= MAX_MESSAGE_BYTES + AROUND:
            return
        if not self._bus.connected:
            return  # The next broker may take more.
        now = self._owner.now()
        most = max_payload - AROUND
        queued, bound = tables.outbox.larger(self.subject, most)
        if self._is_result and (queued or bound):
            for id in (*queued, *bound):
                tables.outbox.leave_output_out(id)
            queued, bound = tables.outbox.larger(self.subject, most)
        reason = f"larger than the broker takes: its max_payload is {max_payload:,} bytes"
        if self._is_hidden and (queued or bound):
            self._owner.unsendable(
                self.subject, BusError(reason, "raise it in the broker's configuration")
            )
        for id in queued:
            tables.outbox.end(id, State.REFUSED, reason, now)
        tables.outbox.give_up(bound, State.REFUSED, now)

    async def _send(self, frame: Frame) -> None:
        payload = self._bus.wire.seal(frame, frame.subject, frame.to)
        most = self._bus.max_payload
        while most is not None and len(payload) > most and len(frame.messages) > 1:
            # Bound when the broker took more: the first half goes now, the rest after its receipt.
            frame = self._handoff.sender.shorten(frame)
            payload = self._bus.wire.seal(frame, frame.subject, frame.to)
        try:
            if await self._bus.publish(frame.subject, payload, self._bus.inbox):
                self._last = self._bus.mark()
                self._metrics.frame_sent(len(frame.messages))
        except BusError as error:
            self._owner.unsendable(frame.subject, error)

    # ---------------------------------------------------------------- kinds that are not

    async def _cry_out(self, process: Process, _within: float) -> float | None:
        """Committed as published, then published, once; rule 12."""
        owner = self._owner
        linked = self._bus.connected

        def take(tables: Tables) -> list[Published]:
            self._give_up_larger(tables)
            return tables.outbox.take_notices(self.subject, linked, owner.now())

        out = await self._store.write(take)
        lost: dict[str, list[MessageId]] = {}
        for message in out:
            if problem := await self._cry(message):
                lost.setdefault(problem, []).append(message.id)
        for reason, ids in lost.items():
            await self._store.write(
                lambda t, i=ids, r=reason: t.outbox.not_published(i, r, owner.now())  # type: ignore[misc]
            )
        return owner.now().steady if out else None

    async def _cry(self, message: Published) -> str:
        """Why it could not be published; empty: it is on its way."""
        now = self._owner.now()
        notice = Notice(
            frm=self._bus.node,
            store=self._store.store_id,
            start=self._store.start,
            to=subjects.parse(self.subject).node,
            subject=self.subject,
            clock=now.wall,
            steady=now.steady,
            id=message.id,
            body=frames.raw(message.body),
        )
        try:
            sent = await self._bus.publish(
                self.subject, self._bus.wire.seal(notice, notice.subject, notice.to)
            )
        except BusError as error:
            self._owner.unsendable(self.subject, error)
            return error.text
        return "" if sent else "the link to the broker was lost"


class Publishers:
    """Every lane's publisher."""

    def __init__(
        self,
        store: Store,
        bus: Bus,
        handoff: Handoff,
        supervisor: Supervisor,
        metrics: Metrics,
        owner: Owner,
    ) -> None:
        self._parts = (store, bus, handoff, metrics, owner)
        self._handoff = handoff
        self._supervisor = supervisor
        self._owner = owner
        self._lanes: dict[Subject, Publisher] = {}

    def wake(self, lanes: Iterable[Subject]) -> None:
        """These lanes may have something to do: look now."""
        self._tell(lanes, Publisher.look_now)

    def _tell(self, lanes: Iterable[Subject], tell: Callable[[Publisher], None]) -> None:
        for subject in lanes:
            name = f"publisher {subject}"
            if self._supervisor.get(name) is None:
                self._lanes[subject] = publisher = Publisher(subject, *self._parts)
                process = Process(name, "publisher", subject, publisher.run)
                process.queue = partial(self._parts[0].open_in_lane, subject)
                self._supervisor.add(process)
            tell(self._lanes[subject])

    def wake_soon(self, lanes: Iterable[Subject]) -> None:
        """The same, but more will follow in a moment: let it go in one frame."""
        self._tell(lanes, Publisher.look_soon)

    def patience(self, subject: str) -> float:
        """Seconds for which a receipt on this lane has time to be settled."""
        publisher = self._find(subject)
        return 0.0 if publisher is None else publisher.patience()

    def nudge(self, subject: str) -> bool:
        """Wake the lane's publisher, if it has one; whether it has."""
        publisher = self._find(subject)
        if publisher is not None:
            publisher.wake.set()
        return publisher is not None

    def _find(self, subject: str) -> Publisher | None:
        is_there = self._supervisor.get(f"publisher {subject}") is not None
        return self._lanes.get(Subject(subject)) if is_there else None

    def wake_all(self) -> None:
        """The link is back: everything that waits may try again."""
        self.wake(list(self._lanes))
