"""TLS to the broker: only to the one that was meant, from the first byte on, or not at all."""

from __future__ import annotations

import asyncio
import logging
import ssl
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from node.broker import Broker, free_port
from node.broker_config import Tls
from node.certificates import make_ca
from steward.access import Access, access
from steward.bus import Bus
from steward.errors import ConfigError, TrustError
from steward.link import LAN, SLOW
from steward.mailbox import Incoming
from steward.subjects import NodeName
from tests.conftest import WaitFor
from tests.integration.trusted import nkey_seed, running, signed
from tests.links import NARROW, SATELLITE
from tests.proxy import Proxy

SHIP, CENTRAL = NodeName("ship1"), NodeName("central")
QUICK = replace(LAN, connect=2.0, retry_first=0.05, retry_most=0.1)
HOSTS = ("localhost", "127.0.0.1")
INFO = b'INFO {"server_id":"x","version":"2.15.0","max_payload":1048576,"nonce":"abc"}\r\n'


@pytest.fixture
def ca(tmp_path: Path) -> str:
    return make_ca(tmp_path / "ca")


@pytest.fixture
def files(tmp_path: Path, ca: str) -> Tls:
    return signed(tmp_path / "ca", HOSTS)


def settings(files: Tls, *, first: bool = True) -> str:
    return (
        f'tls {{ cert_file: "{files.certificate}", key_file: "{files.key}", timeout: 20,'
        f" handshake_first: {str(first).lower()} }}"
    )


@pytest.fixture
async def secure(tmp_path: Path, files: Tls) -> AsyncIterator[Broker]:
    async with Broker(tmp_path / "tls", port=0, extra=settings(files), tls=True) as broker:
        yield broker


def tls(broker: Broker, host: str = "127.0.0.1") -> str:
    return f"tls://{host}:{broker.port}"


@asynccontextmanager
async def listening(
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter, bytearray], Awaitable[None]],
    context: ssl.SSLContext | None = None,
) -> AsyncIterator[tuple[int, bytearray]]:
    """A server that is not the broker; its port, and all that it was told."""
    told = bytearray()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer, told)
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1], told


async def greets(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, told: bytearray
) -> None:
    """As a broker without TLS does, and says yes to everything."""
    writer.write(INFO)
    while some := await reader.read(65536):
        told += some
        writer.write(b"PONG\r\n")


async def test_frames_and_answers_go_over_tls(secure: Broker, ca: str, wait_for: WaitFor) -> None:
    known = access(ca=ca)
    async with (
        running(Bus(SHIP, tls(secure), access=known)) as ship,
        running(Bus(CENTRAL, tls(secure, "localhost"), access=known)) as central,
    ):
        await wait_for(lambda: ship.connected and central.connected)
        for size in (1, 5_000, 900_000):
            mark = central.mark()
            assert await central.publish("ship1.EventACK.X", bytes(size), central.inbox)
            got = await asyncio.wait_for(ship.incoming.get(), 5)
            assert got.payload == bytes(size)
            assert central.mark().position > mark.position
            assert central.has_left(mark)
            await wait_for(lambda: central.has_left(central.mark()))
            assert await ship.publish(got.reply, b"receipt")
            assert await asyncio.wait_for(central.replies.get(), 5) == Incoming(
                got.reply, "", b"receipt"
            )


async def test_what_has_not_left_is_known_under_tls_too(
    secure: Broker, ca: str, wait_for: WaitFor
) -> None:
    async with (
        Proxy(secure.port) as proxy,
        running(Bus(SHIP, f"tls://127.0.0.1:{proxy.port}", access=access(ca=ca))) as ship,
    ):
        await wait_for(lambda: ship.connected)
        proxy.up.mode = "stall"
        marks = []
        for _ in range(12):
            assert await ship.publish("central.EventACK.X", bytes(500_000))
            marks.append(ship.mark())
            await asyncio.sleep(0.05)
        assert not ship.has_left(marks[-1])
        link = ship._link
        assert link is not None
        assert 0 < link.unsent() < link.written
        left = [ship.has_left(mark) for mark in marks]
        assert left == sorted(left, reverse=True), "in order"
        proxy.up.mode = "pass"
        await wait_for(lambda: ship.has_left(marks[-1]))
        assert link.unsent() == 0


async def test_a_round_trip_of_1_2_seconds_connects_with_tls(
    secure: Broker, ca: str, wait_for: WaitFor
) -> None:
    async with Proxy(secure.port) as proxy:
        for direction in (proxy.up, proxy.down):
            direction.shape(replace(SATELLITE, delay=0.6))
        bus = Bus(SHIP, f"tls://127.0.0.1:{proxy.port}", access=access(ca=ca), link=SLOW)
        async with running(bus):
            await wait_for(lambda: bus.connected, 20)
            assert bus.rtt is not None
            assert bus.rtt > 1.2


async def test_a_narrow_link_with_tls_is_not_taken_for_dead(
    secure: Broker, ca: str, wait_for: WaitFor
) -> None:
    patient = replace(SLOW, ping=1.0, patience=6.0)
    async with Proxy(secure.port) as proxy:
        for direction in (proxy.up, proxy.down):
            direction.shape(NARROW)
        bus = Bus(SHIP, f"tls://127.0.0.1:{proxy.port}", access=access(ca=ca), link=patient)
        async with running(bus):
            await wait_for(lambda: bus.connected, 20)
            assert await bus.publish("central.EventACK.X", bytes(80_000))
            mark = bus.mark()
            await wait_for(lambda: bus.has_left(mark), 40)
            assert bus.reconnects == 0


async def test_a_man_in_the_middle_who_strips_tls_is_told_nothing(
    ca: str, wait_for: WaitFor, caplog: pytest.LogCaptureFixture
) -> None:
    known = access(nkey_seed(), ca)
    async with (
        listening(greets) as (port, told),
        running(Bus(SHIP, f"tls://127.0.0.1:{port}", access=known, link=QUICK)) as ship,
    ):
        await wait_for(lambda: "does not begin with TLS" in ship.last_error)
        await asyncio.sleep(0.5)
        assert not ship.connected
    assert told, "it has tried"
    assert b"CONNECT" not in told
    assert b"nkey" not in told
    assert b"ship1" not in told
    assert len([r for r in caplog.records if "no link" in r.message]) == 1, "said once"


def _shown(files: Tls) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    return context


async def test_a_certificate_of_another_ca_is_told_nothing(
    tmp_path: Path, ca: str, wait_for: WaitFor
) -> None:
    make_ca(tmp_path / "other")
    context = _shown(signed(tmp_path / "other", HOSTS))
    async with listening(greets, context) as (port, told):
        bus = Bus(SHIP, f"tls://127.0.0.1:{port}", access=access(nkey_seed(), ca), link=QUICK)
        async with running(bus):
            await wait_for(lambda: "a CA that is not trusted here" in bus.last_error)
            await asyncio.sleep(0.3)
    assert told == b""


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_a_certificate_for_another_host_is_told_nothing(
    tmp_path: Path, ca: str, wait_for: WaitFor, host: str
) -> None:
    context = _shown(signed(tmp_path / "ca", ["broker.example", "127.0.0.2"]))
    async with listening(greets, context) as (port, told):
        bus = Bus(SHIP, f"tls://{host}:{port}", access=access(nkey_seed(), ca), link=QUICK)
        async with running(bus):
            await wait_for(lambda: f"certificate is not for {host}" in bus.last_error)
            await asyncio.sleep(0.3)
    assert told == b""


async def test_who_is_changed_on_the_way_loses_the_link_and_no_more(
    secure: Broker, ca: str, wait_for: WaitFor
) -> None:
    async def flips(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, told: bytearray
    ) -> None:
        down, up = await asyncio.open_connection("127.0.0.1", secure.port)

        async def back() -> None:
            while some := await down.read(65536):
                spoilt = bytearray(some)
                if len(told) > 4_000:
                    spoilt[-1] ^= 1
                writer.write(bytes(spoilt))

        task = asyncio.create_task(back())
        try:
            while some := await reader.read(65536):
                told.extend(some)
                up.write(some)
        finally:
            task.cancel()
            up.transport.abort()

    async with (
        listening(flips) as (port, _),
        running(Bus(SHIP, f"tls://127.0.0.1:{port}", access=access(ca=ca), link=QUICK)) as ship,
    ):
        await wait_for(lambda: ship.connected)
        assert await ship.publish("ship1.EventACK.X", bytes(5_000))
        await wait_for(lambda: ship.reconnects or not ship.connected)
        assert ship.incoming.empty()


async def test_the_systems_cas_are_asked_if_none_is_given(
    secure: Broker, wait_for: WaitFor
) -> None:
    async with running(Bus(SHIP, tls(secure), link=QUICK)) as ship:
        await wait_for(lambda: "a CA that is not trusted here" in ship.last_error)


async def test_a_broker_that_asks_for_tls_later_is_refused_either_way(
    tmp_path: Path, files: Tls, ca: str, wait_for: WaitFor
) -> None:
    port = free_port()
    text = settings(files, first=False)
    async with Broker(tmp_path / "late", port=port, extra=text):
        known = access(ca=ca)
        async with running(
            Bus(SHIP, f"tls://127.0.0.1:{port}", access=known, link=QUICK)
        ) as strict:
            await wait_for(lambda: "handshake_first" in strict.last_error)
        async with running(Bus(SHIP, f"nats://127.0.0.1:{port}", link=QUICK)) as plain:
            await wait_for(lambda: "use tls://" in plain.last_error)


async def test_an_address_without_tls_of_a_broker_with_it_says_so(
    secure: Broker, wait_for: WaitFor
) -> None:
    bus = Bus(SHIP, f"nats://127.0.0.1:{secure.port}", link=replace(QUICK, connect=0.5))
    async with running(bus):
        await wait_for(lambda: "try tls://" in bus.last_error)


async def test_a_bus_with_tls_stops_at_once_at_whatever_step(secure: Broker, ca: str) -> None:
    known = access(ca=ca)
    for turns in range(40):
        async with running(Bus(SHIP, tls(secure), access=known)):
            for _ in range(turns):
                await asyncio.sleep(0.001)


async def test_a_stop_with_bytes_that_nobody_takes_costs_no_processor_time(
    secure: Broker, ca: str, wait_for: WaitFor
) -> None:
    async with Proxy(secure.port) as proxy:
        bus = Bus(SHIP, f"tls://127.0.0.1:{proxy.port}", access=access(ca=ca))
        async with running(bus):
            await wait_for(lambda: bus.connected)
            proxy.up.mode = "stall"
            while await _published(bus):
                pass
            before, loop = _processor(), asyncio.get_running_loop()
            began = loop.time()
            await bus.publish("central.EventACK.X", bytes(1000))
            spent = _processor() - before
        assert loop.time() - began < 15
        assert spent < 1.0


async def _published(bus: Bus) -> bool:
    try:
        async with asyncio.timeout(1):
            return await bus.publish("central.EventACK.X", bytes(500_000))
    except TimeoutError:
        return False


def _processor() -> float:
    import time

    return time.process_time()


def test_a_ca_that_is_none_is_an_error_that_names_the_file(tmp_path: Path, ca: str) -> None:
    file = tmp_path / "ca.txt"
    with pytest.raises(ConfigError, match=r"broker-ca: .*ca.txt: No such file"):
        access(ca_file=file)
    file.write_text("hello")
    with pytest.raises(ConfigError, match=r"broker-ca: .*ca.txt: no certificate"):
        access(ca_file=file)
    file.write_text("-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----\n")
    with pytest.raises(ConfigError, match="CA cannot be used"):
        access(ca_file=file)
    file.write_text(ca)
    assert access(ca="other", ca_file=file).ca == ca


def test_a_seed_is_in_no_text_and_no_error(caplog: pytest.LogCaptureFixture) -> None:
    seed = nkey_seed()
    assert seed.decode() not in repr(Access(seed))
    assert Access(seed).nkey.startswith("U")
    damaged = seed[:-3] + b"!!!"
    with pytest.raises(TrustError, match="no seed of an nkey") as caught:
        access(damaged)
    told = "".join(traceback.format_exception(caught.value))
    assert damaged.decode()[4:20] not in told
    logging.getLogger("x").warning("%r", Access(seed))
    assert seed.decode() not in caplog.text
