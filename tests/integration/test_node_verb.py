"""``steward node`` as a program: how it starts, how it ends, and what it says if it cannot."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from steward.control.client import ControlClient
from steward.errors import NoDaemon
from tests.conftest import WaitFor


async def node(state: Path, *flags: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "steward.cli", "--state-dir", str(state), *flags),
        *("--prom-host-and-port", "off", "--broker-address", "nats://127.0.0.1:1"),
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env={k: v for k, v in os.environ.items() if not k.startswith("STEWARD_")},
    )


async def told(process: asyncio.subprocess.Process) -> tuple[int | None, str]:
    _, err = await process.communicate()
    return process.returncode, err.decode()


async def _answers(state: Path) -> bool:
    try:
        async with ControlClient(state) as client:
            return bool(await client.call("status"))
    except NoDaemon:
        return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_node_starts_without_a_broker_and_stops_when_told(
    tmp_path: Path, number: signal.Signals, wait_for: WaitFor
) -> None:
    process = await node(tmp_path, "--node=ship1")
    await wait_for(lambda: _answers(tmp_path))
    process.send_signal(signal.SIGHUP)
    assert await _answers(tmp_path), "a terminal that is closed does not end it"
    process.send_signal(number)
    status, err = await told(process)
    assert status == 0, err
    assert "SIGHUP" in err
    assert "Traceback" not in err


async def test_a_folder_in_use_or_of_another_node_is_refused(
    tmp_path: Path, wait_for: WaitFor
) -> None:
    process = await node(tmp_path, "--node=ship1")
    await wait_for(lambda: _answers(tmp_path))
    status, err = await told(await node(tmp_path, "--node=ship1"))
    assert (status, "another daemon" in err) == (2, True), err
    process.send_signal(signal.SIGTERM)
    await told(process)
    status, err = await told(await node(tmp_path, "--node=ship2"))
    assert (status, "belongs to the node ship1" in err) == (2, True), err


async def test_a_state_folder_that_cannot_be_made_is_said_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    status, err = await told(await node(tmp_path / "file" / "state", "--node=ship1"))
    assert status == 2
    assert "steward doctor" in err
    assert "Traceback" not in err


async def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    status, err = await told(await node(tmp_path, "--node=ship.1"))
    assert (status, "--node" in err) == (2, True), err
