"""A command has ended, and then the power goes: who makes its end durable, and from when on.

The runner syncs an exit record itself where no daemon is connected, and all that it had told a
daemon once that one is gone; else the daemon's commit of the result is what lasts.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.power.disk import HARSH, Disk
from tests.power.machine import Machine, PowerFleet, power_fleet

SCRIPT = 'echo "$STEWARD_MESSAGE_ID" >> {}; sleep 1; head -c 70000 /dev/zero | tr "\\0" x'


@pytest.fixture
async def world(tmp_path: Path, disk: Disk) -> AsyncIterator[PowerFleet]:
    async with power_fleet(tmp_path, disk) as here:
        await here.start("central")
        yield here


async def running(world: PowerFleet, ship: Machine) -> str:
    """A command that runs for a second; its id."""
    message = world.shell("ship1", SCRIPT.format(world.ledger), timeout=1)
    [id] = await world.submit(message)
    while not world.ran():
        await asyncio.sleep(0.02)
    return id


async def has_ended(ship: Machine) -> None:
    """The exit record is there, and the runner, which does one thing at a time, done with it."""
    async with asyncio.timeout(20):
        while not list(ship.folder.glob("runs/*/exit")):
            await asyncio.sleep(0.02)
    assert await asyncio.to_thread(asked, ship.folder) == []


def asked(folder: Path) -> Any:
    """What the runner of the folder says that it runs."""
    here = os.open(folder, os.O_RDONLY)
    try:
        with socket.socket(socket.AF_UNIX) as sock, sock.makefile("rwb") as file:
            sock.settimeout(10)
            sock.connect(f"/proc/self/fd/{here}/runner.sock")
            file.write(b'{"op": "list"}\n')
            file.flush()
            return json.loads(file.readline())["running"]
    finally:
        os.close(here)


async def after_a_cut(world: PowerFleet, ship: Machine, id: str) -> dict[str, Any]:
    await ship.power_off()
    ship.disk.restore(HARSH)
    await ship.start()
    [message] = await world.ends([id])
    assert world.ran() == [id]
    found: dict[str, Any] = message
    return found


async def test_an_end_without_a_daemon_is_durable_at_once(world: PowerFleet) -> None:
    ship = await world.machine("ship1")
    id = await running(world, ship)
    ship.signal_daemon(signal.SIGKILL)
    await has_ended(ship)
    message = await after_a_cut(world, ship, id)
    assert (message["state"], message["result"]["stdoutSize"]) == ("succeeded", 70_000)


async def test_an_end_that_a_daemon_was_told_is_durable_once_that_one_is_gone(
    world: PowerFleet,
) -> None:
    ship = await world.machine("ship1")
    id = await running(world, ship)
    ship.signal_daemon(signal.SIGSTOP)
    await has_ended(ship)
    ship.signal_daemon(signal.SIGKILL)
    async with asyncio.timeout(20):
        while ship.sockets_of("runner.py") > 1:  # that on which it listens
            await asyncio.sleep(0.02)
    await has_ended(ship)
    message = await after_a_cut(world, ship, id)
    assert (message["state"], message["result"]["stdoutSize"]) == ("succeeded", 70_000)


async def test_an_end_that_a_daemon_has_not_committed_is_interrupted_and_says_why(
    world: PowerFleet,
) -> None:
    ship = await world.machine("ship1")
    id = await running(world, ship)
    ship.signal_daemon(signal.SIGSTOP)
    await has_ended(ship)
    message = await after_a_cut(world, ship, id)
    assert message["state"] == "interrupted"
    assert message["reason"].endswith("before the command's end was on disk")
