"""The control socket and whatever bytes arrive on it: an answer, and nothing ends."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from steward.control import protocol
from steward.control.address import SOCKET_NAME
from steward.control.client import ControlClient
from steward.control.server import ControlServer
from tests.fake_handlers import Daemon


@pytest.fixture
def daemon() -> Daemon:
    return Daemon()


@pytest.fixture
async def server(tmp_path: Path, daemon: Daemon) -> AsyncIterator[ControlServer]:
    async with ControlServer(tmp_path / SOCKET_NAME, daemon.handlers()) as server:
        yield server


async def say(path: Path, *lines: bytes, answers: int) -> list[dict[str, Any]]:
    """Write raw bytes, and read so many answers."""
    reader, writer = await asyncio.open_unix_connection(str(path), limit=protocol.MAX_LINE)
    try:
        writer.write(b"".join(lines))
        await writer.drain()
        async with asyncio.timeout(20):
            return [json.loads(await reader.readline()) for _ in range(answers)]
    finally:
        writer.close()
        await writer.wait_closed()


GARBAGE = [
    (b"\x00\xff\xfe\n", protocol.PARSE_ERROR),
    (b"{\n", protocol.PARSE_ERROR),
    (b"[" * 5000 + b"\n", protocol.PARSE_ERROR),
    (b"[]\n", protocol.INVALID_REQUEST),
    (b"17\n", protocol.INVALID_REQUEST),
    (b'{"jsonrpc":"1.0","id":1,"method":"echo"}\n', protocol.INVALID_REQUEST),
    (b'{"jsonrpc":"2.0","id":[],"method":"echo"}\n', protocol.INVALID_REQUEST),
    (b'{"jsonrpc":"2.0","id":1,"method":7}\n', protocol.INVALID_REQUEST),
    (b'{"jsonrpc":"2.0","id":1,"method":"echo","params":[1]}\n', protocol.INVALID_PARAMS),
    (b'{"jsonrpc":"2.0","id":1,"method":"nothing"}\n', protocol.METHOD_NOT_FOUND),
    (b'{"jsonrpc":"2.0","id":1,"method":"watch","params":{"topics":["x"]}}\n', -32000),
]


@pytest.mark.parametrize(("garbage", "code"), GARBAGE)
async def test_garbage_is_answered_and_the_connection_lives(
    server: ControlServer, garbage: bytes, code: int
) -> None:
    good = b'{"jsonrpc":"2.0","id":"e","method":"echo","params":{"a":1}}\n'
    wrong, right = sorted(
        await say(server.path, b"\n  \n", garbage, good, answers=2), key=lambda a: "result" in a
    )
    assert wrong["error"]["code"] == code
    assert set(wrong["error"]["data"]) == {"code", "hint", "exitStatus"}
    assert right == {"jsonrpc": "2.0", "id": "e", "result": {"a": 1}}


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(noise=st.lists(st.binary(max_size=200), max_size=5))
def test_no_bytes_end_the_server(tmp_path: Path, noise: list[bytes]) -> None:
    async def run() -> None:
        async with ControlServer(tmp_path / SOCKET_NAME, Daemon().handlers()) as server:
            _reader, writer = await asyncio.open_unix_connection(str(server.path))
            writer.write(b"\n".join(noise))
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
            async with ControlClient(tmp_path) as client:
                assert await client.call("echo", a=1) == {"a": 1}

    asyncio.run(run())


async def test_a_line_too_long_is_answered_and_what_follows_is_heard(
    server: ControlServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, daemon: Daemon
) -> None:
    monkeypatch.setattr(protocol, "MAX_LINE", 100_000)
    (tmp_path / "small").mkdir()
    async with ControlServer(tmp_path / "small" / SOCKET_NAME, daemon.handlers()) as small:
        good = b'{"jsonrpc":"2.0","id":1,"method":"echo"}\n'
        long, right = await say(small.path, b"x" * 1_000_000 + b"\n", good, answers=2)
        assert "more than 100,000 bytes" in long["error"]["message"]
        assert right["result"] == {}


async def test_a_notification_is_carried_out_and_not_answered(
    server: ControlServer, daemon: Daemon
) -> None:
    lines = b'{"jsonrpc":"2.0","method":"echo"}\n{"jsonrpc":"2.0","id":5,"method":"echo"}\n'
    (answer,) = await say(server.path, lines, answers=1)
    assert answer["id"] == 5
    assert len(daemon.callers) == 2
