"""The bus against brokers that refuse, and against strangers who send what they like."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from node.broker import Broker
from steward.bus import Bus
from tests.conftest import WaitFor
from tests.integration.test_bus import SHIP, running
from tests.integration.test_bus_faults import QUICK, tasks_of_the_client


async def test_something_that_is_no_broker_is_reported(wait_for: WaitFor) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"INFO 7\r\n" if await reader.read(1) else b"HTTP/1.1 400\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        silent = replace(QUICK, connect=0.2)
        async with running(Bus(SHIP, f"127.0.0.1:{port}", link=silent)) as ship:
            await wait_for(lambda: ship.last_error.startswith("no answer in time"))
            assert not ship.connected


async def test_a_broker_that_breaks_the_clients_reader_leaves_no_task_behind(
    wait_for: WaitFor, caplog: pytest.LogCaptureFixture
) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"max_payload": 1024}\r\n')
        await reader.readuntil(b"PING\r\n")
        writer.write(b"PONG\r\n")
        await reader.readuntil(b"PUB")
        writer.write(b"INFO [\r\n")
        await reader.read()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with running(Bus(SHIP, f"127.0.0.1:{port}", link=QUICK)) as ship:
            await wait_for(lambda: ship.last_error == "the link is silent")
        assert "JSONDecodeError" in caplog.text
        assert tasks_of_the_client() == 0


async def test_a_refused_subscription_is_reported_and_not_silent(
    tmp_path: Path, free_port: int, wait_for: WaitFor, caplog: pytest.LogCaptureFixture
) -> None:
    denying = 'authorization { users: [{user: "u", password: "geheim",' + (
        ' permissions: {subscribe: ["_INBOX.ship1.>"]}}] }'
    )
    broker = Broker(tmp_path, port=free_port, extra=denying)
    address = f"nats://u:geheim@127.0.0.1:{free_port}"
    async with broker, running(Bus(SHIP, address, link=QUICK)) as ship:
        await wait_for(lambda: "subscription to" in ship.last_error)
        assert not ship.connected
        assert "ship1.*.*" in ship.last_error
        assert "geheim" not in caplog.text
        broker.extra = denying.replace('"_INBOX', '"ship1.>", "_INBOX')
        await broker.restart()
        await wait_for(lambda: ship.connected)


async def test_a_wrong_password_is_reported_and_tried_again(
    tmp_path: Path, free_port: int, wait_for: WaitFor
) -> None:
    broker = Broker(tmp_path, port=free_port, extra='authorization {user: "u", password: "a"}')
    async with broker, running(Bus(SHIP, f"nats://u:b@127.0.0.1:{free_port}", link=QUICK)) as ship:
        await wait_for(lambda: "Authorization Violation" in ship.last_error)
        broker.extra = broker.extra.replace('"a"', '"b"')
        await broker.restart()
        await wait_for(lambda: ship.connected)


async def test_a_refused_publish_is_told_and_the_link_stays_up(
    tmp_path: Path, free_port: int, wait_for: WaitFor, caplog: pytest.LogCaptureFixture
) -> None:
    extra = 'authorization { users: [{user: "u", password: "p",' + (
        ' permissions: {publish: ["ship1.>", "_INBOX.>"]}}] }'
    )
    broker = Broker(tmp_path, port=free_port, extra=extra)
    async with broker, running(Bus(SHIP, f"nats://u:p@127.0.0.1:{free_port}", link=QUICK)) as ship:
        await wait_for(lambda: ship.connected)
        for _ in range(3):
            assert await ship.publish("central.EventACK.X", b"")
        await wait_for(lambda: "central.eventack.x" in ship.last_error)
        assert (ship.connected, ship.reconnects) == (True, 0)
        assert caplog.text.count("central.eventack.x") == 1


HOSTILE = {
    "a header without a line end": b"HPUB ship1.EventACK.X 8 8\r\nNATS/1.0\r\n",
    "a status that is not text": (
        b"HPUB ship1.EventACK.X 16 16\r\nNATS/1.0 \xff\xff\xff\r\n\r\n\r\n"
    ),
    "header bytes that are not text": (
        b"HPUB ship1.EventACK.X 19 19\r\nNATS/1.0\r\n\xff\xfe: \xff\r\n\r\n\r\n"
    ),
    "a subject that is not UTF-8": b"PUB ship1.\xff\xfe.X 1\r\nx\r\n",
    "a reply that is not UTF-8": b"PUB ship1.EventACK.X \xff\xfe 1\r\nx\r\n",
    "a forged loopback": b"PUB ship1.EventNACK.Loopback 1\r\nx\r\n",
}


@pytest.mark.parametrize("what", HOSTILE)
async def test_nothing_that_a_stranger_sends_ends_the_reader(
    what: str, broker: Broker, wait_for: WaitFor
) -> None:
    async with running(Bus(SHIP, broker.address)) as ship:
        await wait_for(lambda: ship.connected)
        await _send_raw(broker.port, HOSTILE[what])
        assert await ship.publish("ship1.EventACK.X", b"well")
        async with asyncio.timeout(5):
            while (await ship.incoming.get()).payload != b"well":
                pass
        assert (ship.connected, ship.reconnects) == (True, 0)


async def test_a_subject_that_the_client_cannot_parse_costs_a_new_connection_and_no_more(
    broker: Broker, wait_for: WaitFor
) -> None:
    async with running(Bus(SHIP, broker.address, link=QUICK)) as ship:
        await wait_for(lambda: ship.connected)
        await _send_raw(broker.port, b"PUB ship1.a\x0bb.X 1\r\nx\r\n")
        await wait_for(lambda: ship.connected and ship.reconnects == 1)
        assert await ship.publish("ship1.EventACK.X", b"well")
        assert (await asyncio.wait_for(ship.incoming.get(), 5)).payload == b"well"


async def _send_raw(port: int, data: bytes) -> None:
    """As a client that keeps to no rules; returns once the broker has taken it in."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b'CONNECT {"verbose":false,"headers":true}\r\n' + data + b"PING\r\n")
        while (line := await asyncio.wait_for(reader.readline(), 5)) != b"PONG\r\n":
            assert line.startswith(b"INFO"), line
    finally:
        writer.transport.abort()
