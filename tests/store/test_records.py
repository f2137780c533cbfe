"""Roster, errors, offsets and the journal; finished runs."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from steward.errors import UsageError
from steward.message import MessageId, State
from steward.records import Records
from steward.subjects import NodeName
from tests.store.conftest import EVENTS, SHIP, SqliteLedger, arrival, at, message


class Hello(msgspec.Struct, rename="camel"):
    machine_id: str
    version: str = "1"


@pytest.fixture
def records(box: SqliteLedger) -> Records:
    return box.tables.records


# ------------------------------------------------------------------- roster


def test_the_roster_keeps_the_last_hello_of_each_node(records: Records) -> None:
    records.hello(SHIP, "store-a", "start-1", Hello("m1"), at(1))
    records.hello(NodeName("ship0"), "store-b", "start-9", Hello("m2"), at(2))
    records.hello(SHIP, "store-a", "start-2", Hello("m1", version="2"), at(3))
    other, ship = records.roster()
    assert (other.name, ship.name) == ("ship0", SHIP)
    assert (ship.first_seen, ship.last_seen, ship.heard) == (at(1).wall, at(3).wall, 3.0)
    assert (ship.store, ship.start) == ("store-a", "start-2")
    assert ship.hello == {"machineId": "m1", "version": "2"}
    assert records.seen(SHIP) == ship
    assert records.forget(SHIP)
    assert not records.forget(SHIP)
    assert records.seen(SHIP) is None


def test_who_had_a_name_is_remembered_the_latest_last(records: Records) -> None:
    assert records.identities(SHIP) == ()
    for store, machine in (("a", "m1"), ("b", "m1"), ("b", "m1"), ("a", "m1")):
        records.hello(SHIP, store, "s", Hello(machine), at(1))
    assert records.identities(SHIP) == (("b", "m1"), ("a", "m1"))


def test_peers_are_those_with_a_stream_in_either_direction(box: SqliteLedger) -> None:
    box.outbox.submit([message()], 0, at(0), None)
    assert box.tables.records.peers() == []
    box.outbox.bind(None, EVENTS, "theirs", 1, 100)
    assert box.tables.records.peers() == [SHIP]


# ------------------------------------------------------------------- errors


def add(records: Records, wall: float, **more: Any) -> bool:
    fields: dict[str, Any] = {"node": SHIP, "code": "c", "text": "it failed", "hint": "mend it"}
    return records.add_error(now=at(wall), **{**fields, **more})


def test_equal_errors_within_a_minute_are_counted_with_their_messages(records: Records) -> None:
    assert add(records, 0, message_ids=["a"])
    assert not add(records, 59, message_ids=["b"])
    assert not add(records, 100, count=5)
    assert add(records, 101, code="other")
    assert add(records, 102, node=NodeName("ship2"))
    assert add(records, 161)
    found = records.errors()["errors"]
    assert [(e["node"], e["code"], e["count"]) for e in found] == [
        (SHIP, "c", 1),
        ("ship2", "c", 1),
        (SHIP, "other", 1),
        (SHIP, "c", 7),
    ]
    assert found[3] == {
        "n": 1,
        "time": "1970-01-01T00:16:40.000Z",
        "node": SHIP,
        "level": "error",
        "code": "c",
        "text": "it failed",
        "hint": "mend it",
        "messageId": "a",
        "messageIds": ["a", "b"],
        "count": 7,
        "last": "1970-01-01T00:18:20.000Z",
    }


def test_errors_are_listed_by_pages_and_filters(records: Records) -> None:
    for i in range(5):
        add(records, i, code=f"code{i}", level="warning" if i % 2 else "error")
    page = records.errors(limit=2)
    assert [e["code"] for e in page["errors"]] == ["code4", "code3"]
    page = records.errors(limit=2, cursor=page["cursor"])
    assert [e["code"] for e in page["errors"]] == ["code2", "code1"]
    page = records.errors(limit=2, cursor=page["cursor"])
    assert (len(page["errors"]), page["cursor"]) == (1, None)
    assert len(records.errors(levels=["warning"])["errors"]) == 2
    assert len(records.errors(levels=["warning", "error"], limit=3)["errors"]) == 3
    codes = [e["code"] for e in records.errors(levels=["warning", "error"])["errors"]]
    assert codes == ["code4", "code3", "code2", "code1", "code0"]
    assert records.errors(levels=["critical"])["errors"] == []
    assert len(records.errors(levels=["error"], node=SHIP, text="code")["errors"]) == 3
    assert [e["n"] for e in records.errors(after=3)["errors"]] == [5, 4]
    assert len(records.errors(text="CODE3")["errors"]) == 1
    assert len(records.errors(text="mend")["errors"]) == 5
    assert records.errors(node="ship2")["errors"] == []
    with pytest.raises(UsageError):
        records.errors(cursor="x")


def test_errors_are_counted_by_the_minute(records: Records) -> None:
    add(records, 0)
    add(records, 3599, code="x", count=3)
    add(records, 3540 - 1, code="y")
    assert records.errors_by_minute(at(3600)) == {SHIP: [0] * 58 + [1, 3]}


def test_old_errors_and_too_many_are_deleted(records: Records) -> None:
    for i in range(6):
        add(records, i, code=f"code{i}")
    assert records.prune_errors(at(10), keep=4) == 2
    assert records.prune_errors(at(91 * 86400)) == 4


# ------------------------------------------------------------------- files


def test_offsets_and_claims_are_as_they_were_set(records: Records) -> None:
    assert records.append_offset("log") == 0
    records.set_append_offset("log", 17)
    records.set_append_offset("log", 1 << 41)
    assert records.append_offset("log") == 1 << 41
    records.set_claim("inmsg.1", '{"offset":3}')
    records.set_claim("inmsg.1", '{"offset":9}')
    assert records.claims() == {"inmsg.1": '{"offset":9}'}
    records.drop_claim("inmsg.1")
    assert records.claims() == {}


# ------------------------------------------------------------------- the journal


def written(box: SqliteLedger, limit: int = 500) -> list[tuple[str, str]]:
    """One turn of whoever writes messages.jsonl."""
    journal = box.tables.records.journal(limit)
    if journal is None:
        return []
    box.tables.records.journaled(journal)
    lines = [msgspec.json.decode(line) for line in journal.data.splitlines()]
    assert len(lines) == journal.lines
    return [(line["event"] + " " + line.get("state", ""), line["id"]) for line in lines]


def test_each_acceptance_and_each_end_is_journaled_once(box: SqliteLedger) -> None:
    one, two = message(), message()
    box.outbox.submit([one, two, message(method="Result")], 0, at(0), None)
    assert written(box) == [("accepted ", one.id), ("accepted ", two.id)]
    assert written(box) == []
    box.outbox.end(one.id, State.CANCELLED, "", at(1))
    stream = box.outbox.bind(None, EVENTS, "theirs", 256, 1 << 20)
    assert written(box) == [("final cancelled", one.id)]
    box.outbox.give_up([two.id], State.EXPIRED, at(2))
    assert written(box) == []
    box.outbox.settle(stream, 1, {}, at(3))
    assert written(box) == [("final succeeded", two.id)]
    assert written(box) == []


def test_no_end_is_journaled_before_its_acceptance(box: SqliteLedger) -> None:
    sent = [message() for _ in range(5)]
    box.outbox.submit(sent, 0, at(0), None)
    box.outbox.end(sent[4].id, State.CANCELLED, "", at(1))
    box.outbox.end(sent[0].id, State.CANCELLED, "", at(1))
    lines = [line for _ in range(9) for line in written(box, limit=2)]
    ends = [("final cancelled", sent[4].id), ("final cancelled", sent[0].id)]
    assert lines == [*(("accepted ", m.id) for m in sent), *ends]


def test_a_line_that_was_not_committed_comes_again(box: SqliteLedger) -> None:
    box.outbox.submit([message()], 0, at(0), None)
    first = box.tables.records.journal()
    assert first is not None
    assert first.lines == 1
    assert box.tables.records.journal() == first


# ------------------------------------------------------------------- finished runs


def test_a_finished_run_is_found_by_who_asked_for_it(box: SqliteLedger) -> None:
    box.inbox.accept([arrival(1, id=MessageId("x")), arrival(2)], at(0))
    [command] = box.inbox.startable()
    box.inbox.finish(command, at(1), "key-1", 100)
    assert box.inbox.run_key("x", SHIP) == "key-1"
    assert box.inbox.run_key("x", NodeName("ship2")) is None
    assert box.inbox.run_key("y", SHIP) is None


def test_runs_are_forgotten_when_too_old_or_too_big_in_all(box: SqliteLedger) -> None:
    for i in range(6):
        box.inbox.accept([arrival(i + 1)], at(i))
        [command] = box.inbox.startable()
        box.inbox.finish(command, at(i), f"key-{i}", 100)
    assert box.inbox.forget_runs(at(6), keep_bytes=1000) == []
    assert sorted(box.inbox.forget_runs(at(6), keep_bytes=450)) == ["key-0", "key-1"]
    assert box.inbox.forget_runs(at(6), keep_seconds=3.5) == ["key-2"]
    assert box.inbox.forget_runs(at(6)) == []


def test_what_waits_and_runs_is_counted(box: SqliteLedger) -> None:
    assert (box.inbox.waiting(), box.inbox.oldest_waiting(at(0))) == (0, 0.0)
    box.inbox.accept([arrival(1), arrival(2)], at(1))
    box.inbox.mark_started(box.inbox.startable(), "boot", at(2))
    assert (box.inbox.waiting(), box.inbox.running_now()) == (1, 1)
    assert box.inbox.waiting_senders() == {SHIP}
    assert box.inbox.oldest_waiting(at(5)) == 4.0
