"""Every sentence of ``Sending`` in steward/handoff/ports.py, over the fake and over SQLite."""

from __future__ import annotations

from steward.errors import IdConflict, QueueFull
from steward.handoff.state import Peer
from steward.message import State
from steward.outbox import Accepted
from tests.store.conftest import COMMANDS, EVENTS, SHIP, Ledger, at, message
from tests.store.sending import COMMAND, bound, put, state_of

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
