"""bus → frame → admit → inbox → receipt: one subscriber a method that this node handles."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial

from steward import subjects
from steward.bus import Bus
from steward.errors import FrameError, SignatureError, StewardError, StoreFull
from steward.frames import Frame, Notice, Receipt, Verdict
from steward.handoff import Handoff
from steward.handoff.receiver import Admission, Node
from steward.handoff.state import Arrival, Now, Work
from steward.mailbox import Incoming, Mailbox, each
from steward.message import Kind, State
from steward.metrics import Metrics
from steward.store import Store, Tables
from steward.subjects import NodeName, Subject, is_inbox_of
from steward.supervisor import Process, ProcessState, Supervisor
from steward.trust import is_command

log = logging.getLogger(__name__)

AT_ONCE = 64
"""Frames of one method whose work may share a commit."""

NOTICE_WITHIN = 0.05
"""Seconds for which an event that nobody waits for may share somebody's commit."""

UNKNOWN = "(unknown methods)"
REPEATED = "it has come before, or is older than what has: a repetition"


class Household:
    """What the daemon hands in: its word on messages, and whom to tell."""

    def __init__(
        self,
        admit: Callable[[Arrival], Admission],
        handle: Callable[[Tables, Sequence[Arrival]], Sequence[Verdict | None]],
        now: Callable[[], Now],
        wake: Callable[[Iterable[Subject]], None],
        arrived: Callable[[str], None],
        not_taken: Callable[[Incoming, FrameError], None],
        store_full: Callable[[StoreFull], None],
        met: Callable[[NodeName, str], None],
    ) -> None:
        self.admit = admit
        self.handle = handle
        self.now = now
        self.wake = wake
        self.arrived = arrived
        self.not_taken = not_taken
        self.store_full = store_full
        self.met = met


class Subscribers:
    """Sorts what arrives by method; each method has its own queue, state and errors."""

    def __init__(
        self,
        store: Store,
        bus: Bus,
        handoff: Handoff,
        supervisor: Supervisor,
        metrics: Metrics,
        household: Household,
        methods: Iterable[str],
    ) -> None:
        self._store = store
        self._bus = bus
        self._handoff = handoff
        self._supervisor = supervisor
        self._metrics = metrics
        self._house = household
        self._mailboxes: dict[str, Mailbox[Incoming]] = {m: Mailbox() for m in (*methods, UNKNOWN)}

    @property
    def dropped(self) -> int:
        """Messages that came faster than they were taken, and have to come again."""
        return sum(mailbox.dropped for mailbox in self._mailboxes.values())

    def start(self) -> None:
        """One process a method, and one that sorts."""
        for method, mailbox in self._mailboxes.items():
            subject = f"{self._bus.node}.*.{method}" if method is not UNKNOWN else ""
            process = Process(f"subscriber {method}", "subscriber", subject, self._run(mailbox))
            process.queue = mailbox.qsize
            self._supervisor.add(process)
        self._supervisor.add(Process("dispatcher", "dispatcher", "", self._dispatch))

    async def _dispatch(self, process: Process) -> None:
        while True:
            process.enter(ProcessState.WAITING)
            arrived = await self._bus.incoming.get()
            process.enter(ProcessState.RUNNING)
            method = arrived.subject.rpartition(".")[2]
            self._mailboxes.get(method, self._mailboxes[UNKNOWN]).offer(arrived)

    def _run(self, mailbox: Mailbox[Incoming]) -> Callable[[Process], Awaitable[None]]:
        async def run(process: Process) -> None:
            while True:
                process.enter(ProcessState.WAITING)
                batch = await mailbox.take(AT_ONCE)
                process.enter(ProcessState.RUNNING)
                process.holding = ""
                await each(batch, partial(self._take, process))

        return run

    async def _take(self, process: Process, arrived: Incoming) -> None:
        try:
            letter = self._letter(arrived)
        except FrameError as error:
            self._house.not_taken(arrived, error)
            return
        if not self._bus.wire.is_introduction(arrived.subject):
            self._house.met(letter.frm, letter.start)
        try:
            await self._take_letter(arrived, letter)
        except Exception:
            process.holding = process.holding or _named(letter)
            raise

    async def _take_letter(self, arrived: Incoming, letter: Frame | Notice) -> None:
        try:
            if isinstance(letter, Notice):
                heard = self._store.queue(
                    lambda t: self._take_notice(t, letter), within=self._patience(letter)
                )
                self._house.arrived(letter.subject)
                refusal = await heard
                if refusal is not None:
                    wrong = SignatureError if refusal.reason == REPEATED else FrameError
                    self._house.not_taken(arrived, wrong(refusal.reason))
                return
            taken = self._store.queue(lambda t: self._take_frame(t, letter))
            if letter.messages:
                self._house.arrived(letter.subject)
            work = await taken
        except StoreFull as error:
            # Nothing is answered, so the sender keeps it and tries again.
            self._house.store_full(error)
            return
        if work.receipt is not None:
            await self._answer(arrived, work.receipt)
        self._house.wake(work.wake)
        if letter.messages:
            self._metrics.frame_taken(letter, work.receipt)

    @staticmethod
    def _patience(notice: Notice) -> float:
        """Hellos come from every node, all the time, and have time."""
        return NOTICE_WITHIN if subjects.parse(notice.subject).kind == Kind.EVENT_NACK else 0.0

    def _letter(self, arrived: Incoming) -> Frame | Notice:
        """Raises FrameError unless it is addressed to me, on the subject that it names."""
        letter = self._bus.wire.open(arrived.payload, arrived.subject)
        if not isinstance(letter, Frame | Notice):
            raise FrameError("what came on a method's subject is for an inbox")
        if letter.to != self._bus.node or letter.subject != arrived.subject:
            raise FrameError(f"it says that it is for {letter.to} on {letter.subject[:80]}")
        return letter

    def _take_frame(self, tables: Tables, frame: Frame) -> Work:
        node = Node(self._house.admit, lambda events: self._house.handle(tables, events))
        receiver = self._handoff.receiver
        return receiver.on_frame(
            tables.inbox, tables.outbox, frame, self._house.now(), node,
            signed=self._bus.wire.obeys(frame.frm),
        )  # fmt: skip

    def _take_notice(self, tables: Tables, notice: Notice) -> Verdict | None:
        """A NACK kind: at most once, from no stream. Its sender never hears of a refusal."""
        now = self._house.now()
        subject = Subject(notice.subject)
        if not self._bus.wire.is_introduction(subject):
            if self._bus.wire.trust and not self._is_news(tables, notice, now):
                return Verdict(state=State.REFUSED, reason=REPEATED)
            self._handoff.receiver.hear(tables.inbox, notice.frm, notice.clock, now)
        arrival = Arrival(
            notice.frm, notice.store, subject, 0, notice.id, None, None, bytes(notice.body),
            notice.order,
        )  # fmt: skip
        admission = self._house.admit(arrival)
        if admission.refusal is not None:
            return admission.refusal
        if not admission.is_command:
            return self._house.handle(tables, [arrival])[0]
        tables.inbox.accept([arrival], now)
        return None

    @staticmethod
    def _is_news(tables: Tables, notice: Notice, now: Now) -> bool:
        """Rule 4's ``seq`` tells a frame's repetition; here it is the sender's steady time. Where
        nothing is remembered of it, a hello counts whatever the clocks say: it starts nothing."""
        said = notice.subject.partition(".")[2]
        age = now.wall - notice.clock if is_command(notice.subject) else 0.0
        return tables.trust.is_news(
            notice.frm, notice.store, said, notice.start, notice.steady, age, now
        )

    async def _answer(self, arrived: Incoming, receipt: Receipt) -> None:
        if not is_inbox_of(arrived.reply, receipt.to):
            self._house.not_taken(
                arrived, FrameError("its reply subject is not the sender's inbox")
            )
            return
        try:
            await self._bus.publish(
                arrived.reply, self._bus.wire.seal(receipt, arrived.reply, receipt.to)
            )
        except StewardError as error:
            log.error("a receipt could not be sent: %s", error)


def _named(letter: Frame | Notice) -> str:
    """What an operator is told of a letter that a process failed on."""
    if isinstance(letter, Notice):
        return f"message {letter.id} from {letter.frm}"
    first = f" from message {letter.messages[0].id} on" if letter.messages else ""
    return f"frame {letter.tx} of {letter.frm}{first}"
