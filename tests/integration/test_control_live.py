"""``follow`` on the control socket: bounded for whoever is slow, and in nobody else's way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from steward.cli.output import field
from steward.control import protocol
from steward.control.address import SOCKET_NAME
from steward.control.client import ControlClient
from steward.control.feed import MOST_BYTES, Feed, Piece
from steward.control.server import ControlServer
from steward.errors import UnknownId
from tests.conftest import WaitFor

BLOCK = bytes(8192)


class Touched(NamedTuple):
    messages: frozenset[str] = frozenset({"m1"})
    nodes: frozenset[str] = frozenset()
    errors: int = 0
    ends: frozenset[str] = frozenset()


class FakeLive:
    """Knows every id but ``unknown``; answers for ``slow`` once it is told to."""

    def __init__(self) -> None:
        self.feeds: list[Feed] = []
        self.go = asyncio.Event()

    async def follow(self, feed: Feed) -> None:
        if feed.id == "unknown":
            raise UnknownId("no message has the id unknown")
        if feed.id == "slow":
            await self.go.wait()
        self.feeds.append(feed)

    def leave(self, feed: Feed) -> None:
        if feed in self.feeds:
            self.feeds.remove(feed)

    def ids(self) -> list[str]:
        return [feed.id for feed in self.feeds]


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[tuple[ControlServer, FakeLive]]:
    live = FakeLive()
    async with ControlServer(folder / SOCKET_NAME, {}, live) as server:
        yield server, live


async def test_a_connection_follows_one_message_at_a_time_and_none_once_it_is_gone(
    tmp_path: Path, wait_for: WaitFor
) -> None:
    async with serving(tmp_path) as (_, live):
        async with ControlClient(tmp_path) as one, ControlClient(tmp_path) as other:
            assert await one.call("follow", id="a") == {"following": "a"}
            assert await other.call("follow", id="a") == {"following": "a"}
            assert await one.call("follow", id="b") == {"following": "b"}
            assert live.ids() == ["a", "b"]
            assert await other.call("follow") == {"following": None}
            assert live.ids() == ["b"]
            with pytest.raises(UnknownId):
                await one.call("follow", id="unknown")
            with pytest.raises(protocol.ProtocolError):
                await one.call("follow", id=7)
            await other.call("follow", id="c")
        await wait_for(lambda: live.ids() == [])


async def test_of_two_asked_for_at_once_the_later_one_is_followed(
    tmp_path: Path, wait_for: WaitFor
) -> None:
    async with serving(tmp_path) as (_, live), ControlClient(tmp_path) as client:
        slow = asyncio.create_task(client.call("follow", id="slow"))
        await asyncio.sleep(0.05)
        await client.call("follow", id="b")
        live.go.set()
        await slow
        assert live.ids() == ["b"]


async def test_bytes_arrive_in_order_as_text_or_base64(tmp_path: Path) -> None:
    async with serving(tmp_path) as (_, live), ControlClient(tmp_path) as client:
        await client.call("follow", id="a")
        for piece in (Piece("stdout", 0, b"x\n"), Piece("stderr", 5, b"\xff\0")):
            live.feeds[0].offer(piece)
        told = client.notifications()
        assert (await anext(told)).params == {
            "id": "a", "stream": "stdout", "offset": 0, "data": "x\n"
        }  # fmt: skip
        second = (await anext(told)).params
        assert second == {"id": "a", "stream": "stderr", "offset": 5, "dataB64": "/wA="}
        assert field(second, "data") == b"\xff\0"


async def test_who_does_not_read_loses_the_oldest_and_nothing_piles_up(tmp_path: Path) -> None:
    async with serving(tmp_path) as (_, live):
        reader, writer = await asyncio.open_unix_connection(tmp_path / SOCKET_NAME, limit=1 << 20)
        writer.write(protocol.request(1, "follow", {"id": "a"}))
        assert msgspec.json.decode(await reader.readline())["result"] == {"following": "a"}
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        [feed] = live.feeds
        for at in range(0, 64 * 1024 * 1024, len(BLOCK)):
            feed.offer(Piece("stdout", at, BLOCK))
            if at % (1 << 20) == 0:
                await asyncio.sleep(0)
        assert sum(len(piece.data) for piece in feed._backlog) <= MOST_BYTES
        writer.transport.resume_reading()  # type: ignore[attr-defined]
        ends: list[int] = []
        async with asyncio.timeout(10):
            while not ends or ends[-1] < 64 * 1024 * 1024:
                told = msgspec.json.decode(await reader.readline())["params"]
                assert not ends or told["offset"] >= ends[-1]
                ends.append(told["offset"] + len(field(told, "data")))
        assert len(ends) * len(BLOCK) < 4 * 1024 * 1024
        writer.close()


async def test_a_flood_of_output_keeps_no_change_from_being_told(tmp_path: Path) -> None:
    async with serving(tmp_path) as (server, live), ControlClient(tmp_path) as client:
        await client.call("watch", topics=["messages"])
        await client.call("follow", id="a")
        stopped = asyncio.Event()

        async def flood() -> None:
            at = 0
            while not stopped.is_set():
                live.feeds[0].offer(Piece("stdout", at, BLOCK))
                at += len(BLOCK)
                await asyncio.sleep(0)

        flooding = asyncio.create_task(flood())
        changes = 0
        try:
            async with asyncio.timeout(10):
                async for told in client.notifications():
                    changes += told.method == "changed"
                    if changes == 3:
                        break
                    server.changed(Touched())
        finally:
            stopped.set()
            await flooding


def test_small_pieces_count_with_what_they_take_up_themselves() -> None:
    woken: list[Any] = []
    feed = Feed("a", lambda: woken.append(1))
    for at in range(100_000):
        feed.offer(Piece("stdout", at, b"x"))
    assert len(list(feed._backlog)) <= MOST_BYTES // 100
