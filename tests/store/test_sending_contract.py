"""Every sentence of ``Sending`` in steward/handoff/ports.py, over the fake and over SQLite."""

from __future__ import annotations

import pytest

from steward.errors import IdConflict, QueueFull, Refused
from steward.frames import Verdict
from steward.handoff.state import OutStream, Peer
from steward.message import Kind, Message, MessageId, State
from steward.outbox import Accepted
from tests.store.conftest import COMMANDS, EVENTS, SHIP, Ledger, at, message

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


# ------------------------------------------------------------------- submitting


def test_the_same_id_with_the_same_content_is_accepted_once(ledger: Ledger) -> None:
    [one] = put(ledger, message())
    assert ledger.outbox.submit([one], 0, at(1), 10) == [Accepted(one.id, duplicate=True)]
    assert len(ledger.outbox.unreceipted(bound(ledger, message()))) == 2


def test_the_same_id_with_other_content_is_a_conflict(ledger: Ledger) -> None:
    [one] = put(ledger, message())
    [answer] = ledger.outbox.submit([message(id=one.id, data=("other",))], 0, at(1), 10)
    assert isinstance(answer, IdConflict)


def test_an_id_is_taken_once_within_one_submit_too(ledger: Ledger) -> None:
    one = message()
    answers = ledger.outbox.submit([one, one, message(id=one.id, retries=7)], 0, at(0), 10)
    assert answers[1] == Accepted(one.id, duplicate=True)
    assert isinstance(answers[2], IdConflict)


def test_a_full_queue_refuses_one_by_one_and_never_a_result(ledger: Ledger) -> None:
    answers = ledger.outbox.submit([message() for _ in range(4)], 0, at(0), 3)
    assert [isinstance(a, QueueFull) for a in answers] == [False, False, False, True]
    [other] = ledger.outbox.submit([message(to="ship2")], 0, at(0), 3)
    assert isinstance(other, Accepted)
    [result] = ledger.outbox.submit([message(method="Result")], None, at(0), None)
    assert isinstance(result, Accepted)


def test_a_name_never_heard_of_is_told_as_new(ledger: Ledger) -> None:
    [first] = ledger.outbox.submit([message()], 0, at(0), 10)
    ledger.outbox.save_peer(Peer(name=SHIP, instance="theirs"))
    [second] = ledger.outbox.submit([message()], 0, at(0), 10)
    assert (first.new_node, second.new_node) == (True, False)


# ------------------------------------------------------------------- peers and lanes


def test_a_peer_is_new_until_it_is_saved(ledger: Ledger) -> None:
    assert ledger.outbox.peer(SHIP) == Peer(name=SHIP)
    peer = Peer(name=SHIP, instance="a", retired=("x", "y"), held=True, alarm="two machines")
    ledger.outbox.save_peer(peer)
    assert ledger.outbox.peer(SHIP) == peer


def test_changing_what_was_returned_changes_nothing(ledger: Ledger) -> None:
    ledger.outbox.save_peer(Peer(name=SHIP, instance="a"))
    ledger.outbox.peer(SHIP).held = True
    assert not ledger.outbox.peer(SHIP).held
    stream = bound(ledger, message())
    stream.base = 17
    again = ledger.outbox.stream(SHIP, "theirs", EVENTS)
    assert again is not None
    assert again.base == 0


def test_first_try_is_kept_until_it_is_cleared(ledger: Ledger) -> None:
    assert ledger.outbox.first_try(EVENTS) is None
    ledger.outbox.set_first_try(EVENTS, 5.5)
    assert ledger.outbox.first_try(EVENTS) == 5.5
    ledger.outbox.set_first_try(EVENTS, None)
    assert ledger.outbox.first_try(EVENTS) is None


def test_has_queued_means_unbound_and_open(ledger: Ledger) -> None:
    assert not ledger.outbox.has_queued(EVENTS)
    [one] = put(ledger, message())
    assert ledger.outbox.has_queued(EVENTS)
    assert not ledger.outbox.has_queued(COMMANDS)
    ledger.outbox.end(one.id, State.CANCELLED, "", at(1))
    assert not ledger.outbox.has_queued(EVENTS)
    bound(ledger, message())
    assert not ledger.outbox.has_queued(EVENTS)


# ------------------------------------------------------------------- expiry and attempts


def test_next_expiry_is_the_earliest_that_can_still_be_given_up(ledger: Ledger) -> None:
    assert ledger.outbox.next_expiry(COMMANDS) is None
    soon, later = message(COMMAND, ttl=5.0), message(COMMAND, ttl=50.0)
    stream = bound(ledger, soon, later, message(COMMAND))
    put(ledger, message(COMMAND, ttl=500.0))
    assert ledger.outbox.next_expiry(COMMANDS) == at(5).wall
    ledger.outbox.give_up([soon.id], State.EXPIRED, at(5))
    assert ledger.outbox.next_expiry(COMMANDS) == at(50).wall
    ledger.outbox.settle(stream, 3, {}, at(6))
    assert ledger.outbox.next_expiry(COMMANDS) == at(500).wall


def test_expire_queued_ends_the_unbound_whose_time_has_come(ledger: Ledger) -> None:
    under_way = message(ttl=1.0)
    bound(ledger, under_way)
    due, early, never = put(ledger, message(ttl=5.0), message(ttl=5.1), message())
    ledger.outbox.expire_queued(EVENTS, at(5))
    assert state_of(ledger, due) == (State.EXPIRED, True)
    assert state_of(ledger, early) == (State.QUEUED, False)
    assert state_of(ledger, never) == (State.QUEUED, False)
    assert state_of(ledger, under_way) == (State.SENT, False)


def test_giving_up_counts_from_the_later_of_acceptance_and_first_try(ledger: Ledger) -> None:
    put(ledger, message(retries=3, timeout=10.0), wall=0)
    put(ledger, message(retries=2, timeout=10.0), wall=100)
    put(ledger, message())
    assert ledger.outbox.next_giving_up(EVENTS, 0.0) == 30.0
    assert ledger.outbox.next_giving_up(EVENTS, 95.0) == 120.0
    assert ledger.outbox.next_giving_up(EVENTS, 200.0) == 220.0
    assert ledger.outbox.next_giving_up(COMMANDS, 0.0) is None


def test_what_has_used_up_its_attempts_is_undelivered(ledger: Ledger) -> None:
    old, patient, endless = put(ledger, message(retries=3), message(retries=4), message(retries=0))
    ledger.outbox.give_up_queued(EVENTS, 5.0, at(0, steady=34.9))
    assert state_of(ledger, old) == (State.QUEUED, False)
    ledger.outbox.give_up_queued(EVENTS, 5.0, at(0, steady=35.0))
    assert state_of(ledger, old) == (State.UNDELIVERED, True)
    assert state_of(ledger, patient) == (State.QUEUED, False)
    ledger.outbox.give_up_queued(EVENTS, 5.0, at(0, steady=1e6))
    assert state_of(ledger, endless) == (State.QUEUED, False)


def test_each_timeout_that_passes_is_an_attempt(ledger: Ledger) -> None:
    put(ledger, message(), message(retries=2), message())
    ledger.outbox.count_queued(EVENTS, 5.0, at(0, steady=36.0), 2)
    stream = ledger.outbox.bind(None, EVENTS, "theirs", 256, 1 << 20)
    assert [m.attempts for m in ledger.outbox.unreceipted(stream)] == [4, 2, 1]


def test_saved_attempts_are_read_again(ledger: Ledger) -> None:
    one, two = message(), message()
    stream = bound(ledger, one, two)
    ledger.outbox.save_attempts({two.id: 3}, at(1))
    assert [m.attempts for m in ledger.outbox.unreceipted(stream)] == [1, 3]


# ------------------------------------------------------------------- binding


def test_binding_gives_the_next_seqs_in_the_order_of_acceptance(ledger: Ledger) -> None:
    first = bound(ledger, message(), message())
    assert (first.next, first.base) == (3, 0)
    sent = put(ledger, message(), message(), message())
    second = ledger.outbox.bind(first, EVENTS, "theirs", 2, 1 << 20)
    assert [m.seq for m in ledger.outbox.unreceipted(second)] == [1, 2, 3, 4]
    assert [m.id for m in ledger.outbox.unreceipted(second)[2:]] == [m.id for m in sent[:2]]
    assert state_of(ledger, sent[0]) == (State.SENT, False)
    assert state_of(ledger, sent[2]) == (State.QUEUED, False)
    found = ledger.outbox.find(sent[1].id)
    assert found is not None
    assert found[3:] == (second, 4)


def test_binding_takes_at_least_one_and_no_more_bytes_than_asked(ledger: Ledger) -> None:
    put(ledger, *(message(data=("x" * 1000,)) for _ in range(3)))
    stream = ledger.outbox.bind(None, EVENTS, "theirs", 256, 10)
    assert stream.next == 2
    size = len(message(data=("x" * 1000,)).body())
    stream = ledger.outbox.bind(stream, EVENTS, "theirs", 256, 2 * size)
    assert stream.next == 4


def test_binding_passes_over_what_has_ended(ledger: Ledger) -> None:
    one, two = put(ledger, message(), message())
    ledger.outbox.end(one.id, State.CANCELLED, "", at(1))
    stream = ledger.outbox.bind(None, EVENTS, "theirs", 256, 1 << 20)
    assert [m.id for m in ledger.outbox.unreceipted(stream)] == [two.id]


def test_a_stream_is_found_by_peer_store_and_subject(ledger: Ledger) -> None:
    assert ledger.outbox.stream(SHIP, "theirs", EVENTS) is None
    events, commands = bound(ledger, message()), bound(ledger, message(COMMAND))
    assert ledger.outbox.stream(SHIP, "theirs", EVENTS) == events
    assert ledger.outbox.stream(SHIP, "other", EVENTS) is None
    assert list(ledger.outbox.streams_to(SHIP, "theirs")) == [events, commands]
    assert list(ledger.outbox.streams_to(SHIP, "other")) == []
    assert list(ledger.outbox.streams_to("ship2", "theirs")) == []


def test_unreceipted_tells_all_that_a_frame_needs(ledger: Ledger) -> None:
    sent = message(COMMAND, ttl=60.0, timeout=3.0, retries=5)
    [m] = ledger.outbox.unreceipted(bound(ledger, sent))
    assert (m.id, m.seq, m.is_command, m.state) == (sent.id, 1, True, State.SENT)
    assert (m.confirmed, m.tombstone, m.expires, m.clock) == (False, "", at(60).wall, 0.0)
    assert (m.timeout, m.retries, m.attempts, m.body) == (3.0, 5, 1, sent.body())


def test_the_id_at_a_seq_is_known_while_it_is_unreceipted(ledger: Ledger) -> None:
    one, two = message(), message()
    stream = bound(ledger, one, two)
    assert [ledger.outbox.id_at(stream, seq) for seq in (1, 2, 3)] == [one.id, two.id, None]


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


@pytest.mark.parametrize("state", ["refused", "unknown", "queued", "nonsense", None])
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


# ------------------------------------------------------------------- adopting, renewing


def test_adopting_retires_the_old_store_and_saves_the_peer(ledger: Ledger) -> None:
    peer = Peer(name=SHIP)
    ledger.outbox.adopt(peer, "first", at(0))
    assert (peer.instance, peer.retired) == ("first", ())
    ledger.outbox.adopt(peer, "second", at(1))
    assert ledger.outbox.peer(SHIP) == Peer(name=SHIP, instance="second", retired=("first",))


def test_adopting_another_store_makes_unfinished_commands_unknown(ledger: Ledger) -> None:
    delivered, ended, sent, given_up = (message(COMMAND) for _ in range(4))
    stream = bound(ledger, delivered, ended, sent, given_up)
    ledger.outbox.settle(stream, 2, {}, at(1))
    ledger.outbox.settle_result(ended.id, SHIP, {"state": "succeeded"}, at(1))
    ledger.outbox.give_up([given_up.id], State.EXPIRED, at(1))
    [queued] = put(ledger, message(COMMAND))
    ledger.outbox.adopt(Peer(name=SHIP, instance="theirs"), "newer", at(2))
    for one in (delivered, sent, given_up):
        assert state_of(ledger, one) == (State.UNKNOWN, True)
    assert state_of(ledger, ended) == (State.SUCCEEDED, True)
    assert state_of(ledger, queued) == (State.QUEUED, False)


def test_events_go_again_to_another_store_in_their_order(ledger: Ledger) -> None:
    done, first, given_up, second = (message() for _ in range(4))
    stream = bound(ledger, done, first, given_up, second)
    ledger.outbox.settle(stream, 1, {}, at(1))
    ledger.outbox.give_up([given_up.id], State.EXPIRED, at(1))
    [third] = put(ledger, message())
    ledger.outbox.adopt(Peer(name=SHIP, instance="theirs"), "newer", at(2))
    assert state_of(ledger, done) == (State.SUCCEEDED, True)
    assert state_of(ledger, given_up) == (State.UNKNOWN, True)
    assert state_of(ledger, first) == (State.QUEUED, False)
    again = ledger.outbox.bind(None, EVENTS, "newer", 256, 1 << 20)
    told = [(m.seq, m.id) for m in ledger.outbox.unreceipted(again)]
    assert told == [(1, first.id), (2, second.id), (3, third.id)]


def test_what_a_lost_store_may_have_handled_never_reads_as_not_handled(ledger: Ledger) -> None:
    expired, retried, refused, cancelled, fine = (
        message(ttl=50.0),
        message(retries=1),
        message(),
        message(),
        message(),
    )
    bound(ledger, expired, retried, refused, cancelled, fine)
    ledger.outbox.adopt(Peer(name=SHIP, instance="theirs"), "newer", at(2))
    ledger.outbox.expire_queued(EVENTS, at(60))
    ledger.outbox.give_up_queued(EVENTS, 0.0, at(60))
    ledger.outbox.end(cancelled.id, State.CANCELLED, "", at(60))
    stream = ledger.outbox.bind(None, EVENTS, "newer", 256, 1 << 20)
    ledger.outbox.settle(stream, 2, {1: Verdict(state="refused")}, at(61))
    for one in (expired, retried, refused, cancelled):
        assert state_of(ledger, one) == (State.UNKNOWN, True)
    assert state_of(ledger, fine) == (State.SUCCEEDED, True)


def test_a_renewed_store_forgets_its_streams(ledger: Ledger) -> None:
    sent, delivered, ended = message(COMMAND), message(COMMAND), message(COMMAND)
    stream = bound(ledger, delivered, ended, sent)
    ledger.outbox.settle(stream, 2, {}, at(1))
    ledger.outbox.settle_result(ended.id, SHIP, {"state": "succeeded"}, at(1))
    result = message(method="Result")
    bound(ledger, result)
    [old] = put(ledger, message())
    ledger.restart("start-2")
    [new] = put(ledger, message())
    ledger.outbox.renew("new-store", "start-2", at(2))
    assert ledger.outbox.store_id() == "new-store"
    assert ledger.outbox.stream(SHIP, "theirs", COMMANDS) is None
    assert list(ledger.outbox.streams_to(SHIP, "theirs")) == []
    for one in (sent, delivered, old):
        assert state_of(ledger, one) == (State.UNKNOWN, True)
        assert ledger.outbox.find(one.id)[3] is None
    assert state_of(ledger, ended) == (State.SUCCEEDED, True)
    assert ledger.outbox.find(ended.id)[3] is None
    assert state_of(ledger, new) == (State.QUEUED, False)
    assert state_of(ledger, result) == (State.QUEUED, False)
    assert ledger.outbox.find(result.id)[3] is None
    again = ledger.outbox.bind(None, result.subject, "theirs", 256, 1 << 20)
    assert [m.id for m in ledger.outbox.unreceipted(again)] == [result.id]


def test_a_renewal_in_another_start_spares_nothing_that_waits(ledger: Ledger) -> None:
    [one] = put(ledger, message())
    ledger.outbox.renew("new-store", "some-other-start", at(2))
    assert state_of(ledger, one) == (State.UNKNOWN, True)


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
