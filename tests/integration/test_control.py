"""The control socket: the real server and the real client, over a real unix socket."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import pytest

from steward.control import protocol
from steward.control.address import SOCKET_NAME, Caller
from steward.control.client import ControlClient
from steward.control.server import AT_ONCE, ControlServer
from steward.errors import (
    InvalidMessage,
    NoDaemon,
    QueueFull,
    StateFolderInUse,
    StewardError,
    UnknownId,
)
from tests.fake_handlers import Daemon


class Changed(NamedTuple):
    messages: frozenset[str] = frozenset()
    nodes: frozenset[str] = frozenset()
    errors: int = 0
    ends: frozenset[str] = frozenset()


@pytest.fixture
def daemon() -> Daemon:
    return Daemon()


@pytest.fixture
async def server(tmp_path: Path, daemon: Daemon) -> AsyncIterator[ControlServer]:
    async with ControlServer(tmp_path / SOCKET_NAME, daemon.handlers()) as server:
        yield server


async def test_a_call_is_answered_and_the_callers_uid_is_known(
    server: ControlServer, daemon: Daemon
) -> None:
    async with ControlClient(server.path.parent) as client:
        assert await client.call("echo", a=1, method=["x"], left_out=None) == {
            "a": 1,
            "method": ["x"],
        }
    assert daemon.callers == [Caller(os.getuid(), os.getpid())]


async def test_an_error_is_raised_again_as_its_own_class(server: ControlServer) -> None:
    async with ControlClient(server.path.parent) as client:
        with pytest.raises(UnknownId) as unknown:
            await client.call("message", id="x")
        assert (unknown.value.text, unknown.value.hint) == ("no message x", "steward messages ls")
        with pytest.raises(QueueFull):
            await client.call("full")
        with pytest.raises(protocol.UnknownMethod, match="'echo'"):
            await client.call("ecko")
        with pytest.raises(protocol.ProtocolError, match="Expected `int`"):
            await client.call("typed", a="text")
        for bug in ("bug", "unserializable"):
            with pytest.raises(StewardError) as internal:
                await client.call(bug)
            assert internal.value.code == "internal"
        assert await client.call("echo", still="alive") == {"still": "alive"}


def test_an_error_of_a_class_unknown_here_keeps_its_code_and_exit_status() -> None:
    error = protocol.of_code("from_the_future", "text", "hint", 7)
    assert type(error) is StewardError
    assert (error.code, error.exit_status, error.hint) == ("from_the_future", 7, "hint")
    assert StewardError.code == "error"
    assert type(protocol.of_code("invalid_message", "text")) is InvalidMessage


async def test_the_socket_is_for_its_user_and_group_alone(server: ControlServer) -> None:
    assert stat.S_IMODE(server.path.stat().st_mode) == 0o660


async def test_a_stale_socket_is_replaced_and_a_living_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / SOCKET_NAME
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(path))
    stale.close()
    async with ControlServer(path, {}):
        with pytest.raises(StateFolderInUse, match="answers"):
            async with ControlServer(path, {}):
                pass
    assert not path.exists()


async def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / SOCKET_NAME
    path.write_text("precious")
    with pytest.raises(StateFolderInUse, match="not a socket"):
        async with ControlServer(path, {}):
            pass
    assert path.read_text() == "precious"


async def test_a_path_longer_than_a_socket_address_works(tmp_path: Path, daemon: Daemon) -> None:
    folder = tmp_path / ("long" * 30) / ("longer" * 20)
    folder.mkdir(parents=True)
    async with (
        ControlServer(folder / SOCKET_NAME, daemon.handlers()),
        ControlClient(folder) as client,
    ):
        assert await client.call("echo", far="away") == {"far": "away"}
    assert not (folder / SOCKET_NAME).exists()


async def test_requests_are_pipelined_and_a_slow_one_delays_no_other(
    server: ControlServer, daemon: Daemon
) -> None:
    async with ControlClient(server.path.parent) as client:
        slow = asyncio.create_task(client.call("slow"))
        echoes = await asyncio.gather(*(client.call("echo", n=n) for n in range(500)))
        assert [echo["n"] for echo in echoes] == list(range(500))
        assert not slow.done()
        daemon.gate.set()
        assert await slow == "done"


async def test_one_connection_has_only_so_many_requests_under_way(
    server: ControlServer, daemon: Daemon
) -> None:
    async with (
        ControlClient(server.path.parent) as client,
        ControlClient(server.path.parent) as other,
    ):
        slow = [asyncio.create_task(client.call("slow")) for _ in range(AT_ONCE + 40)]
        async with asyncio.timeout(5):
            while daemon.under_way < AT_ONCE:
                await other.call("echo")
        daemon.gate.set()
        assert await asyncio.gather(*slow) == ["done"] * (AT_ONCE + 40)
        assert daemon.most_under_way == AT_ONCE


async def test_a_long_line_within_the_bound_is_taken(server: ControlServer) -> None:
    async with ControlClient(server.path.parent) as client:
        big = "x" * (20 * 1024 * 1024)
        assert (await client.call("echo", big=big))["big"] == big


async def test_a_last_line_without_its_newline_is_answered_after_the_half_close(
    server: ControlServer,
) -> None:
    reader, writer = await asyncio.open_unix_connection(str(server.path))
    writer.write(b'{"jsonrpc":"2.0","id":1,"method":"echo"}')
    writer.write_eof()
    assert json.loads(await reader.read())["result"] == {}
    writer.close()


async def test_watchers_are_told_of_their_topics_and_not_too_often(server: ControlServer) -> None:
    async with (
        ControlClient(server.path.parent) as client,
        ControlClient(server.path.parent) as nodes_only,
    ):
        assert await client.call("watch") == {"watching": ["messages", "nodes", "errors", "status"]}
        await nodes_only.call("watch", topics=["nodes"])
        told = client.notifications()
        server.changed(Changed(frozenset({"a"})))
        assert (await anext(told)).params == {"messages": ["a"], "nodes": [], "errors": 0}
        began = asyncio.get_running_loop().time()
        for n in range(50):
            server.changed(Changed(frozenset({f"m{n:02}"}), frozenset({"ship1"}), 1))
            await asyncio.sleep(0)
        assert (await anext(told)).params == {
            "messages": [f"m{n:02}" for n in range(50)],
            "nodes": ["ship1"],
            "errors": 50,
        }
        assert asyncio.get_running_loop().time() - began > 0.15
        (first,) = [await anext(nodes_only.notifications())]
        assert first.params == {"messages": [], "nodes": ["ship1"], "errors": 0}
        server.changed(Changed(frozenset(str(n) for n in range(5000))))
        assert (await anext(told)).params["messages"] is None
        server.status_changed()
        assert (await anext(told)).params["status"] is True


async def test_a_wait_is_woken_by_the_ends_of_its_own_ids_alone(server: ControlServer) -> None:
    with server.touching({"a", "b"}) as event:
        server.changed(Changed(frozenset({"a", "c"}), ends=frozenset({"c"})))
        assert not event.is_set()
        server.changed(Changed(frozenset({"b", "c"}), ends=frozenset({"b", "c"})))
        assert event.is_set()
        assert event.take() == {"b"}
        assert not event.is_set()


async def test_calls_and_watchers_hear_that_the_daemon_is_gone(
    tmp_path: Path, daemon: Daemon
) -> None:
    async with ControlServer(tmp_path / SOCKET_NAME, daemon.handlers()):
        client = await ControlClient(tmp_path).__aenter__()
        await client.call("watch")
        slow = asyncio.create_task(client.call("slow"))
        async with asyncio.timeout(5):
            while not daemon.under_way:
                await client.call("echo")
    with pytest.raises(NoDaemon, match="is gone"):
        await slow
    with pytest.raises(NoDaemon):
        await anext(client.notifications())
    with pytest.raises(NoDaemon):
        await client.call("echo")
    await client.__aexit__()


async def test_requests_under_way_are_finished_when_the_server_stops(
    tmp_path: Path, daemon: Daemon
) -> None:
    server = await ControlServer(tmp_path / SOCKET_NAME, daemon.handlers()).__aenter__()
    async with ControlClient(tmp_path) as client:
        slow = asyncio.create_task(client.call("slow"))
        async with asyncio.timeout(5):
            while not daemon.under_way:
                await client.call("echo")
        stopping = asyncio.create_task(server.__aexit__())
        await asyncio.sleep(0)
        daemon.gate.set()
        assert await slow == "done"
        await stopping


async def test_without_a_daemon_the_remedy_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoDaemon) as nobody:
        async with ControlClient(tmp_path / "nowhere"):
            pass
    assert "steward node --node NAME --state-dir" in nobody.value.hint
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(tmp_path / SOCKET_NAME))
    dead.close()
    with pytest.raises(NoDaemon):
        async with ControlClient(tmp_path):
            pass
