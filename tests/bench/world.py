"""Real nodes for a measurement, fresh each time, and what is asked of central meanwhile."""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from node.broker import Broker, free_port
from node.world import STEWARD, NodeProcess, World
from steward.control.client import ControlClient
from steward.errors import StewardError

Json = dict[str, Any]
OPEN = ["queued", "sent", "delivered", "running"]
PATIENCE = 300.0
"""Seconds after which a measurement that does not end is given up."""


class Bench(World):
    """``client`` is one connection to central's control socket, kept open; ``metrics`` where each
    daemon serves its own."""

    client: ControlClient

    def __init__(self, folder: Path, broker: Broker) -> None:
        super().__init__(folder, broker)
        self.metrics: dict[str, str] = {}

    async def connect(self) -> None:
        """To central's control socket, anew if there was a connection."""
        await self.disconnect()
        self.client = await ControlClient(self.folder / "central").__aenter__()

    async def disconnect(self) -> None:
        if hasattr(self, "client"):
            await self.client.__aexit__()

    async def start(self, name: str, *flags: str) -> NodeProcess:
        """With everything that a node has by default, its metrics too."""
        while True:
            self.metrics[name] = metrics = f"127.0.0.1:{free_port()}"
            every = ("--hello-interval", "15", "--prom-host-and-port", metrics)
            process = self.node(name, *every, *flags)
            try:
                await process.start()
                return process
            except StewardError as error:
                if f"{metrics} is taken" not in error.hint:  # by another world, just now
                    raise

    async def submit(self, messages: Sequence[Json]) -> list[str]:
        """The ids; all have to be accepted."""
        answer = await self.client.call("submit", messages=messages)
        if answer["refused"]:
            raise AssertionError(answer["refused"][0])
        return [accepted["id"] for accepted in answer["accepted"]]

    async def ends(self, ids: Sequence[str]) -> list[Json]:
        """The messages, once each has a proved end."""
        waiting, done = dict.fromkeys(ids), {}
        async with asyncio.timeout(PATIENCE):
            while waiting:
                answer = await self.client.call("wait", ids=list(waiting), timeout=60)
                for message in answer["done"]:
                    done[message["id"]] = message
                    waiting.pop(message["id"], None)
        return [done[id] for id in ids]

    async def settled(self, method: str) -> None:
        """Until no message of the method is open."""
        query = {"state": OPEN, "method": [method], "limit": 1}
        async with asyncio.timeout(PATIENCE):
            while (await self.client.call("messages", **query))["total"]:
                await asyncio.sleep(0.02)

    async def succeeded(self, method: str) -> int:
        query = {"state": ["succeeded"], "method": [method], "limit": 1}
        return int((await self.client.call("messages", **query))["total"])

    async def greeted(self, names: Sequence[str]) -> None:
        """Until central has heard all of them."""
        async with asyncio.timeout(PATIENCE):
            while True:
                nodes = (await self.client.call("nodes"))["nodes"]
                if set(names) <= {n["name"] for n in nodes if n["state"] == "online"}:
                    return
                await asyncio.sleep(0.05)


def command(to: str, **more: Any) -> Json:
    return {
        "toNode": to, "data": ["true"], "commandOrEvent": "CommandACK", "method": "ShellCommand",
        **more,
    }  # fmt: skip


def event(to: str, number: int) -> Json:
    line = f"{number:08d} a line as a node would log it, about sixty bytes long\n"
    return {
        "toNode": to, "data": [line], "commandOrEvent": "EventACK", "method": "TextLogging"
    }  # fmt: skip


@asynccontextmanager
async def bench(
    folder: Path, ships: Sequence[str] = ("ship1",), program: Sequence[str] = STEWARD
) -> AsyncIterator[Bench]:
    """A broker, central and ships; gone with their folder at the end."""
    async with AsyncExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        broker = await stack.enter_async_context(Broker(folder / "broker", port=0))
        here = Bench(folder, broker)
        here.program = program
        for name in ("central", *ships):
            process = await here.start(name)
            stack.push_async_callback(process.stop)
        stack.push_async_callback(here.disconnect)
        await here.connect()
        await here.greeted(ships)
        yield here


@asynccontextmanager
async def hosted(here: Bench, names: Sequence[str], processes: int) -> AsyncIterator[None]:
    """More nodes, in a few processes that each hold many of them."""
    running = []
    try:
        for i in range(processes):
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.bench.hosts"),
                *(here.broker.address, str(here.folder), *names[i::processes]),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
            running.append(process)
        for process in running:
            assert process.stdout is not None
            await process.stdout.readline()
        await here.greeted(names)
        yield
    finally:
        for process in running:
            assert process.stdin is not None
            process.stdin.close()
            await process.wait()


class Watch:
    """A stop watch, in seconds."""

    def __init__(self) -> None:
        self._began = time.perf_counter()

    def __call__(self) -> float:
        return time.perf_counter() - self._began
