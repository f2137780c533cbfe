"""``Sending`` when a store is replaced, theirs or mine, over the fake and over SQLite."""

from __future__ import annotations

from steward.frames import Verdict
from steward.handoff.state import Peer
from steward.message import State
from tests.store.conftest import COMMANDS, EVENTS, SHIP, Ledger, at, message
from tests.store.sending import COMMAND, bound, put, state_of

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


def test_a_renewal_ends_every_alarm_and_no_hold(ledger: Ledger) -> None:
    ledger.outbox.save_peer(Peer(name=SHIP, instance="theirs", held=True, alarm="two machines"))
    ledger.outbox.renew("another", "start", at(1))
    assert ledger.outbox.peer(SHIP) == Peer(name=SHIP, instance="theirs", held=True)
