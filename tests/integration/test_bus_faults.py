"""The bus while links and brokers fail: each trap of nats-py that Steward knows, as a test."""

from __future__ import annotations

import asyncio
import logging
import random
import socket
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from node.broker import Broker
from node.broker_config import tls_settings
from node.certificates import make_ca
from steward.bus import Bus
from steward.link import LAN, SLOW, Endpoint, Link, LinkSettings
from tests.conftest import WaitFor
from tests.integration.test_bus import CENTRAL, SHIP, running
from tests.integration.trusted import signed
from tests.proxy import Proxy

QUICK = replace(LAN, ping=0.2, patience=0.6, publish=0.5, retry_first=0.01, retry_most=0.1)
BIG = 512 * 1024


@pytest.fixture(params=["nats", "tls"])
async def broker(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Broker]:
    """Everything has to hold with TLS, too."""
    extra, tls = "", request.param == "tls"
    if tls:
        make_ca(tmp_path)
        files = signed(tmp_path, ["127.0.0.1"])
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        extra = "\n".join(tls_settings(files))
    async with Broker(tmp_path / "broker", port=0, extra=extra, tls=tls) as server:
        yield server


@pytest.fixture
async def proxy(broker: Broker) -> AsyncIterator[Proxy]:
    async with Proxy(broker.port) as between:
        between.scheme = "tls" if broker.tls else "nats"
        yield between


async def test_starting_while_the_broker_is_down_works_and_is_said_once(
    tmp_path: Path,
    free_port: int,
    wait_for: WaitFor,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also after more than the 60 tries that the client itself makes."""
    caplog.set_level(logging.INFO, "steward.bus")
    tries: list[Endpoint] = []
    once = Bus._once

    async def counted(bus: Bus, broker: Endpoint, over: asyncio.Future[None]) -> None:
        tries.append(broker)
        await once(bus, broker, over)

    monkeypatch.setattr(Bus, "_once", counted)
    settings = replace(QUICK, retry_first=0.001, retry_most=0.002)
    broker = Broker(tmp_path, port=free_port)
    async with running(Bus(SHIP, broker.address, link=settings)) as ship:
        await wait_for(lambda: len(tries) > 70)
        assert "Connect call failed" in ship.last_error
        assert not await ship.publish("central.EventNACK.SayHello", b"")
        assert (ship.connected, ship.max_payload) == (False, None)
        assert len(caplog.messages) == 1
        async with broker:
            await wait_for(lambda: ship.connected)
            assert caplog.messages[1:] == [f"connected to the broker at {broker.address}"]


async def test_what_is_published_while_the_link_is_down_is_never_sent_later(
    broker: Broker, proxy: Proxy, wait_for: WaitFor
) -> None:
    async with (
        running(Bus(SHIP, proxy.address, link=QUICK)) as ship,
        running(Bus(CENTRAL, broker.address)) as central,
    ):
        await wait_for(lambda: ship.connected and central.connected)
        proxy.refuse()
        await wait_for(lambda: not ship.connected)
        assert not await ship.publish("central.EventNACK.SayHello", b"ghost")
        await proxy.accept()
        await wait_for(lambda: ship.connected)
        assert await ship.publish("central.EventNACK.SayHello", b"well")
        assert (await asyncio.wait_for(central.incoming.get(), 5)).payload == b"well"


async def test_the_link_comes_back_however_often_it_is_cut_and_leaves_no_task_behind(
    proxy: Proxy, wait_for: WaitFor
) -> None:
    changes: list[bool] = []
    async with running(Bus(SHIP, proxy.address, link=QUICK)) as ship:
        ship.listen(changes.append)
        await wait_for(lambda: ship.connected)
        tasks = tasks_of_the_client()
        for cut in range(1, 21):
            proxy.cut()
            await wait_for(partial(_came_back, ship, cut))
        assert changes == [True] + [False, True] * 20
        assert tasks_of_the_client() == tasks


async def test_a_killed_broker_is_found_again_on_its_port(
    broker: Broker, wait_for: WaitFor
) -> None:
    async with running(Bus(SHIP, broker.address, link=QUICK)) as ship:
        await wait_for(lambda: ship.connected)
        await broker.kill()
        await wait_for(lambda: not ship.connected)
        await broker.start()
        await wait_for(lambda: ship.connected)
        assert await ship.publish("ship1.EventACK.X", b"again")
        assert (await asyncio.wait_for(ship.incoming.get(), 5)).payload == b"again"


async def test_the_next_address_is_tried_when_one_is_down(
    broker: Broker, free_port: int, wait_for: WaitFor
) -> None:
    addresses = [f"127.0.0.1:{free_port}", broker.address]
    async with running(Bus(SHIP, addresses, link=QUICK)) as ship:
        await wait_for(lambda: ship.connected)
        assert ship.address == broker.address


@pytest.mark.parametrize(("up", "down"), [(True, True), (True, False), (False, True)])
async def test_a_black_hole_is_noticed_and_left(
    up: bool, down: bool, proxy: Proxy, wait_for: WaitFor
) -> None:
    async with running(Bus(SHIP, proxy.address, link=QUICK)) as ship:
        await wait_for(lambda: ship.connected)
        proxy.set("drop", up=up, down=down)
        await wait_for(lambda: not ship.connected, 2)
        assert ship.last_error == "the link is silent"
        proxy.cut()
        proxy.set("pass")
        await wait_for(lambda: ship.connected)


async def test_a_publish_into_a_link_that_takes_nothing_returns_and_so_does_the_stop(
    proxy: Proxy, wait_for: WaitFor
) -> None:
    settings = replace(QUICK, ping=60)
    async with running(Bus(SHIP, proxy.address, link=settings)) as ship:
        await wait_for(lambda: ship.connected)
        proxy.set("stall")
        await _publish_until_full(ship)
        started = time.monotonic()
        assert not await ship.publish("central.EventACK.X", b"one more")
        assert 0.4 < time.monotonic() - started < 2


async def test_what_a_dead_link_still_held_is_not_sent_when_it_comes_back_to_life(
    proxy: Proxy, wait_for: WaitFor
) -> None:
    async with running(Bus(SHIP, proxy.address, link=QUICK)) as ship:
        await wait_for(lambda: ship.connected)
        proxy.set("stall")
        await _publish_until_full(ship)
        assert ship._link is not None
        left = ship._link.written - ship._link.unsent()
        await wait_for(lambda: not ship.connected)
        proxy.set("pass")
        await wait_for(lambda: ship.connected and proxy.open == 1)
        assert proxy.up.bytes < left + BIG


async def test_what_was_published_last_gets_a_moment_to_leave_before_the_bus_stops(
    broker: Broker, proxy: Proxy, wait_for: WaitFor
) -> None:
    async with running(Bus(CENTRAL, broker.address)) as central:
        await wait_for(lambda: central.connected)
        async with running(Bus(SHIP, proxy.address, link=replace(QUICK, ping=60))) as ship:
            await wait_for(lambda: ship.connected)
            proxy.set("stall")
            published = await _publish_until_full(ship)
            asyncio.get_running_loop().call_later(0.2, proxy.set, "pass")
        await wait_for(lambda: central.incoming.qsize() == published)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the kernel does not tell")
async def test_what_the_kernel_holds_back_has_not_left_the_machine(
    proxy: Proxy, wait_for: WaitFor
) -> None:
    async with running(Bus(SHIP, proxy.address, link=replace(QUICK, ping=60))) as ship:
        await wait_for(lambda: ship.connected)
        proxy.set("stall")
        while ship.has_left(ship.mark()):
            assert await ship.publish("central.EventACK.X", bytes(65536))
            await asyncio.sleep(0.001)
        assert ship._link is not None
        assert ship._link.buffered() == 0


async def test_it_is_known_whether_the_last_copy_has_left_the_machine(
    proxy: Proxy, wait_for: WaitFor
) -> None:
    settings = replace(QUICK, ping=60, publish=0.05)
    async with running(Bus(SHIP, proxy.address, link=settings)) as ship:
        await wait_for(lambda: ship.connected)
        await ship.publish("central.EventACK.X", b"small")
        small = ship.mark()
        await wait_for(lambda: ship.has_left(small))
        proxy.set("stall")
        await _publish_until_full(ship)
        waiting = ship.mark()
        assert ship.has_left(small)
        assert not ship.has_left(waiting)
        proxy.set("pass")
        await wait_for(lambda: ship.has_left(waiting))
        assert await ship.publish("central.EventACK.X", b"last")
        last = ship.mark()
        proxy.cut()
        await wait_for(lambda: not ship.connected)
        assert ship.has_left(last)


async def test_a_silent_link_that_still_delivers_is_not_taken_for_dead(
    broker: Broker, proxy: Proxy, wait_for: WaitFor
) -> None:
    async with (
        running(Bus(SHIP, proxy.address, link=QUICK)) as ship,
        running(Bus(CENTRAL, broker.address)) as central,
    ):
        await wait_for(lambda: ship.connected and central.connected)
        proxy.up.delay = 4 * QUICK.patience
        end = time.monotonic() + 2 * proxy.up.delay
        while time.monotonic() < end:
            assert await central.publish("ship1.EventACK.X", bytes(10))
            await asyncio.sleep(QUICK.patience / 10)
        assert ship.connected
        assert ship.reconnects == 0
        assert ship.rtt is not None
        assert ship.rtt > proxy.up.delay


async def test_a_round_trip_of_1_2_seconds_connects(proxy: Proxy, wait_for: WaitFor) -> None:
    proxy.delay(0.6)
    async with running(Bus(SHIP, proxy.address)) as ship:
        await wait_for(lambda: ship.connected, 20)
        assert ship.reconnects == 0
        assert ship.rtt is not None
        assert ship.rtt >= 1.2


@pytest.mark.parametrize(
    ("link", "highest"), [(LAN, (1.0, 2.0, 3.0, 3.0)), (SLOW, (1.0, 2.0, 4.0, 8.0, 15.0, 15.0))]
)
async def test_tries_are_spread_with_full_jitter_from_half_a_second_up(
    free_port: int,
    wait_for: WaitFor,
    monkeypatch: pytest.MonkeyPatch,
    link: LinkSettings,
    highest: tuple[float, ...],
) -> None:
    bounds: list[tuple[float, float]] = []

    def uniform(low: float, high: float) -> float:
        bounds.append((low, high))
        return 0.0

    monkeypatch.setattr(random, "uniform", uniform)
    async with running(Bus(SHIP, f"127.0.0.1:{free_port}", link=link)):
        await wait_for(lambda: len(bounds) >= len(highest))
    assert bounds[: len(highest)] == [(0.5, high) for high in highest]


@pytest.mark.skipif(sys.platform != "linux", reason="TCP_USER_TIMEOUT is Linux's")
async def test_the_kernel_gives_up_on_every_new_socket_when_nothing_is_acknowledged(
    broker: Broker, wait_for: WaitFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    sockets: list[socket.socket] = []
    opened = Link.__init__

    def note(
        link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *more: Any
    ) -> None:
        opened(link, reader, writer, *more)
        sockets.append(writer.get_extra_info("socket"))

    monkeypatch.setattr(Link, "__init__", note)
    async with running(Bus(SHIP, broker.address)) as ship:
        await wait_for(lambda: ship.connected)
        assert sockets[0].getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 6000


async def _publish_until_full(bus: Bus) -> int:
    """How many were taken before one was not."""
    for taken in range(200):
        if not await bus.publish("central.EventACK.X", bytes(BIG)):
            return taken
    pytest.fail("the link takes everything")


def _came_back(bus: Bus, times: int) -> bool:
    return bus.connected and bus.reconnects == times


def tasks_of_the_client() -> int:
    names = [repr(task.get_coro()) for task in asyncio.all_tasks()]
    return sum("Client." in name or "Subscription." in name for name in names)
