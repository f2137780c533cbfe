"""The operator's hand on the queues: counts, hold, clear, notices, retention."""

from __future__ import annotations

import pytest

from steward.errors import NotPossible
from steward.handoff.state import Now
from steward.message import Kind, State
from steward.outbox import Load
from tests.store.conftest import COMMANDS, EVENTS, SHIP, SqliteLedger, at, message
from tests.store.lists import COMMAND, OTHER, listed, put, settled, show

# ------------------------------------------------------------------- counts, hold, clear


def test_loads_tell_what_each_node_has_to_get(box: SqliteLedger) -> None:
    put(box, message(COMMAND), message(COMMAND), wall=1)
    settled(box, COMMANDS)
    put(box, message(), wall=2)
    box.outbox.bind(None, EVENTS, "theirs", 256, 1 << 20)
    put(box, message(), wall=3)
    put(box, message(to=OTHER), wall=4)
    box.tables.end()
    assert box.outbox.loads() == {
        SHIP: Load(queued=1, under_way=3, oldest=at(2).wall),
        OTHER: Load(queued=1, under_way=0, oldest=at(4).wall),
    }
    assert box.outbox.counts() == {"queued": 2, "sent": 1, "delivered": 2, "running": 0}
    assert sorted(box.outbox.nodes()) == [SHIP, OTHER]
    assert set(box.outbox.open_lanes()) == {EVENTS, COMMANDS, "ship2.EventACK.TextLogging"}


def test_ages_are_those_of_the_oldest_message_in_each_state(box: SqliteLedger) -> None:
    assert box.outbox.ages(at(0)) == dict.fromkeys(("queued", "sent", "delivered", "running"))
    runs, ended, waits = message(COMMAND), message(COMMAND), message(COMMAND)
    put(box, runs, ended, waits, wall=1)
    settled(box, COMMANDS)
    box.outbox.running(runs.id, SHIP, at(2).wall, at(2))
    box.outbox.settle_result(ended.id, SHIP, {"state": "failed"}, at(3))
    given_up, sent = message(), message()
    put(box, given_up, wall=4)
    put(box, sent, wall=5)
    box.outbox.bind(None, EVENTS, "theirs", 256, 1 << 20)
    box.outbox.give_up([given_up.id], State.EXPIRED, at(6))
    put(box, message(to=OTHER), wall=7)
    put(box, message(), wall=8)
    box.tables.end()
    assert box.outbox.ages(at(10)) == {"queued": 3, "sent": 5, "delivered": 9, "running": 9}


def test_a_release_ends_hold_and_alarm_and_starts_the_attempts_anew(box: SqliteLedger) -> None:
    put(box, message())
    box.outbox.set_first_try(EVENTS, 1.0)
    box.outbox.hold([SHIP])
    peer = box.outbox.peer(SHIP)
    assert peer.held
    peer.alarm = "two machines"
    box.outbox.save_peer(peer)
    assert box.outbox.release([SHIP]) == [EVENTS]
    assert (box.outbox.peer(SHIP).held, box.outbox.peer(SHIP).alarm) == (False, "")
    assert box.outbox.first_try(EVENTS) is None


def test_clearing_names_what_is_open_without_the_machinery(box: SqliteLedger) -> None:
    done, delivered, given_up, waiting = (message(COMMAND) for _ in range(4))
    put(box, done, delivered)
    settled(box, COMMANDS)
    box.outbox.settle_result(done.id, SHIP, {"state": "succeeded"}, at(6))
    put(box, given_up)
    stream = box.outbox.stream(SHIP, "theirs", COMMANDS)
    box.outbox.bind(stream, COMMANDS, "theirs", 256, 1 << 20)
    box.outbox.give_up([given_up.id], State.EXPIRED, at(7))
    put(box, waiting, message(method="Result"), message(to=OTHER))
    assert box.outbox.clear([SHIP]) == [delivered.id, given_up.id, waiting.id]
    box.outbox.give_up([given_up.id], State.CANCELLED, at(8))
    assert box.outbox.clear([SHIP]) == [delivered.id, waiting.id]


def test_a_node_is_forgotten_once_nothing_is_open_for_it(box: SqliteLedger) -> None:
    [id] = put(box, message())
    box.outbox.hold([SHIP])
    with pytest.raises(NotPossible):
        box.outbox.forget(SHIP)
    box.outbox.end(id, State.CANCELLED, "", at(1))
    box.outbox.forget(SHIP)
    assert not box.outbox.peer(SHIP).held


# ------------------------------------------------------------------- NACK kinds


def test_a_notice_is_published_once_or_never(box: SqliteLedger) -> None:
    lane = message(Kind.EVENT_NACK).subject
    first, second = put(box, message(Kind.EVENT_NACK), message(Kind.EVENT_NACK))
    taken = box.outbox.take_notices(lane, True, at(1), limit=1)
    assert [(n.id, n.body) for n in taken] == [(first, b'{"data":["hello"]}')]
    assert (show(box, first)["state"], show(box, first)["confirmed"]) == ("published", True)
    assert box.outbox.take_notices(lane, False, at(2)) == []
    assert show(box, second)["state"] == "undelivered"
    box.outbox.not_published([first, second], "the link was lost", at(3))
    assert show(box, first)["state"] == "undelivered"
    assert show(box, first)["reason"] == "the link was lost"
    assert box.outbox.take_notices(lane, True, at(4)) == []


# ------------------------------------------------------------------- retention


def test_the_oldest_ended_messages_go_first_and_open_ones_never(box: SqliteLedger) -> None:
    [stuck] = put(box, message(COMMAND))
    ids = put(box, *(message() for _ in range(10)))
    settled(box, EVENTS)
    [new] = put(box, message())
    box.con.execute("UPDATE meta SET journaled = 100")
    assert box.outbox.prune(at(100), keep=5, most=3) == 3
    assert box.outbox.prune(at(100), keep=5, most=30) == 4
    assert box.outbox.prune(at(100), keep=5) == 0
    box.tables.end()
    assert listed(box) == [new, *ids[:6:-1], stuck]
    assert box.outbox.prune(at(100), keep_seconds=96.0) == 0
    assert box.outbox.prune(at(100), keep_seconds=94.0) == 3
    box.tables.end()
    assert listed(box) == [new, stuck]
    (bodies,) = box.con.execute("SELECT count(*) FROM body").fetchone()
    assert bodies == 2


def test_a_clock_that_was_wrong_makes_nothing_old(box: SqliteLedger) -> None:
    """Found by the fault laboratory, seed 101: what came while a clock stood at 1970 was deleted
    as soon as it was right again; one that jumped ahead would have cost the whole history."""
    box.outbox.submit([message()], 1000, Now(-1e9, 0.0), None)
    box.outbox.bind(None, EVENTS, "theirs", 256, 1 << 20)
    box.outbox.settle(box.outbox.stream(SHIP, "theirs", EVENTS), 1, {}, Now(-1e9, 5.0))
    box.con.execute("UPDATE meta SET journaled = 100")
    assert box.outbox.prune(Now(1e9, 6.0), keep_seconds=96.0) == 0
    assert box.outbox.prune(Now(1e9, 200.0), keep_seconds=96.0) == 1


def test_what_is_unreceipted_or_not_journaled_is_kept(box: SqliteLedger) -> None:
    [id] = put(box, message())
    box.outbox.bind(None, EVENTS, "theirs", 256, 1 << 20)
    box.outbox.end(id, State.CANCELLED, "", at(1))
    box.con.execute("UPDATE meta SET journaled = 100")
    assert box.outbox.prune(at(1e9)) == 0
    box.outbox.settle(box.outbox.stream(SHIP, "theirs", EVENTS), 1, {}, at(2))
    box.con.execute("UPDATE meta SET journaled = 0")
    assert box.outbox.prune(at(1e9)) == 0
    box.con.execute("UPDATE meta SET journaled = 1")
    assert box.outbox.prune(at(1e9)) == 1


def test_numbers_are_never_used_again(box: SqliteLedger) -> None:
    [id] = put(box, message())
    box.outbox.end(id, State.CANCELLED, "", at(1))
    box.con.execute("UPDATE meta SET journaled = 1")
    assert box.outbox.prune(at(1e9)) == 1
    box.tables.end()
    box.tables.forget_caches()
    put(box, message())
    assert box.con.execute("SELECT n FROM message").fetchall() == [(2,)]
