"""Steps that the tests of the sender's port share."""

from __future__ import annotations

from steward.handoff.state import OutStream
from steward.message import Kind, Message, State
from steward.outbox import Accepted
from tests.store.conftest import SHIP, Ledger, at

COMMAND, EVENT = Kind.COMMAND_ACK, Kind.EVENT_ACK


def put(ledger: Ledger, *messages: Message, wall: float = 0.0) -> list[Message]:
    answers = ledger.outbox.submit(messages, 0, at(wall), None)
    assert all(isinstance(answer, Accepted) for answer in answers)
    return list(messages)


def bound(ledger: Ledger, *messages: Message) -> OutStream:
    """Submit and bind them, to the store ``theirs`` of ship1."""
    put(ledger, *messages)
    subject = messages[0].subject
    stream = ledger.outbox.stream(SHIP, "theirs", subject)
    made: OutStream = ledger.outbox.bind(stream, subject, "theirs", 256, 1 << 20)
    return made


def state_of(ledger: Ledger, message: Message) -> tuple[State, bool]:
    found = ledger.outbox.find(message.id)
    assert found is not None
    return found[1], found[2]
