"""Processes that fail: restarted, then terminated, told with what they held, and started again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from node.daemon import Daemon
from node.reception import Reception
from steward.config import Settings
from steward.control.client import ControlClient
from steward.frames import Frame
from steward.publisher import Publisher
from steward.settler import Settler
from steward.subjects import NodeName
from tests.fault.fleet import Fleet
from tests.integration.shell import Shell


@asynccontextmanager
async def inside(world: Fleet, name: str) -> AsyncIterator[Shell]:
    """A node in this very process, so that its parts can be made to fail."""
    folder: Path = world.folder / name
    daemon = Daemon(
        Settings(
            node=NodeName(name),
            state_dir=folder,
            broker_address=world.broker.address,
            prom_host_and_port=None,
            hello_interval=2.0,
        )
    )
    running = asyncio.create_task(daemon.run(), name=f"daemon {name}")
    try:
        async with asyncio.timeout(10):
            await daemon.ready.wait()
        yield Shell(folder)
    finally:
        daemon.stop()
        await running


async def process(shell: Shell, name: str, state: str, seconds: float = 20.0) -> dict[str, Any]:
    """Once it is in that state."""
    async with asyncio.timeout(seconds), ControlClient(shell.state_dir) as client:
        while True:
            for one in (await client.call("processes"))["processes"]:
                if one["name"] == name and one["state"] == state:
                    found: dict[str, Any] = one
                    return found
            await asyncio.sleep(0.05)


async def test_a_subscriber_that_fails_twice_is_restarted_and_the_message_is_taken(
    world: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.start("central")
    honest, failures = Reception.admit, iter(range(2))

    def fails_twice(self: Reception, arrival: Any) -> Any:
        if "ShellCommand" in arrival.subject and next(failures, None) is not None:
            raise RuntimeError("injected")
        return honest(self, arrival)

    monkeypatch.setattr(Reception, "admit", fails_twice)
    async with inside(world, "ship1") as ship:
        await world.sees("ship1", "online")
        ids = await world.submit(*(world.command("ship1", timeout=0.3) for _ in range(3)))
        assert {m["state"] for m in await world.ends(ids)} == {"succeeded"}
        assert world.ran() == ids
        told = await process(ship, "subscriber ShellCommand", "waiting")
        assert (told["restarts"], told["lastError"]) == (2, "RuntimeError: injected")
        error = await world.error_about("injected")
        assert (error["node"], error["code"]) == ("ship1", "process_failed")
        assert ids[0] in error["text"]


async def test_a_subscriber_past_the_limit_is_terminated_and_started_by_the_operator(
    world: Fleet, steward: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.start("central")
    honest = Reception.admit
    is_broken = True

    def fails(self: Reception, arrival: Any) -> Any:
        if is_broken and "ShellCommand" in arrival.subject:
            raise RuntimeError("injected")
        return honest(self, arrival)

    monkeypatch.setattr(Reception, "admit", fails)
    name = "subscriber ShellCommand"
    async with inside(world, "ship1") as ship:
        await world.sees("ship1", "online")
        [id] = await world.submit(world.command("ship1", timeout=0.2))
        await process(ship, name, "terminated")
        error = await world.error_about("process_terminated")
        assert error["node"] == "ship1"
        assert name in error["text"]
        assert id in error["text"]
        assert f"--start '{name}'" in error["hint"]
        log = ("--method", "TextLogging", "--kind", "EventACK", "--", "x\n")
        assert (await steward("send", "ship1", *log)).status == 0, "the others go on"
        is_broken = False
        listed = (await steward("processes", "ship1")).out.decode()
        assert "terminated" in listed
        assert (await steward("processes", "ship1", "--start", name)).status == 0
        [message] = await world.ends([id])
        assert message["state"] == "succeeded"
        assert world.ran() == [id]


async def test_a_publisher_that_fails_is_terminated_and_its_messages_wait_for_it(
    world: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.start("ship1")
    honest = Publisher._send
    is_broken = True

    async def fails(self: Publisher, frame: Frame) -> None:
        if is_broken and frame.subject == "ship1.CommandACK.ShellCommand" and frame.messages:
            raise RuntimeError("injected")
        await honest(self, frame)

    monkeypatch.setattr(Publisher, "_send", fails)
    async with inside(world, "central") as central:
        ids = await world.submit(*(world.command("ship1", timeout=0.2) for _ in range(3)))
        name = "publisher ship1.CommandACK.ShellCommand"
        told = await process(central, name, "terminated")
        assert told["queue"] == 3
        error = await world.error_about("process_terminated")
        assert (error["node"], ids[0] in error["text"]) == ("central", True)
        elsewhere = await world.submit(world.command("central"))
        await world.ends(elsewhere)
        is_broken = False
        assert (await central("processes", "--start", name)).status == 0
        assert {m["state"] for m in await world.ends(ids)} == {"succeeded"}
        assert world.ran()[1:] == ids


async def test_the_settler_is_supervised_like_all(
    world: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.start("ship1")
    honest, failures = Settler._judge, iter(range(2))

    def fails(self: Settler, *args: Any) -> Any:
        if next(failures, None) is not None:
            raise RuntimeError("injected")
        return honest(self, *args)

    monkeypatch.setattr(Settler, "_judge", fails)
    async with inside(world, "central") as central:
        # One lane: its receipts come one by one, so that each failure is one of its own.
        await world.ends(await world.submit(world.command("ship1", timeout=0.3)))
        told = await process(central, "settler", "waiting")
        assert told["restarts"] == 2


async def test_publishers_come_when_needed_and_go_when_idle(
    world: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("steward.publisher.LINGER", 0.5)
    await world.start("ship1")
    event = {
        "toNode": "ship1", "data": ["x\n"], "commandOrEvent": "EventACK", "method": "TextLogging",
    }  # fmt: skip
    name = "publisher ship1.EventACK.TextLogging"
    async with inside(world, "central") as central:
        for _ in range(2):
            await world.ends(await world.submit(event))
            async with asyncio.timeout(10):
                while name in (await central("processes", "-o", "ids")).out.decode():
                    await asyncio.sleep(0.1)
