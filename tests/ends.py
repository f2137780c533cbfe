"""Two nodes' cores, and nothing between them: a test hands every frame and receipt on by itself."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from random import Random

import msgspec

from steward.frames import Frame, Receipt, Verdict
from steward.handoff import Handoff
from steward.handoff.receiver import Admission, Node
from steward.handoff.state import Arrival, Now, Work
from steward.message import Body, Kind, Message, MessageId, State
from steward.subjects import NodeName, Subject, parse
from tests.property.fake_ledger import FakeLedger
from tests.property.fake_rows import Row

_tokens = itertools.count(1)


def token(what: str = "tx") -> str:
    return f"{what}{next(_tokens)}"


class Clock:
    """True time, in seconds; tests set it."""

    def __init__(self) -> None:
        self.t = 1000.0


class End:
    """One node: its store, and its core for one start of the daemon."""

    def __init__(self, name: str, clock: Clock, skew: float = 0.0) -> None:
        self.name = NodeName(name)
        self.clock = clock
        self.skew = skew
        self.ledger = FakeLedger.new(token(f"store-{name}-"))
        self.handled: list[MessageId] = []
        self.restart()

    def restart(self) -> None:
        """What was in memory is gone."""
        self.start = token("start")
        self.ledger.sending.start = self.start
        self.core = Handoff(self.name, self.start, Random(1), token)

    def now(self) -> Now:
        return Now(self.clock.t + self.skew, self.clock.t)

    # ---------------------------------------------------------------- sending

    def send(
        self,
        to: str,
        *,
        kind: Kind = Kind.COMMAND_ACK,
        timeout: float = 10.0,
        retries: int = 0,
        ttl: float = 0.0,
        data: tuple[str, ...] = ("x",),
        id: str = "",
    ) -> Message:
        """Accept a message; nothing of it has gone."""
        message = Message(
            id=MessageId(id or token("m")),
            to=NodeName(to),
            kind=kind,
            method="Work",
            data=data,
            timeout=timeout,
            retries=retries,
            ttl=ttl,
        )
        self.ledger.sending.submit([message], None, self.now())
        return message

    def pump(self, subject: Subject, *, can_send: bool = True) -> Work:
        return self.core.sender.pump(self.ledger.sending, subject, self.now(), can_send=can_send)

    def frame(self, subject: Subject) -> Frame:
        """The one frame that goes now."""
        (frame,) = self.pump(subject).frames
        return frame

    def judge(self, receipt: Receipt | None, *, signed: bool = False) -> Work:
        assert receipt is not None
        box, inbox = self.ledger.sending, self.ledger.receiving
        return self.core.receipts.on_receipt(box, inbox, receipt, self.now(), signed=signed)

    def hello(self, other: End) -> tuple[Subject, ...]:
        """A hello of the other one arrives here."""
        box = self.ledger.sending
        return self.core.sender.on_hello(box, other.name, other.start, other.store, self.now())

    def row(self, message: Message) -> Row:
        return self.ledger.sending.rows[message.id]

    def state(self, message: Message) -> tuple[State, bool]:
        """Its state, and whether that is confirmed."""
        return self.row(message).state, self.row(message).confirmed

    @property
    def store(self) -> str:
        return self.ledger.sending.store_id()

    # ---------------------------------------------------------------- receiving

    def take(self, frame: Frame, *, signed: bool = False) -> Receipt | None:
        box, inbox = self.ledger.sending, self.ledger.receiving
        node = Node(self._admit, self._handle)
        receiver = self.core.receiver
        return receiver.on_frame(inbox, box, frame, self.now(), node, signed=signed).receipt

    def _admit(self, a: Arrival) -> Admission:
        is_command = Kind(parse(a.subject).kind).is_command
        if msgspec.json.decode(a.body, type=Body).data == ("bad",):
            return Admission(Verdict(state=State.REFUSED, reason="bad"), is_command)
        return Admission(None, is_command)

    def _handle(self, events: Sequence[Arrival]) -> list[Verdict | None]:
        self.handled += [e.id for e in events]
        return [None] * len(events)

    def waiting(self) -> list[MessageId]:
        return [c.id for c in self.ledger.receiving.commands.values()]


def meet(sender: End, receiver: End, subject: Subject) -> None:
    """Question and answer: the sender knows the receiver's store and clock."""
    sender.judge(receiver.take(sender.frame(subject)))


def exchange(sender: End, receiver: End, subject: Subject) -> Receipt:
    """One frame there, its receipt back."""
    receipt = receiver.take(sender.frame(subject))
    sender.judge(receipt)
    assert receipt is not None
    return receipt


def alarm(end: End, of: End) -> str:
    """Why it exchanges nothing with the other one; empty: it does."""
    return end.ledger.sending.peer(of.name).alarm
