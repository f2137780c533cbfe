"""Every sentence of ``Receiving``, and the execution beside it, over the fake and over SQLite."""

from __future__ import annotations

from typing import Any

from steward.frames import Verdict
from steward.handoff.state import Arrival, InStream
from steward.inbox import Command, Stage
from steward.message import MessageId
from steward.subjects import NodeName, Subject
from tests.store.conftest import SHIP, Ledger, arrival, at

SHELL = Subject("central.CommandACK.ShellCommand")
NOTICES = Subject("central.CommandNACK.ShellCommand")
PARALLEL = b'{"data":["true"],"parallel":true}'


def take(ledger: Ledger, *arrivals: Arrival, wall: float = 0.0) -> list[Arrival]:
    ledger.inbox.accept(arrivals, at(wall))
    return list(arrivals)


def ids(commands: list[Command]) -> list[MessageId]:
    return [c.id for c in commands]


def in_stream(**more: Any) -> InStream:
    fields: dict[str, Any] = {"frm": SHIP, "store": "their-store", "subject": SHELL}
    return InStream(**{**fields, "ids": {}, "verdicts": {}, **more})


# ------------------------------------------------------------------- streams in


def test_a_stream_is_as_it_was_saved(ledger: Ledger) -> None:
    assert ledger.inbox.in_stream(SHIP, "their-store", SHELL) is None
    verdicts = {7: Verdict(state="refused", reason="why"), 8: Verdict(state="expired")}
    stream = in_stream(
        last=9, last_id="i", base=6, ids={9: MessageId("i"), 7: MessageId("h")}, verdicts=verdicts
    )
    ledger.inbox.save_in_stream(stream)
    assert ledger.inbox.in_stream(SHIP, "their-store", SHELL) == stream
    assert ledger.inbox.in_stream(SHIP, "other", SHELL) is None
    assert ledger.inbox.in_stream(NodeName("ship2"), "their-store", SHELL) is None


def test_changing_a_stream_changes_nothing_until_it_is_saved(ledger: Ledger) -> None:
    stream = in_stream(ids={1: MessageId("a")})
    ledger.inbox.save_in_stream(stream)
    stream.ids[2] = MessageId("b")
    again = ledger.inbox.in_stream(SHIP, "their-store", SHELL)
    again.verdicts[1] = Verdict(state="refused")
    assert ledger.inbox.in_stream(SHIP, "their-store", SHELL) == in_stream(ids={1: MessageId("a")})


# ------------------------------------------------------------------- accepting and voiding


def test_commands_are_received_in_order_with_all_they_came_with(ledger: Ledger) -> None:
    first, second = take(
        ledger, arrival(1, expires=1500.0, deadline=1400.0), arrival(2, body=PARALLEL), wall=3
    )
    one, two = ledger.inbox.startable()
    assert (one.frm, one.store, one.instance, one.subject) == (SHIP, "their-store", "mine", SHELL)
    assert (one.seq, one.id, one.expires, one.deadline) == (1, first.id, 1500.0, 1400.0)
    assert (one.parallel, one.body, one.stage) == (False, first.body, Stage.RECEIVED)
    assert (one.cancelled, one.accepted, one.started, one.boot_id) == (False, 1003.0, None, "")
    assert (two.seq, two.id, two.parallel) == (2, second.id, True)


def test_a_waiting_command_can_be_voided_once(ledger: Ledger) -> None:
    _, two = take(ledger, arrival(1), arrival(2))
    assert ledger.inbox.void(SHIP, "their-store", SHELL, 1)
    assert not ledger.inbox.void(SHIP, "their-store", SHELL, 1)
    assert not ledger.inbox.void(SHIP, "other", SHELL, 2)
    assert ids(ledger.inbox.startable()) == [two.id]


def test_a_started_command_cannot_be_voided(ledger: Ledger) -> None:
    take(ledger, arrival(1))
    ledger.inbox.mark_started(ledger.inbox.startable(), "boot", at(1))
    assert not ledger.inbox.void(SHIP, "their-store", SHELL, 1)
    assert len(ledger.inbox.started_rows()) == 1


def test_a_notice_is_taken_once_and_belongs_to_no_stream(ledger: Ledger) -> None:
    one = arrival(0)
    take(ledger, one, arrival(0))
    take(ledger, one)
    assert len(ledger.inbox.startable()) == 2
    assert not ledger.inbox.void(SHIP, "their-store", SHELL, 0)
    [command] = [c for c in ledger.inbox.startable() if c.id == one.id]
    ledger.inbox.mark_started([command], "boot", at(1))
    ledger.inbox.finish(command, at(2), "run-key", 10)
    take(ledger, one)
    assert len(ledger.inbox.startable()) == 1


# ------------------------------------------------------------------- expiry


def test_news_of_the_senders_clock_brings_expiries_forward_only(ledger: Ledger) -> None:
    other = arrival(1, frm=NodeName("ship2"), expires=2000.0, deadline=2000.0)
    take(ledger, arrival(1, expires=2000.0, deadline=2000.0), arrival(2, expires=None), other)
    take(ledger, arrival(3, expires=None, deadline=2100.0, body=PARALLEL))
    ledger.inbox.reckon(SHIP, 50.0)
    ledger.inbox.reckon(SHIP, 20.0)
    found = {c.id: c.expires for c in ledger.inbox.startable()}
    assert sorted(found.values(), key=str) == [1950.0, 2000.0, 2050.0]
    assert found[other.id] == 2000.0
    assert ledger.inbox.next_expiry() == 1950.0


def test_a_started_command_does_not_expire(ledger: Ledger) -> None:
    take(ledger, arrival(1, expires=1010.0, deadline=1010.0))
    [command] = ledger.inbox.startable()
    assert ledger.inbox.expired_waiting(at(9)) == []
    assert ids(ledger.inbox.expired_waiting(at(10))) == [command.id]
    ledger.inbox.mark_started([command], "boot", at(5))
    assert ledger.inbox.expired_waiting(at(10)) == []
    assert ledger.inbox.next_expiry() is None


# ------------------------------------------------------------------- execution


def test_what_may_start_is_the_head_of_each_stream_and_its_parallel_ones(ledger: Ledger) -> None:
    wide = [arrival(seq, body=PARALLEL) for seq in (2, 4, 5)]
    take(ledger, arrival(1), wide[0], arrival(3), *wide[1:])
    other = take(ledger, arrival(1, store="another-store"), arrival(2, store="another-store"))
    take(ledger, *(arrival(0, subject=NOTICES) for _ in range(3)))
    found = ledger.inbox.startable(2)
    assert [c.n for c in found] == sorted(c.n for c in found)
    assert [c.seq for c in found if c.store == "their-store" and c.seq] == [1, 2, 4]
    assert [c.id for c in found if c.store == "another-store"] == [other[0].id]
    assert len([c for c in found if not c.seq]) == 2


def test_a_started_command_is_remembered_as_such(ledger: Ledger) -> None:
    take(ledger, arrival(1), arrival(2, body=b'{"data":["x"],"methodTimeout":30}'))
    for _ in range(2):
        ledger.inbox.mark_started(ledger.inbox.startable(), "boot-7", at(4))
    one, two = ledger.inbox.started_rows()
    assert (one.stage, one.started, one.boot_id, one.ends_by) == (
        Stage.STARTED,
        1004.0,
        "boot-7",
        None,
    )
    assert two.ends_by == 1034.0
    assert ledger.inbox.startable() == []


def test_a_command_ends_once(ledger: Ledger) -> None:
    take(ledger, arrival(1), arrival(2))
    [command] = ledger.inbox.startable()
    assert ledger.inbox.finish(command, at(1))
    assert not ledger.inbox.finish(command, at(1))
    assert [c.seq for c in ledger.inbox.startable()] == [2]


def test_a_cancel_hands_back_what_waits_and_flags_what_runs(ledger: Ledger) -> None:
    running, waiting = take(ledger, arrival(1), arrival(2))
    ledger.inbox.mark_started(ledger.inbox.startable(), "boot", at(1))
    assert ledger.inbox.cancel(running.id, NodeName("ship2")) == ([], [])
    assert ledger.inbox.cancel(MessageId("nobody"), SHIP) == ([], [])
    waits, runs = ledger.inbox.cancel(waiting.id, SHIP)
    assert (ids(waits), runs) == ([waiting.id], [])
    waits, runs = ledger.inbox.cancel(running.id, SHIP)
    assert (waits, ids(runs)) == ([], [running.id])
    assert [c.cancelled for c in ledger.inbox.started_rows()] == [True]


# ------------------------------------------------------------------- renewing


def test_a_renewed_store_keeps_what_runs_and_what_it_accepted(ledger: Ledger) -> None:
    stream = in_stream(
        last=3,
        ids={1: MessageId("a"), 2: MessageId("b"), 3: MessageId("c")},
        verdicts={2: Verdict(state="refused")},
    )
    ledger.inbox.save_in_stream(stream)
    take(ledger, arrival(1), arrival(2))
    running = ledger.inbox.startable()
    ledger.inbox.mark_started(running, "boot", at(1))
    asked = [MessageId(id) for id in "abcd"]
    assert ledger.inbox.known(asked) == frozenset()
    ledger.inbox.renew(at(2))
    ledger.outbox.renew("new-store", "start-1", at(2))
    assert ledger.inbox.known(asked) == {"a", "c"}
    assert ledger.inbox.in_stream(SHIP, "their-store", SHELL) is None
    assert ledger.inbox.startable() == []
    assert ids(ledger.inbox.started_rows()) == ids(running)
    assert ledger.inbox.started_rows()[0].instance == "mine"
    take(ledger, arrival(1))
    assert ledger.inbox.startable()[0].instance == "new-store"
    assert ledger.inbox.void(SHIP, "their-store", SHELL, 1)
    assert len(ledger.inbox.started_rows()) == 1
