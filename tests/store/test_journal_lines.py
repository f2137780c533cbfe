"""The lines of messages.jsonl as SQLite makes them: complete, in order, and true."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from node.methods import registry
from steward.message import Defaults, Message, MessageId, State, check
from steward.records_journal import Journal
from steward.result import get_bytes
from steward.store import Store, Tables
from steward.subjects import NodeName, Subject

MIB = 1024 * 1024
COMMAND: Mapping[str, Any] = {
    "toNode": "ship1",
    "data": ["sh", "-c", "echo 'a\tb\u2028ü\u0000' \"\\"],
    "commandOrEvent": "CommandACK",
    "method": "ShellCommand",
    "timeout": 3,
    "methodTimeout": 7.5,
    "parallel": True,
}


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = await Store.open(tmp_path / "state", NodeName("central"), min_free=0, ballast=0)
    yield store
    await store.close()


def new(**fields: Any) -> Message:
    kinds = {name: method.kinds for name, method in registry().items()}
    return check({**COMMAND, **fields}, Defaults(), kinds, job="j")


def lines(journal: Journal | None) -> list[dict[str, Any]]:
    assert journal is not None
    assert journal.data.count(b"\n") == journal.lines
    return [msgspec.json.decode(line) for line in journal.data.splitlines()]


async def submit(store: Store, *messages: Message) -> None:
    await store.write(lambda t: t.outbox.submit(messages, 7, store.clock.now()))


async def next_lines(store: Store, limit: int = 500) -> list[dict[str, Any]]:
    """Those that are due; then they count as written."""
    journal = await store.read(lambda t: t.records.journal(limit))
    told = lines(journal)
    assert journal is not None
    await store.write(lambda t: t.records.journaled(journal))
    return told


async def test_an_accepted_line_has_all_that_is_needed_to_send_it_again(store: Store) -> None:
    message = new()
    await submit(store, message)
    [line] = await next_lines(store)
    shown = await store.read(lambda t: t.history.show(message.id, store.clock.now()))
    assert line.pop("event") == "accepted"
    assert line.pop("time") == shown["times"]["accepted"]
    assert line == {key: shown[key] for key in line}
    facts = {"id", "fromNode", "retries", "ttl", "job", "retryOf", "operator", "uid"}
    assert {*COMMAND, *facts} == {*line}


async def test_a_final_line_tells_the_proved_end(store: Store) -> None:
    message = new(data=[], parallel=False, method="ShellCommand")
    await submit(store, message)
    await next_lines(store)

    def end(tables: Tables) -> None:
        outcome = {"state": "failed", "reason": "no\n", "result": {"exitCode": 3, "stdout": "x"}}
        tables.outbox.settle_result(message.id, NodeName("ship1"), outcome, store.clock.now())

    await store.write(end)
    journal = await store.read(lambda t: t.records.journal())
    shown = await store.read(lambda t: t.history.show(message.id, store.clock.now()))
    assert lines(journal) == [
        {
            "event": "final",
            "time": shown["times"]["ended"],
            "id": message.id,
            "toNode": "ship1",
            "method": "ShellCommand",
            "state": "failed",
            "attempts": 0,
            "reason": "no\n",
            "exitCode": 3,
        }
    ]
    assert journal is not None
    assert journal.ill == ((message.id, "ship1", State.FAILED, "no\n"),)


async def test_each_line_comes_once_and_in_order_however_few_fit(store: Store) -> None:
    messages = [new(data=["x" * n]) for n in range(20)]
    await submit(store, *messages)
    now = store.clock.now()

    def end(tables: Tables) -> None:
        for message in messages:
            tables.outbox.end(message.id, State.CANCELLED, "", now)

    await store.write(end)
    told: list[tuple[str, str]] = []
    for _ in range(20):
        told += [(line["event"], line["id"]) for line in await next_lines(store, 7)]
        if len(told) == 40:
            break
    ids = [message.id for message in messages]
    assert told == [(event, id) for event in ("accepted", "final") for id in ids]
    assert await store.read(lambda t: t.records.journal()) is None


async def test_big_messages_come_a_few_at_a_time(store: Store) -> None:
    await submit(store, *(new(data=["x" * (MIB // 3)], id=str(n)) for n in range(6)))
    told: list[str] = []
    while len(told) < 6:
        few = [line["id"] for line in await next_lines(store)]
        assert 0 < len(few) <= 3
        told += few
    assert told == ["0", "1", "2", "3", "4", "5"]


async def test_the_machinery_has_no_lines_and_holds_none_up(store: Store) -> None:
    await submit(store, new(method="Cancel", commandOrEvent="EventACK", data=["x"], parallel=False))
    assert await next_lines(store) == []
    assert await store.read(lambda t: t.records.journal()) is None
    await submit(store, new(id="seen"))
    assert [line["id"] for line in await next_lines(store)] == [MessageId("seen")]


async def test_a_notice_that_was_not_published_after_all_has_one_end(store: Store) -> None:
    """Its first end is not told yet when the second comes."""
    first, second = (new(commandOrEvent="CommandNACK", parallel=False) for _ in range(2))
    await submit(store, first, second)
    lane = Subject("ship1.CommandNACK.ShellCommand")
    now = store.clock.now()
    await store.write(lambda t: t.outbox.take_notices(lane, True, now))
    await store.write(lambda t: t.outbox.not_published([first.id], "the link was lost", now))
    finals = [line for line in await next_lines(store) if line["event"] == "final"]
    ends = {line["id"]: line["state"] for line in finals}
    assert len(finals) == 2
    assert ends == {first.id: "undelivered", second.id: "published"}
    assert await store.read(lambda t: t.records.journal(500)) is None


async def test_a_secret_is_on_no_line(store: Store) -> None:
    secret = msgspec.structs.replace(new(data=["sh", "-c", "password"]), secret=True, stdin=b"pw")
    await submit(store, secret)
    [line] = await next_lines(store)
    assert (line["data"], line["secret"], line["uid"]) == (["(secret)"], True, 7)
    assert {"stdin", "stdinB64"}.isdisjoint(line)


@pytest.mark.parametrize("stdin", [b"line\n\xe2\x82\xac\x00", b"\xff"])
async def test_what_a_command_reads_is_on_its_line_and_on_no_other(
    store: Store, stdin: bytes
) -> None:
    with_it = msgspec.structs.replace(new(data=['has "stdin": x']), stdin=stdin)
    await submit(store, with_it, new(data=['has "stdin": x']))
    one, other = await next_lines(store)
    assert get_bytes(one, "stdin") == stdin
    assert {"stdin", "stdinB64"}.isdisjoint(other)
    assert (one["data"], one["job"]) == (['has "stdin": x'], "j")
