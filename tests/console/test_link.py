"""The link: reads what is wanted, only when it changed, and comes back when the daemon does."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from steward.errors import NoDaemon
from tests.console.fake import FakeDaemon, Refusing
from tests.console.world import fleet
from tui import events
from tui.board import Board
from tui.link import Link
from tui.pace import MIN_GAP, MOST
from tui.wants import Query, Wants


class Heard:
    """What a link told, folded into a board."""

    def __init__(self) -> None:
        self.events: list[events.Heard] = []
        self.board = Board()

    def tell(self, event: events.Heard) -> None:
        self.events.append(event)
        self.board.fold(event)


@asynccontextmanager
async def linked(daemon: FakeDaemon, wants: Wants) -> AsyncIterator[tuple[Link, Heard]]:
    heard = Heard()
    link = Link(daemon.connect, heard.tell)
    link.want(wants)
    task = asyncio.create_task(link.run(), name="link under test")
    try:
        yield link, heard
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until(reached: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not reached():
            await asyncio.sleep(0.01)


async def test_it_reads_what_is_wanted_and_nothing_else() -> None:
    daemon = fleet()
    async with linked(daemon, Wants(nodes=True)) as (_link, heard):
        await until(lambda: heard.board.nodes_read)
    assert {name for name, _ in daemon.asked} == {"status", "watch", "nodes"}


async def test_a_changed_node_is_read_alone() -> None:
    daemon = fleet()
    async with linked(daemon, Wants(nodes=True)) as (_link, heard):
        await until(lambda: heard.board.nodes_read)
        daemon.nodes["ship1"]["state"] = "offline"
        daemon.tell(nodes=["ship1"])
        await until(lambda: heard.board.nodes["ship1"].state == "offline")
    assert daemon.asked_for("nodes")[1:] == [{"names": ["ship1"]}]


async def test_a_change_told_before_the_roster_was_read_does_not_stand_for_it() -> None:
    daemon = fleet()
    async with linked(daemon, Wants()) as (link, heard):
        await until(lambda: heard.board.nodes_read)
        daemon.die()
        await until(lambda: not heard.board.connected)
        heard.board.nodes_read = False
        daemon.alive = True
        await until(lambda: link._client is not None)
        daemon.tell(nodes=["ship1"])
        await until(lambda: heard.board.nodes_read)
        assert len(heard.board.nodes) == len(daemon.nodes)


async def test_a_node_that_was_forgotten_goes() -> None:
    daemon = fleet()
    async with linked(daemon, Wants(nodes=True, node="ship1")) as (_link, heard):
        await until(lambda: heard.board.nodes_read)
        del daemon.nodes["ship1"]
        daemon.tell(nodes=["ship1"])
        await until(lambda: "ship1" not in heard.board.nodes)
    assert heard.board.declined == ""


async def test_what_changes_is_read_at_most_four_times_a_second() -> None:
    daemon = fleet()
    async with linked(daemon, Wants(messages=Query())) as (_link, heard):
        await until(lambda: heard.board.messages.read)
        before, began = len(daemon.asked_for("messages")), time.monotonic()
        while time.monotonic() - began < 0.8:
            daemon.tell(messages=["x"])
            await asyncio.sleep(0.01)
        rounds = len(daemon.asked_for("messages")) - before
    assert 1 <= rounds <= 0.8 / MIN_GAP + 1


async def test_of_messages_that_change_those_alone_are_read() -> None:
    daemon = fleet()
    async with linked(daemon, Wants(messages=Query())) as (_link, heard):
        await until(lambda: heard.board.messages.read)
        first, second = daemon.messages[:2]
        held = heard.board.messages.rows
        first["state"] = "cancelled"
        daemon.tell(messages=[first["id"]])
        await until(lambda: heard.board.messages.rows[0].state == "cancelled")
        assert all(a is b for a, b in zip(held[1:], heard.board.messages.rows[1:], strict=True))
        fresh = dict(second, id="fresh")
        daemon.messages.insert(0, fresh)
        daemon.tell(messages=["fresh"])
        await until(lambda: heard.board.messages.rows[0].id == "fresh")
        assert heard.board.messages.total == len(daemon.messages)
    first_page, *others = daemon.asked_for("messages")
    assert first_page == {"limit": 200, "brief": True}
    assert [asked["ids"] for asked in others] == [[first["id"]], ["fresh"]]


async def test_many_that_change_are_read_as_the_newest_page_and_as_what_is_in_sight() -> None:
    daemon = fleet()
    older = daemon.messages[-1]["id"]
    async with linked(daemon, Wants(messages=Query(), sight=(older,))) as (_link, heard):
        await until(lambda: heard.board.messages.read)
        count = len(daemon.asked_for("messages"))
        daemon.messages[-1]["state"] = "cancelled"
        daemon.tell(messages=[f"m{n}" for n in range(MOST + 1)])
        await until(lambda: len(daemon.asked_for("messages")) >= count + 2)
        await until(lambda: heard.board.messages.rows[-1].state == "cancelled")
    asked = daemon.asked_for("messages")[count:]
    assert {"limit": 200, "brief": True} in asked
    assert {"limit": 1, "brief": True, "ids": [older]} in asked


async def test_a_message_that_is_open_is_not_read_for_every_other_one() -> None:
    daemon = fleet()
    mine, other = daemon.messages[0]["id"], daemon.messages[1]["id"]
    async with linked(daemon, Wants(message=mine)) as (_link, heard):
        await until(lambda: heard.board.message)
        began = time.monotonic()
        while time.monotonic() - began < 1.2:
            daemon.tell(messages=[other])
            await asyncio.sleep(0.05)
        assert len(daemon.asked_for("message")) == 1
        daemon.tell(messages=[mine])
        await until(lambda: len(daemon.asked_for("message")) == 2)
        daemon.tell(messages=[other])
        await until(lambda: len(daemon.asked_for("message")) == 3)


async def test_the_roster_comes_page_by_page_and_other_parts_between() -> None:
    daemon = fleet()
    for n in range(2500):
        daemon.nodes[f"far{n:04}"] = dict(daemon.nodes["ship1"], name=f"far{n:04}")
    async with linked(daemon, Wants(messages=Query())) as (_link, heard):
        await until(lambda: heard.board.nodes)
        daemon.tell(nodes=["ship1"])
        await until(lambda: heard.board.nodes_read)
        parts = [len(e.nodes) for e in heard.events if isinstance(e, events.NodesRead)]
        assert parts[:4] == [200, 1000, 1000, 309]
        assert heard.board.nodes.keys() == daemon.nodes.keys()
        await until(lambda: daemon.asked_for("nodes")[-1] == {"names": ["ship1"]})
    names = [name for name, _ in daemon.asked]
    assert "messages" in names[: names.index("nodes")]
    assert len(daemon.asked_for("nodes")) == 5


async def test_what_was_just_asked_for_is_drawn_at_once_and_the_rest_together() -> None:
    daemon = fleet()
    async with linked(daemon, Wants(nodes=True)) as (link, heard):
        await until(lambda: heard.board.nodes_read)
        link.want(Wants(errors=Query()))
        await until(lambda: heard.board.errors.read)
        await asyncio.sleep(2 * MIN_GAP)  # both may be read again
        daemon.tell(nodes=["ship1"], errors=1)
        before = len(heard.events)
        await until(lambda: len(heard.events) >= before + 2)
    (asked, *_) = [e for e in heard.events if isinstance(e, events.ErrorsRead)]
    assert asked.urgent
    both = heard.events[before : before + 2]
    assert [(e.draws, e.urgent) for e in both] == [(False, False), (True, False)]


async def test_another_query_is_read_at_once_and_too_many_changes_count_too() -> None:
    daemon = fleet()
    async with linked(daemon, Wants(messages=Query())) as (link, heard):
        await until(lambda: heard.board.messages.read)
        link.want(Wants(messages=Query.of(node=["ship2"])))
        await until(lambda: {row.to_node for row in heard.board.messages.rows} == {"ship2"})
        count = len(daemon.asked_for("messages"))
        daemon.tell(messages=None)
        await until(lambda: len(daemon.asked_for("messages")) > count)


async def test_the_next_page_is_asked_for_with_the_cursor() -> None:
    daemon = fleet()
    daemon.messages = daemon.messages * 10
    for n, found in enumerate(daemon.messages):
        daemon.messages[n] = dict(found, id=f"m{n}")
    async with linked(daemon, Wants(messages=Query())) as (link, heard):
        await until(lambda: heard.board.messages.read)
        assert len(heard.board.messages.rows) == 200
        await link.more("messages", Query(), heard.board.messages.cursor or "")
        assert [row.id for row in heard.board.messages.rows] == [f"m{n}" for n in range(400)]


async def test_a_daemon_that_dies_is_missed_and_found_again() -> None:
    daemon = fleet()
    async with linked(daemon, Wants(nodes=True)) as (link, heard):
        await until(lambda: heard.board.nodes_read)
        daemon.die()
        await until(lambda: not heard.board.connected)
        assert "gone" in heard.board.lost_reason
        with pytest.raises(NoDaemon):
            await link.call("hold", nodes=["ship1"])
        await until(lambda: "no daemon answers" in heard.board.lost_reason)
        daemon.alive = True
        daemon.nodes["ship1"]["state"] = "stale"
        await until(lambda: heard.board.connected)
        await until(lambda: heard.board.nodes["ship1"].state == "stale")


async def test_what_the_daemon_declines_is_told_and_the_rest_goes_on() -> None:
    daemon = Refusing(fleet().nodes)
    async with linked(daemon, Wants(nodes=True, messages=Query())) as (_link, heard):
        await until(lambda: heard.board.declined)
        said = {e.about: e.text for e in heard.events if isinstance(e, events.Declined)}
        assert said["messages"].startswith("the store is damaged")
        count = len(daemon.asked_for("status"))
        await until(lambda: len(daemon.asked_for("status")) > count)
        assert heard.board.connected
