"""The bundled nats-server as a child process."""

from __future__ import annotations

import asyncio
import socket
import sys
from pathlib import Path

import pytest

from node import broker as node_broker
from node.broker import Broker, find_server
from steward.errors import BusError


def _reachable(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def test_a_started_broker_takes_clients_and_a_stopped_one_is_gone(tmp_path: Path) -> None:
    broker = Broker(tmp_path, port=0)
    await broker.start()
    assert broker.running
    assert _reachable(broker.port)
    await broker.stop()
    assert not broker.running
    assert not _reachable(broker.port)
    await broker.stop()


async def test_it_listens_on_loopback_alone_with_the_settings_asked_for(tmp_path: Path) -> None:
    async with Broker(tmp_path, port=0, max_payload=65536) as broker:
        reader, writer = await asyncio.open_connection("127.0.0.1", broker.port)
        info = (await reader.readline()).decode()
        writer.transport.abort()
    assert '"host":"127.0.0.1"' in info
    assert '"max_payload":65536' in info
    assert "jetstream" not in info


async def test_a_restart_keeps_the_port_and_so_does_a_start_after_a_kill(broker: Broker) -> None:
    port = broker.port
    await broker.restart()
    assert (broker.port, _reachable(port)) == (port, True)
    await broker.kill()
    assert not _reachable(port)
    await broker.start()
    assert (broker.port, _reachable(port)) == (port, True)


async def test_a_taken_port_is_said_with_the_servers_own_words(
    broker: Broker, tmp_path: Path
) -> None:
    second = Broker(tmp_path / "second", port=broker.port)
    with pytest.raises(BusError, match="address already in use") as caught:
        await second.start()
    assert str(broker.port) in caught.value.hint
    assert not second.running


async def test_a_bad_setting_is_said_with_the_servers_own_words(tmp_path: Path) -> None:
    broker = Broker(tmp_path, port=0, extra="no_such_setting: 1")
    with pytest.raises(BusError, match="no_such_setting"):
        await broker.start()


async def test_whoever_waits_learns_of_the_end(broker: Broker) -> None:
    waiting = asyncio.ensure_future(broker.wait())
    await broker.kill()
    assert await asyncio.wait_for(waiting, 5) == -9


def test_the_server_beside_this_python_comes_before_the_one_on_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside, elsewhere = tmp_path / "bin", tmp_path / "path"
    for folder in (beside, elsewhere):
        folder.mkdir()
        (folder / "nats-server").touch(0o755)
    monkeypatch.setattr(sys, "executable", str(beside / "python"))
    monkeypatch.setenv("PATH", str(elsewhere))
    assert find_server() == beside / "nats-server"
    (beside / "nats-server").unlink()
    assert find_server() == elsewhere / "nats-server"
    (elsewhere / "nats-server").unlink()
    with pytest.raises(BusError, match="no nats-server") as caught:
        find_server()
    assert "steward[broker]" in caught.value.hint


def test_a_free_port_can_be_listened_on() -> None:
    with socket.create_server(("127.0.0.1", node_broker.free_port())):
        pass
