"""What people ask of the outbox: lists, single messages, counts, clearing, retention."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from steward.errors import NotPossible, UnknownId, UsageError
from steward.frames import Verdict
from steward.message import Kind, Message, MessageId, State
from steward.outbox import Load
from steward.outbox_choice import PROBLEMS
from steward.subjects import NodeName
from tests.store.conftest import COMMANDS, EVENTS, SHIP, SqliteLedger, at, message, new_sqlite

COMMAND = Kind.COMMAND_ACK
OTHER = NodeName("ship2")


@pytest.fixture
def box(tmp_path: Path) -> Iterator[SqliteLedger]:
    made = new_sqlite(tmp_path / "steward.db")
    try:
        yield made
        made.check()
    finally:
        made.con.close()


def put(box: SqliteLedger, *messages: Message, wall: float = 0.0) -> list[MessageId]:
    box.outbox.submit(messages, 1000, at(wall), None)
    box.tables.end()
    return [m.id for m in messages]


def settled(box: SqliteLedger, subject: str, verdicts: dict[int, Verdict] | None = None) -> None:
    node = NodeName(subject.split(".")[0])
    stream = box.outbox.stream(node, "theirs", subject)
    stream = box.outbox.bind(stream, subject, "theirs", 256, 1 << 20)
    box.outbox.settle(stream, stream.next - 1, verdicts or {}, at(5))
    box.tables.end()


def listed(box: SqliteLedger, **filters: Any) -> list[str]:
    """All pages of a list, each of two messages: the ids, and that the totals are right."""
    found: list[str] = []
    cursor = None
    while True:
        page = box.tables.history.messages(at(9), limit=2, cursor=cursor, **filters)
        found += [m["id"] for m in page["messages"]]
        cursor = page["cursor"]
        if cursor is None:
            break
    assert "text" in filters or page["total"] == len(found)
    return found


def show(box: SqliteLedger, id: MessageId, wall: float = 9.0) -> dict[str, Any]:
    return box.tables.history.show(id, at(wall))


# ------------------------------------------------------------------- lists


def test_a_list_is_newest_first_by_pages_that_miss_nothing(box: SqliteLedger) -> None:
    ids = put(box, *(message() for _ in range(5)))
    assert listed(box) == ids[::-1]
    assert listed(box, sort="accepted") == ids
    assert listed(box, nodes=[OTHER]) == []


def test_the_machinery_is_hidden_unless_it_is_asked_for(box: SqliteLedger) -> None:
    [shown] = put(box, message())
    hidden = put(box, *(message(method=m) for m in ("Result", "Cancel", "ErrorLog")))
    assert listed(box) == [shown]
    assert listed(box, all=True) == [*hidden[::-1], shown]
    assert listed(box, methods=["Result"]) == [hidden[0]]


def test_filters_together_find_what_each_alone_would_keep(box: SqliteLedger) -> None:
    """Every combination, by whichever index, against a plain look at all messages."""
    for to, kind, job in itertools.product([SHIP, OTHER], [Kind.EVENT_ACK, COMMAND], [None, "j"]):
        put(box, *(message(kind, to=to, job=job) for _ in range(4)))
        settled(box, f"{to}.{kind}.{'ShellCommand' if kind.is_command else 'TextLogging'}")
        put(box, *(message(kind, to=to, job=job) for _ in range(2)))
    all_of_them = box.tables.history.messages(at(9), limit=1000)["messages"]
    commands = [m["id"] for m in all_of_them if m["state"] == "delivered"]
    for id, state in zip(commands, ["failed", "succeeded", "expired", "cancelled"], strict=False):
        box.outbox.settle_result(id, _node_of(all_of_them, id), {"state": state}, at(6))
    box.tables.end()
    all_of_them = box.tables.history.messages(at(9), limit=1000)["messages"]
    choices = itertools.product(
        ([], ["queued"], ["queued", "failed"], ["succeeded"], ["succeeded", "failed"], ["unknown"]),
        ([], [SHIP], [SHIP, OTHER]),
        ([], ["ShellCommand"], ["ShellCommand", "TextLogging"]),
        (None, "j"),
        (False, True),
    )
    for states, nodes, methods, job, problems in choices:
        expected = [
            m["id"]
            for m in all_of_them
            if (not states or m["state"] in states)
            and (not nodes or m["toNode"] in nodes)
            and (not methods or m["method"] in methods)
            and (job is None or m["job"] == job)
            and (not problems or m["state"] in PROBLEMS)
        ]
        found = listed(box, states=states, nodes=nodes, methods=methods, job=job, problems=problems)
        assert found == expected


def _node_of(messages: list[dict[str, Any]], id: str) -> NodeName:
    return NodeName(next(m["toNode"] for m in messages if m["id"] == id))


@pytest.mark.parametrize(
    "text", ["needle", "NEEDLE", 'say "hi"', "back\\slash", "100%", "under_score", "Größe", "tab\t"]
)
def test_text_is_found_in_data_whatever_its_case(box: SqliteLedger, text: str) -> None:
    put(box, message(), message(data=("a", "data")), message(data=("100x", "underXscore")))
    [hit] = put(box, message(data=("x", f"before {text.swapcase()} after")))
    put(box, message())
    assert listed(box, text=text) == [hit]
    assert listed(box, text=text, sort="accepted") == [hit]
    assert listed(box, text=text, nodes=[SHIP], states=["queued"]) == [hit]
    page = box.tables.history.messages(at(9), text=text)
    assert (page["total"], page["cursor"]) == (1, None)


def test_text_is_found_in_ids_and_reasons(box: SqliteLedger) -> None:
    one, two = put(box, message(id=MessageId("very-special")), message())
    box.outbox.end(two, State.CANCELLED, "because of rain", at(1))
    assert listed(box, text="special") == [one]
    assert listed(box, text="RAIN") == [two]
    assert listed(box, text="commandOrEvent") == []


@pytest.mark.parametrize(
    "wrong", [{"states": ["done"]}, {"sort": "size"}, {"cursor": "x"}, {"cursor": "-1"}]
)
def test_what_makes_no_sense_is_a_usage_error(box: SqliteLedger, wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        box.tables.history.messages(at(9), **wrong)


# ------------------------------------------------------------------- one message


def test_a_message_as_json_has_all_its_fields(box: SqliteLedger) -> None:
    [old] = put(box, message())
    sent = message(
        COMMAND, ttl=60.0, retries=3, method_timeout=5.0, parallel=True, job="j", retry_of=old
    )
    put(box, sent)
    assert show(box, sent.id) == {
        "id": sent.id,
        "fromNode": "central",
        "toNode": "ship1",
        "commandOrEvent": "CommandACK",
        "method": "ShellCommand",
        "data": ["hello"],
        "timeout": 10.0,
        "retries": 3,
        "ttl": 60.0,
        "methodTimeout": 5.0,
        "parallel": True,
        "state": "queued",
        "confirmed": False,
        "attempts": 0,
        "reason": "",
        "times": {
            "accepted": "1970-01-01T00:16:40.000Z",
            "sent": None,
            "delivered": None,
            "running": None,
            "ended": None,
        },
        "result": None,
        "retryOf": old,
        "job": "j",
        "nextAttempt": None,
        "expires": "1970-01-01T00:17:40.000Z",
        "behind": None,
        "uid": 1000,
    }


def test_an_unknown_id_is_an_error(box: SqliteLedger) -> None:
    with pytest.raises(UnknownId):
        show(box, MessageId("nobody"))
    assert box.tables.history.shown([MessageId("nobody")], at(1)) == []


def test_a_result_comes_with_its_times(box: SqliteLedger) -> None:
    [id] = put(box, message(COMMAND))
    settled(box, COMMANDS)
    result = {"exitCode": 3, "stdout": "out", "stderr": "err"}
    outcome = {"state": "failed", "started": 2000.0, "ended": 2001.5, "result": result}
    box.outbox.settle_result(id, SHIP, outcome, at(7))
    shown = show(box, id)
    assert (shown["state"], shown["confirmed"]) == ("failed", True)
    assert shown["result"] == {
        "started": "1970-01-01T00:33:20.000Z",
        "ended": "1970-01-01T00:33:21.500Z",
        **result,
    }
    assert shown["times"]["delivered"] == "1970-01-01T00:16:45.000Z"
    assert shown["times"]["ended"] == "1970-01-01T00:16:47.000Z"


def test_what_waits_says_behind_whom(box: SqliteLedger) -> None:
    wide = message(COMMAND, parallel=True)
    first, second, third, _ = put(box, message(COMMAND), message(COMMAND), message(COMMAND), wide)
    settled(box, COMMANDS)
    box.outbox.running(first, SHIP, 1006.0, at(6))
    behind = [show(box, id)["behind"] for id in (first, second, third, wide.id)]
    assert behind == [None, first, first, None]
    box.outbox.settle_result(first, SHIP, {"state": "succeeded"}, at(7))
    assert [show(box, id)["behind"] for id in (second, third)] == [None, second]


def test_the_next_attempt_is_when_the_timeout_passes(box: SqliteLedger) -> None:
    [id] = put(box, message())
    box.outbox.set_first_try(EVENTS, 2.0)
    assert show(box, id, wall=9)["nextAttempt"] == "1970-01-01T00:16:52.000Z"
    assert show(box, id, wall=13)["nextAttempt"] == "1970-01-01T00:17:02.000Z"
    settled(box, EVENTS)
    assert show(box, id)["nextAttempt"] is None


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
