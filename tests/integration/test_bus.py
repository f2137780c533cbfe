"""The bus over a real broker: what it promises while the link and the broker are well."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Protocol

import pytest

from node.broker import Broker
from steward.bus import Bus
from steward.errors import BusError, ConfigError
from steward.link import LAN, SLOW, Endpoint
from steward.mailbox import Incoming, Mailbox, NoResponders
from steward.subjects import NodeName, is_inbox_of, output
from tests.conftest import WaitFor

SHIP, CENTRAL = NodeName("ship1"), NodeName("central")


@asynccontextmanager
async def running(bus: Bus) -> AsyncIterator[Bus]:
    """The bus while its task runs; leaving takes a bounded time, whatever the link is like."""
    task = asyncio.create_task(bus.run())
    try:
        yield bus
    finally:
        task.cancel()
        done, _ = await asyncio.wait({task}, timeout=5)
        assert done, "the bus hangs while it stops"


class Connect(Protocol):
    async def __call__(self, node: NodeName, address: str) -> Bus: ...


@pytest.fixture
async def connect(wait_for: WaitFor) -> AsyncIterator[Connect]:
    """Makes buses that are up, and stops them at the end."""
    async with AsyncExitStack() as stack:

        async def up(node: NodeName, address: str) -> Bus:
            bus = await stack.enter_async_context(running(Bus(node, address, start="s1")))
            await wait_for(lambda: bus.connected)
            return bus

        yield up


async def test_several_buses_in_one_process_exchange_messages_and_replies(
    broker: Broker, connect: Connect
) -> None:
    ship, central = await connect(SHIP, broker.address), await connect(CENTRAL, broker.address)
    assert await central.publish("ship1.CommandACK.ShellCommand", b"frame", central.inbox)
    got = await asyncio.wait_for(ship.incoming.get(), 5)
    assert got == Incoming("ship1.CommandACK.ShellCommand", "_INBOX.central.s1", b"frame")
    assert is_inbox_of(got.reply, CENTRAL)
    assert await ship.publish(got.reply, b"receipt")
    assert await asyncio.wait_for(central.replies.get(), 5) == Incoming(got.reply, "", b"receipt")


async def test_a_node_can_send_to_itself(broker: Broker, connect: Connect) -> None:
    ship = await connect(SHIP, broker.address)
    assert await ship.publish("ship1.EventACK.TextLogging", b"to me")
    assert (await asyncio.wait_for(ship.incoming.get(), 5)).payload == b"to me"


async def test_an_up_bus_knows_its_link(broker: Broker, connect: Connect) -> None:
    ship = await connect(SHIP, broker.address)
    assert ship.max_payload == 1024 * 1024
    assert ship.rtt is not None
    assert 0 < ship.rtt < 5
    assert (ship.reconnects, ship.last_error) == (0, "")
    assert abs(time.time() - ship.since) < 10


async def test_the_loopback_request_never_reaches_the_queues(
    broker: Broker, connect: Connect
) -> None:
    ship = await connect(SHIP, broker.address)
    assert ship.incoming.empty()
    assert ship.replies.empty()


async def test_no_responders_is_information_and_comes_at_once(
    broker: Broker, connect: Connect
) -> None:
    central = await connect(CENTRAL, broker.address)
    assert await central.publish("ship9.CommandACK.ShellCommand", b"frame", central.inbox)
    notice = await asyncio.wait_for(central.replies.get(), 5)
    assert notice == NoResponders("ship9.CommandACK.ShellCommand", "_INBOX.central.s1")


async def test_nobody_listens_unless_somebody_is_interested_on_this_connection_or_the_next(
    broker: Broker, connect: Connect, wait_for: WaitFor
) -> None:
    ship, central = await connect(SHIP, broker.address), await connect(CENTRAL, broker.address)
    subject, reply, heard = output(CENTRAL, "t"), "_INBOX.ship1.t", list[Incoming]()

    async def nobody() -> bool:
        while not ship.replies.empty():
            ship.replies.get_nowait()
        assert await ship.publish(subject, b"x", reply)
        try:
            async with asyncio.timeout(0.2):
                return await ship.replies.get() == NoResponders(subject, reply)
        except TimeoutError:
            return False

    assert await nobody()
    await central.interests.add(subject, heard.append)

    async def somebody() -> bool:
        return not await nobody()

    await wait_for(somebody)
    assert heard[-1] == Incoming(subject, reply, b"x")
    await broker.restart()
    await wait_for(lambda: central.connected and ship.connected, 30)
    heard.clear()
    await wait_for(somebody)
    assert heard[-1] == Incoming(subject, reply, b"x")
    await central.interests.drop(subject)
    await wait_for(nobody)
    assert central.replies.empty()


async def test_a_payload_above_max_payload_is_refused_here_and_the_link_stays_up(
    broker: Broker, connect: Connect
) -> None:
    ship = await connect(SHIP, broker.address)
    assert await ship.publish("ship1.EventACK.X", bytes(1024 * 1024), ship.inbox)
    with pytest.raises(BusError, match="max_payload"):
        await ship.publish("ship1.EventACK.X", bytes(1024 * 1024 + 1))
    assert len((await asyncio.wait_for(ship.incoming.get(), 5)).payload) == 1024 * 1024
    assert (ship.connected, ship.reconnects) == (True, 0)


@pytest.mark.parametrize(
    "subject",
    ["", "a b", "a.*", "a.>", "a..b", ".a", "a.b\r\nPUB x 0", "ship1.X." + "y" * 4096, "a.b\n"],
)
async def test_a_subject_that_would_end_the_connection_is_refused_here(
    subject: str, broker: Broker, connect: Connect
) -> None:
    ship = await connect(SHIP, broker.address)
    with pytest.raises(BusError, match="cannot be published on"):
        await ship.publish(subject, b"")
    assert await ship.publish("ship1.EventACK.X", b"well")
    assert (await asyncio.wait_for(ship.incoming.get(), 5)).payload == b"well"


async def test_a_full_queue_drops_the_newest_counts_it_and_the_link_stays_up(
    broker: Broker, connect: Connect, wait_for: WaitFor
) -> None:
    ship = await connect(SHIP, broker.address)
    ship.incoming = Mailbox(3)
    for i in range(5):
        assert await ship.publish("ship1.EventACK.X", b"%d" % i)
    await wait_for(lambda: ship.incoming.dropped == 2)
    assert [ship.incoming.get_nowait().payload for _ in range(3)] == [b"0", b"1", b"2"]
    assert (ship.connected, ship.reconnects) == (True, 0)


def test_a_queue_is_bounded_in_bytes_too() -> None:
    box: Mailbox[Incoming] = Mailbox(100, most_bytes=10)
    for size in (6, 6, 4):
        box.offer(Incoming("a.b.c", "", bytes(size)))
    assert (box.qsize(), box.bytes, box.dropped) == (2, 10, 1)
    box.get_nowait()
    assert box.bytes == 4


@pytest.mark.parametrize(
    ("reply", "answered"),
    [
        ("_INBOX.ship1.s1", True),
        ("_INBOX.ship1.s1.7", True),
        ("_INBOX.ship1", False),
        ("_INBOX.ship1.", False),
        ("_INBOX.ship12.s1", False),
        ("_INBOX.central.s1", False),
        ("central.CommandACK.ShellCommand", False),
        ("_INBOX.ship1.>", False),
        ("_INBOX.ship1.a b", False),
        ("_INBOX.ship1.a\r\nPUB x 0", False),
        ("_INBOX.ship1." + "x" * 1000, False),
        ("", False),
    ],
)
def test_only_a_reply_under_the_senders_own_inbox_is_answered(reply: str, answered: bool) -> None:
    assert is_inbox_of(reply, SHIP) is answered


@pytest.mark.parametrize(
    "address",
    ["ws://127.0.0.1", "nats://", "nats://h:port", "nats://h/path", ""],
)
def test_an_address_that_would_not_be_what_it_says_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match="not a broker's address"):
        Bus(SHIP, address)


def test_an_address_is_shown_without_its_password() -> None:
    endpoint = Endpoint.parse("nats://joe:secret@[::1]:4333")
    assert endpoint.shown == "nats://[::1]:4333"
    assert endpoint.url == "nats://joe:secret@[::1]:4333"
    assert Endpoint.parse("broker").url == "nats://broker:4222"


def test_tls_is_what_the_address_says() -> None:
    endpoint = Endpoint.parse("tls://joe:secret@broker")
    assert (endpoint.tls, endpoint.has_user, endpoint.shown) == (True, True, "tls://broker:4222")
    assert (endpoint.host, endpoint.port) == ("broker", 4222)


async def test_what_was_published_last_leaves_before_the_bus_stops(
    broker: Broker, connect: Connect, wait_for: WaitFor
) -> None:
    central = await connect(CENTRAL, broker.address)
    async with running(Bus(SHIP, broker.address)) as ship:
        await wait_for(lambda: ship.connected)
        for i in range(100):
            assert await ship.publish("central.EventNACK.SayHello", b"%d" % i)
    await wait_for(lambda: central.incoming.qsize() == 100)


async def test_a_publish_costs_at_most_60_microseconds_of_python(
    broker: Broker, connect: Connect
) -> None:
    ship = await connect(SHIP, broker.address)
    payload = bytes(300)
    best = float("inf")
    for _ in range(5):
        started = time.process_time()
        for _ in range(1000):
            await ship.publish("central.EventACK.ErrorLog", payload, ship.inbox)
        best = min(best, (time.process_time() - started) / 1000)
        await asyncio.sleep(0)
    assert best <= 60e-6


def test_a_dead_link_is_noticed_within_15_seconds_on_lan_and_patience_rules_on_slow() -> None:
    for settings, limit in ((LAN, 15), (SLOW, 180)):
        assert settings.ping + 1.5 * settings.patience <= limit
        assert settings.unacknowledged <= settings.patience + 1
        assert settings.connect == 20
    assert LAN.ping <= 7
    assert SLOW.ping == 60


async def test_a_bus_stops_at_whatever_step_of_its_connecting_it_is_told_to(
    broker: Broker,
) -> None:
    for steps in range(80):
        async with running(Bus(SHIP, broker.address)):
            for _ in range(steps):
                await asyncio.sleep(0)
            await asyncio.sleep(0.0001 * (steps % 20))
