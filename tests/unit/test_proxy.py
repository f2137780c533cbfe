"""The proxy is the link that it says it is: what is measured through it is worth that much."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from random import Random

import pytest

from tests.conftest import WaitFor
from tests.links import LAN, LOSSY_SATELLITE, SEGMENT, Profile, allowed
from tests.proxy import REPEAT, Direction, Mode, Proxy

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def linked(profile: Profile = LAN) -> AsyncIterator[tuple[Proxy, Ends, Ends]]:
    """A proxy of that profile, and both ends of one connection through it."""
    arrived: asyncio.Queue[Ends] = asyncio.Queue()
    writers: list[asyncio.StreamWriter] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        arrived.put_nowait((reader, writer))

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    async with Proxy(server.sockets[0].getsockname()[1], seed=1) as proxy:
        proxy.shape(profile)
        near = await asyncio.open_connection("127.0.0.1", proxy.port)
        far = await asyncio.wait_for(arrived.get(), 10)
        try:
            yield proxy, near, far
        finally:
            for writer in (near[1], *writers):
                writer.transport.abort()
            server.close()


async def took(wait: Awaitable[object]) -> float:
    began = time.monotonic()
    async with asyncio.timeout(30):
        await wait
    return time.monotonic() - began


async def test_what_is_sent_arrives_after_the_delay_and_nothing_waits_for_the_one_before() -> None:
    async with linked(Profile(delay=0.2)) as (_, (_, out), (there, _)):
        began = time.monotonic()
        for i in range(10):
            out.write(bytes([i]))
            await out.drain()
            await asyncio.sleep(0.01)
        assert await asyncio.wait_for(there.readexactly(1), 10) == b"\0"
        assert time.monotonic() - began >= 0.2
        assert await there.readexactly(9) == bytes(range(1, 10))
        assert time.monotonic() - began < 10 * 0.2


async def test_each_direction_has_its_own_delay() -> None:
    async with linked() as (proxy, (here, out), (there, back)):
        proxy.down.delay = 0.2
        out.write(b"x")
        await there.readexactly(1)
        back.write(b"y")
        assert await took(here.readexactly(1)) >= 0.2


async def test_a_connection_reaches_the_target_after_its_handshake() -> None:
    began = time.monotonic()
    async with linked(Profile(delay=0.1)):
        assert time.monotonic() - began >= 0.3


async def test_no_more_bytes_a_second_pass_than_the_bandwidth_and_both_directions_have_it() -> None:
    async with linked(Profile(bandwidth=40_000)) as (proxy, (here, out), (there, back)):
        out.write(bytes(20_000))
        back.write(bytes(20_000))
        async with asyncio.TaskGroup() as group:
            up = group.create_task(took(there.readexactly(20_000)))
            down = group.create_task(took(here.readexactly(20_000)))
        assert up.result() >= 0.49
        assert down.result() >= 0.49
        assert (proxy.up.bytes, proxy.down.bytes) == (20_000, 20_000)


async def test_all_connections_share_the_bandwidth() -> None:
    async with linked(Profile(bandwidth=40_000)) as (proxy, (_, out), (there, _)):
        _, another = await asyncio.open_connection("127.0.0.1", proxy.port)
        another.write(bytes(15_000))
        while not proxy.up.bytes:
            await asyncio.sleep(0)
        out.write(bytes(10_000))
        assert await took(there.readexactly(10_000)) >= 0.4
        another.transport.abort()


async def test_what_a_narrow_line_cannot_hold_stays_with_the_sender(wait_for: WaitFor) -> None:
    """So that who sends can see that it has not left."""
    async with linked(Profile(bandwidth=1_000)) as (proxy, (_, out), _):
        out.write(bytes(1_000_000))
        await wait_for(lambda: proxy.up.bytes >= proxy.up.backlog)
        assert proxy.up.bytes < proxy.up.backlog + 10 * SEGMENT
        assert out.transport.get_write_buffer_size() > 0 or proxy.up.bytes < 1_000_000


@pytest.mark.parametrize("jitter", [0.0, 0.02])
async def test_loss_delays_and_neither_loses_nor_reorders_a_byte(jitter: float) -> None:
    sent = Random(1).randbytes(300 * SEGMENT)
    async with linked(Profile(delay=0.02, jitter=jitter, loss=0.1)) as (
        proxy,
        (_, out),
        (there, _),
    ):
        out.write(sent)
        reading = asyncio.create_task(there.readexactly(len(sent)))
        assert await took(reading) >= REPEAT + 0.02
        assert reading.result() == sent
        assert proxy.up.lost > 10


def test_a_lost_segment_comes_a_round_trip_later_as_often_as_it_is_lost() -> None:
    line = Direction(delay=0.3, loss=0.5)
    rng = Random(2)
    trips = [round((line.arrives(SEGMENT, 0.0, rng) - 0.3) / 0.6, 6) for _ in range(2000)]
    assert all(n == int(n) for n in trips)
    assert 0.45 < trips.count(0) / len(trips) < 0.55
    assert 0.2 < trips.count(1) / len(trips) < 0.3
    assert line.lost == sum(trips)


def test_loss_over_a_long_way_leaves_a_connection_little_width() -> None:
    """Mathis: 1,460 bytes a round trip, times the root of 3 / 2p."""
    assert LOSSY_SATELLITE.bandwidth == allowed(0.6, 0.02)
    assert allowed(0.6, 0.02) == pytest.approx(21_073, abs=1)


@pytest.mark.parametrize("end", [Proxy.cut, Proxy.reset, Proxy.refuse])
async def test_a_connection_ends_on_both_sides(end: Callable[[Proxy], None]) -> None:
    async with linked(Profile(delay=0.05)) as (proxy, (here, out), (there, _)):
        out.write(b"x")
        await there.readexactly(1)
        end(proxy)
        for reader in (here, there):
            async with asyncio.timeout(10):
                if end is Proxy.reset:
                    with pytest.raises(ConnectionResetError):
                        await reader.read()
                else:
                    assert await reader.read() == b""
        assert proxy.open == 0


async def test_the_end_of_a_connection_comes_behind_what_was_sent_before_it() -> None:
    async with linked(Profile(delay=0.1)) as (_, (_, out), (there, _)):
        out.write(b"the last words")
        out.close()
        assert await took(there.read()) >= 0.1 - 0.01


async def test_a_profile_holds_for_what_is_sent_from_then_on(wait_for: WaitFor) -> None:
    async with linked(Profile(bandwidth=100)) as (proxy, (_, out), (there, _)):
        out.write(bytes(200))
        await wait_for(lambda: proxy.up.bytes == 200)
        proxy.shape(Profile())
        out.write(bytes(100_000))
        assert await took(there.readexactly(100_200)) >= 1


async def test_it_stops_with_everything_under_way_and_whatever_the_mode() -> None:
    modes: tuple[Mode, ...] = ("pass", "drop", "stall")
    for mode in modes:
        async with linked() as (proxy, (_, out), _):
            proxy.shape(Profile(delay=30, bandwidth=10))
            proxy.set(mode)
            out.write(bytes(100_000))
            await asyncio.sleep(0.01)
            assert await took(proxy.stop()) < 5
            assert proxy.open == 0
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", proxy.port)


async def test_a_target_that_takes_nothing_stops_the_source_too(wait_for: WaitFor) -> None:
    """Without a bound of its own, the proxy would hold all of it."""
    async with linked() as (proxy, (_, out), (_there, far)):
        far.transport.pause_reading()  # type: ignore[attr-defined]
        out.write(bytes(64 * 1024 * 1024))
        seen = -1

        def is_still() -> bool:
            nonlocal seen
            seen, before = proxy.up.bytes, seen
            return seen == before

        await asyncio.sleep(0.2)
        await wait_for(is_still)
        assert proxy.up.bytes < 48 * 1024 * 1024
