"""``Sending`` from giving up to the end, over the fake and over SQLite."""

from __future__ import annotations

import pytest

from steward.errors import Refused
from steward.frames import Verdict
from steward.handoff.state import Peer
from steward.message import Kind, MessageId, State
from tests.store.conftest import COMMANDS, EVENTS, SHIP, Ledger, at, message
from tests.store.sending import COMMAND, EVENT, bound, put, state_of

# ------------------------------------------------------------------- giving up, settling


def test_giving_up_leaves_a_tombstone_and_proves_nothing(ledger: Ledger) -> None:
    one, two = message(), message()
    stream = bound(ledger, one, two)
    ledger.outbox.give_up([one.id], State.EXPIRED, at(1))
    first, second = ledger.outbox.unreceipted(stream)
    assert (first.state, first.confirmed, first.tombstone) == (State.EXPIRED, False, "expired")
    assert (second.state, second.tombstone) == (State.SENT, "")


def test_a_cancel_outranks_an_earlier_reason_and_is_outranked_by_none(ledger: Ledger) -> None:
    one = message()
    stream = bound(ledger, one)
    for why in (State.EXPIRED, State.CANCELLED, State.UNDELIVERED):
        ledger.outbox.give_up([one.id], why, at(1))
    assert ledger.outbox.unreceipted(stream)[0].tombstone == "cancelled"


def test_only_the_bound_and_unreceipted_can_be_given_up(ledger: Ledger) -> None:
    done, delivered = message(), message(COMMAND)
    ledger.outbox.settle(bound(ledger, done), 1, {}, at(1))
    ledger.outbox.settle(bound(ledger, delivered), 1, {}, at(1))
    [waiting] = put(ledger, message())
    ids = [done.id, delivered.id, waiting.id]
    ledger.outbox.give_up(ids, State.EXPIRED, at(2))
    assert state_of(ledger, done) == (State.SUCCEEDED, True)
    assert state_of(ledger, delivered) == (State.DELIVERED, False)
    assert state_of(ledger, waiting) == (State.QUEUED, False)


def test_an_accepted_event_has_succeeded_and_a_command_is_delivered(ledger: Ledger) -> None:
    event, command = message(), message(COMMAND)
    events, commands = bound(ledger, event), bound(ledger, command)
    ledger.outbox.set_first_try(EVENTS, 1.0)
    assert ledger.outbox.settle(events, 1, {}, at(1)) == []
    assert ledger.outbox.settle(commands, 1, {}, at(1)) == []
    assert state_of(ledger, event) == (State.SUCCEEDED, True)
    assert state_of(ledger, command) == (State.DELIVERED, False)
    assert ledger.outbox.first_try(EVENTS) is None
    assert events.base == 1
    again = ledger.outbox.stream(SHIP, "theirs", EVENTS)
    assert again is not None
    assert again.base == 1
    assert ledger.outbox.unreceipted(again) == []
    assert ledger.outbox.awaits_result(commands)
    assert not ledger.outbox.awaits_result(events)


def test_a_receipt_settles_up_to_last_and_no_further(ledger: Ledger) -> None:
    sent = [message() for _ in range(5)]
    stream = bound(ledger, *sent)
    ledger.outbox.settle(stream, 3, {}, at(1))
    assert [m.seq for m in ledger.outbox.unreceipted(stream)] == [4, 5]
    assert [state_of(ledger, m)[1] for m in sent] == [True, True, True, False, False]
    ledger.outbox.settle(stream, 5, {}, at(2))
    assert state_of(ledger, sent[4]) == (State.SUCCEEDED, True)


@pytest.mark.parametrize("kind", [EVENT, COMMAND])
def test_a_verdict_is_proof(ledger: Ledger, kind: Kind) -> None:
    sent = [message(kind) for _ in range(4)]
    stream = bound(ledger, *sent)
    verdicts = {
        1: Verdict(state="refused", reason="not permitted"),
        2: Verdict(state="settled"),
        4: Verdict(state="no such state"),
    }
    ledger.outbox.settle(stream, 4, verdicts, at(1))
    assert state_of(ledger, sent[0]) == (State.REFUSED, True)
    assert state_of(ledger, sent[1]) == (State.UNKNOWN, True)
    assert state_of(ledger, sent[3]) == (State.UNKNOWN, True)
    assert state_of(ledger, sent[2])[0] in (State.SUCCEEDED, State.DELIVERED)


def test_a_tombstone_that_came_too_late_is_cleared(ledger: Ledger) -> None:
    event, command = message(), message(COMMAND)
    for one in (event, command):
        stream = bound(ledger, one)
        ledger.outbox.give_up([one.id], State.EXPIRED, at(1))
        assert ledger.outbox.settle(stream, 1, {}, at(2)) == []
    assert state_of(ledger, event) == (State.SUCCEEDED, True)
    assert state_of(ledger, command) == (State.DELIVERED, False)


def test_a_cancel_that_came_too_late_goes_as_a_message(ledger: Ledger) -> None:
    command, event = message(COMMAND), message()
    for one in (command, event):
        stream = bound(ledger, one)
        ledger.outbox.give_up([one.id], State.CANCELLED, at(1))
        cancels = ledger.outbox.settle(stream, 1, {}, at(2))
        assert cancels == (["ship1.EventACK.Cancel"] if one is command else [])
    cancel = ledger.outbox.bind(None, "ship1.EventACK.Cancel", "theirs", 256, 1 << 20)
    [m] = ledger.outbox.unreceipted(cancel)
    assert m.body == f'{{"data":["{command.id}"]}}'.encode()
    assert not m.is_command


def test_running_stays_running_when_the_receipt_comes(ledger: Ledger) -> None:
    command = message(COMMAND)
    stream = bound(ledger, command)
    assert ledger.outbox.running(command.id, SHIP, 1000.0, at(1))
    assert state_of(ledger, command) == (State.RUNNING, False)
    ledger.outbox.settle(stream, 1, {}, at(2))
    assert state_of(ledger, command) == (State.RUNNING, False)
    assert ledger.outbox.awaits_result(stream)


def test_an_end_that_was_proved_before_its_receipt_stands(ledger: Ledger) -> None:
    command = message(COMMAND)
    stream = bound(ledger, command)
    assert ledger.outbox.settle_result(command.id, SHIP, {"state": "failed"}, at(1))
    [m] = ledger.outbox.unreceipted(stream)
    assert (m.state, m.confirmed) == (State.FAILED, True)
    ledger.outbox.settle(stream, 1, {1: Verdict(state="expired")}, at(2))
    assert state_of(ledger, command) == (State.FAILED, True)
    assert ledger.outbox.unreceipted(stream) == []


# ------------------------------------------------------------------- results


def test_the_first_proof_wins(ledger: Ledger) -> None:
    command = message(COMMAND)
    ledger.outbox.settle(bound(ledger, command), 1, {}, at(1))
    assert ledger.outbox.settle_result(command.id, SHIP, {"state": "succeeded"}, at(2))
    assert not ledger.outbox.settle_result(command.id, SHIP, {"state": "failed"}, at(3))
    assert state_of(ledger, command) == (State.SUCCEEDED, True)
    assert not ledger.outbox.awaits_result(ledger.outbox.stream(SHIP, "theirs", COMMANDS))


def test_only_unknown_is_replaced_by_a_proof(ledger: Ledger) -> None:
    command = message(COMMAND)
    ledger.outbox.settle(bound(ledger, command), 1, {}, at(1))
    ledger.outbox.adopt(Peer(name=SHIP, instance="theirs"), "newer", at(2))
    assert state_of(ledger, command) == (State.UNKNOWN, True)
    assert ledger.outbox.settle_result(command.id, SHIP, {"state": "interrupted"}, at(3))
    assert state_of(ledger, command) == (State.INTERRUPTED, True)


def test_a_result_from_somebody_else_or_of_nothing_settles_nothing(ledger: Ledger) -> None:
    command, event = message(COMMAND), message()
    bound(ledger, command)
    bound(ledger, event)
    done = {"state": "succeeded"}
    assert not ledger.outbox.settle_result(command.id, "ship2", done, at(1))
    assert not ledger.outbox.settle_result(event.id, SHIP, done, at(1))
    assert not ledger.outbox.settle_result(MessageId("nobody"), SHIP, done, at(1))
    assert not ledger.outbox.settle_result(MessageId("nobody"), SHIP, done, at(1))
    assert state_of(ledger, command) == (State.SENT, False)


@pytest.mark.parametrize("state", ["undelivered", "unknown", "queued", "nonsense", None])
def test_a_result_that_no_command_has_is_refused(ledger: Ledger, state: str | None) -> None:
    command = message(COMMAND)
    bound(ledger, command)
    with pytest.raises(Refused):
        ledger.outbox.settle_result(command.id, SHIP, {"state": state}, at(1))
    assert state_of(ledger, command) == (State.SENT, False)


def test_only_a_command_under_way_can_be_running(ledger: Ledger) -> None:
    command, event = message(COMMAND), message()
    ledger.outbox.settle(bound(ledger, command), 1, {}, at(1))
    bound(ledger, event)
    assert not ledger.outbox.running(command.id, "ship2", 1000.0, at(1))
    assert not ledger.outbox.running(event.id, SHIP, 1000.0, at(1))
    assert not ledger.outbox.running(MessageId("nobody"), SHIP, 1000.0, at(1))
    assert ledger.outbox.running(command.id, SHIP, 1000.0, at(1))
    ledger.outbox.settle_result(command.id, SHIP, {"state": "succeeded"}, at(2))
    assert not ledger.outbox.running(command.id, SHIP, 1000.0, at(3))


# ------------------------------------------------------------------- one message


def test_find_tells_where_a_message_stands(ledger: Ledger) -> None:
    assert ledger.outbox.find(MessageId("nobody")) is None
    [one] = put(ledger, message())
    assert ledger.outbox.find(one.id) == (EVENTS, State.QUEUED, False, None, 0)
    stream = ledger.outbox.bind(None, EVENTS, "theirs", 256, 1 << 20)
    assert ledger.outbox.find(one.id) == (EVENTS, State.SENT, False, stream, 1)


def test_ending_a_bound_message_leaves_its_seq_to_be_told(ledger: Ledger) -> None:
    one = message()
    stream = bound(ledger, one)
    ledger.outbox.end(one.id, State.UNDELIVERED, "too large", at(1))
    [m] = ledger.outbox.unreceipted(stream)
    assert (m.state, m.confirmed) == (State.UNDELIVERED, True)
    ledger.outbox.end(one.id, State.CANCELLED, "", at(2))
    assert state_of(ledger, one) == (State.UNDELIVERED, True)


def test_a_cancel_is_queued_once_while_it_is_under_way(ledger: Ledger) -> None:
    command = message(COMMAND)
    ledger.outbox.settle(bound(ledger, command), 1, {}, at(1))
    subject = ledger.outbox.queue_cancel(command.id, at(2))
    assert subject == "ship1.EventACK.Cancel"
    assert ledger.outbox.queue_cancel(command.id, at(2)) == subject
    stream = ledger.outbox.bind(None, subject, "theirs", 256, 1 << 20)
    assert ledger.outbox.queue_cancel(command.id, at(3)) == subject
    assert stream.next == 2
    ledger.outbox.settle(stream, 1, {}, at(4))
    ledger.outbox.queue_cancel(command.id, at(5))
    assert ledger.outbox.has_queued(subject)
