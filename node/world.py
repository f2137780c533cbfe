"""A whole small world on this machine: a broker, central, and ships, each a process of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from node.broker import Broker
from steward.control.client import ControlClient
from steward.errors import NoDaemon, StewardError

START_WITHIN = 20.0
STEWARD = (sys.executable, "-m", "steward.cli")


def environment() -> dict[str, str]:
    """This process's, without what would set up a node of the user's own, or give it keys."""
    ours = ("STEWARD_", "CREDENTIALS_DIRECTORY")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


class NodeProcess:
    """``steward node`` as a child process, its log in ``<folder>/log``."""

    def __init__(
        self, name: str, folder: Path, flags: Sequence[str], program: Sequence[str] = STEWARD
    ) -> None:
        self.name = name
        self.folder = folder
        self._flags = flags
        self._program = program
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, within: float = START_WITHIN) -> None:
        """Returns once its control socket answers. Raises StewardError with the log's end if that
        takes longer than ``within``, in seconds."""
        self.folder.mkdir(parents=True, exist_ok=True)
        arguments = ["node", "--node", self.name, "--state-dir", str(self.folder), *self._flags]
        with (self.folder / "log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._program, *arguments,
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, env=environment(),
            )  # fmt: skip
        await self._answers(within)

    async def _answers(self, within: float) -> None:
        assert self._process is not None
        try:
            async with asyncio.timeout(within):
                while self._process.returncode is None:
                    try:
                        async with ControlClient(self.folder) as client:
                            await client.call("status")
                            return
                    except NoDaemon:
                        await asyncio.sleep(0.05)
        except TimeoutError:
            pass
        log = (self.folder / "log").read_text(errors="replace")[-2000:]
        raise StewardError(f"{self.name} did not start", f"its log ends with:\n{log}")

    async def kill(self) -> None:
        """Like a power switch: ``kill -9``."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        """As a service manager stops it."""
        await self._end(signal.SIGTERM)

    @property
    def status(self) -> int | None:
        """Its exit status, if it has ended although nobody here ended it."""
        return None if self._process is None else self._process.returncode

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self._process is not None
        return self._process.pid

    async def _end(self, number: int) -> None:
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        os.kill(process.pid, number)
        try:
            async with asyncio.timeout(15):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


class World:
    """A broker, central and ships in one folder. ``ask`` goes to central's control socket;
    ``program``: what a node is started with."""

    program: Sequence[str] = STEWARD

    def __init__(self, folder: Path, broker: Broker) -> None:
        self.folder = folder
        self.broker = broker
        self.nodes: dict[str, NodeProcess] = {}

    def node(self, name: str, *flags: str, broker: str = "") -> NodeProcess:
        """A node of this world, not started yet. ``broker``: another way to reach it."""
        address = broker or self.broker.address
        common = ("--broker-address", address, "--prom-host-and-port", "off")
        every = (*common, "--hello-interval", "2", *flags)
        process = NodeProcess(name, self.folder / name, every, self.program)
        self.nodes[name] = process
        return process

    async def ask(self, method: str, /, **params: object) -> Any:
        async with ControlClient(self.folder / "central") as client:
            return await client.call(method, **params)


@asynccontextmanager
async def world(folder: Path, ships: Sequence[str]) -> AsyncIterator[World]:
    """All of it running; everything is stopped at the end, whatever happened."""
    async with AsyncExitStack() as stack:
        broker = Broker(folder / "broker", port=0)
        await broker.start()
        stack.push_async_callback(broker.stop)
        here = World(folder, broker)
        for name in ("central", *ships):
            labels = () if name == "central" else ("--label", "kind=ship")
            stack.push_async_callback(here.node(name, *labels).stop)
        async with asyncio.TaskGroup() as group:
            for process in here.nodes.values():
                group.create_task(process.start())
        yield here
