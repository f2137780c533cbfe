"""A fleet as it is set up for real: keys, TLS, tokens; every program a process of its own."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from node.broker import free_port
from node.world import STEWARD, NodeProcess
from tests.integration.shell import Done, Shell

PERMITS = """\
[[permit]]
from = ["central"]
methods = ["*"]

[[permit]]
from = ["*"]
methods = ["TextLogging", "Ping"]
"""
"""What every node of these tests allows."""


class KeyedFleet:
    """``central`` is the command line beside central; ``beside`` that of any node."""

    def __init__(self, folder: Path, stack: AsyncExitStack) -> None:
        self.folder = folder
        self.port = free_port()
        self.central = self.beside("central")
        self.nodes: dict[str, NodeProcess] = {}
        self._broker: asyncio.subprocess.Process | None = None
        self._stack = stack
        stack.push_async_callback(self.end_broker)

    def beside(self, name: str) -> Shell:
        return Shell(self.folder / name)

    async def begin(self) -> str:
        """Keys, broker and central; central's fingerprint."""
        address = f"tls://localhost:{self.port}"
        made = await self.central("keys", "init", "--broker", address, "-o", "json")
        assert made.status == 0, made.err
        await self.start_broker()
        await self.start("central")
        fingerprint: str = made.json()["fingerprint"]
        return fingerprint

    async def start_broker(self) -> None:
        log = (self.folder / "broker.log").open("ab")
        with log:
            self._broker = await asyncio.create_subprocess_exec(
                *STEWARD, "broker", "--state-dir", str(self.folder / "central"),
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        until = time.monotonic() + 20
        while b"the broker answers" not in (self.folder / "broker.log").read_bytes():
            assert time.monotonic() < until, (self.folder / "broker.log").read_text()
            await asyncio.sleep(0.05)

    async def end_broker(self) -> None:
        if self._broker is not None and self._broker.returncode is None:
            self._broker.terminate()
            await self._broker.wait()
        (self.folder / "broker.log").unlink(missing_ok=True)

    async def start(self, name: str, *flags: str) -> NodeProcess:
        config = self.folder / "permits.toml"
        if not config.exists():
            config.write_text(PERMITS)
        common = ("--prom-host-and-port", "off", "--hello-interval", "1", "--config", str(config))
        process = self.nodes[name] = NodeProcess(name, self.folder / name, (*common, *flags))
        self._stack.push_async_callback(process.stop)
        await process.start()
        return process

    async def token(self, *flags: str) -> bytes:
        done = await self.central("keys", "token", *flags)
        assert done.status == 0, done.err
        return done.out

    async def introduce(self, name: str) -> str:
        """A new machine joins, and waits; its fingerprint."""
        done = await self.beside(name)("keys", "join", "-", "-o", "ids", stdin=await self.token())
        assert done.status == 0, done.err
        await self.start(name)
        await self.waits(name)
        return done.out.decode().strip()

    async def admit(self, name: str) -> str:
        """The same, until it belongs; its fingerprint."""
        fingerprint = await self.introduce(name)
        done = await self.central("nodes", "accept", name, "--fingerprint", fingerprint)
        assert done.status == 0, done.err
        await self.runs_a_command(name)
        return fingerprint

    async def pending(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.central("nodes", "pending", "-o", "json")).json()
        return found

    async def waits(self, name: str) -> dict[str, Any]:
        """What central lists of a node that has introduced itself."""
        until = time.monotonic() + 20
        while True:
            for one in await self.pending():
                if one["name"] == name:
                    return one
            assert time.monotonic() < until, self.log(name)

    async def runs_a_command(self, name: str, *, has_new_store: bool = False) -> Done:
        """``has_new_store``: the first one may tell central so, and be lost with the old one."""
        ask = ("send", name, "--wait", "25", "--", "echo", f"from {name}")
        done = await self.central(*ask)
        if has_new_store and "lost its store" in done.err:
            done = await self.central(*ask)
        assert (done.status, done.out) == (0, f"from {name}\n".encode()), done.err + self.log(name)
        return done

    async def status(self, name: str) -> dict[str, Any]:
        told: dict[str, Any] = (await self.beside(name)("status", "-o", "json")).json()
        return told

    async def keys(self, name: str = "central") -> dict[str, list[dict[str, Any]]]:
        """Whose keys hold, as ``name`` sees it."""
        told = (await self.beside(name)("keys", "show", "-o", "json")).json()
        found: dict[str, list[dict[str, Any]]] = {}
        for key in told["keys"]:
            found.setdefault(key["name"], []).append(key)
        return found

    async def knows_end_of(self, name: str, revoked: str) -> bool:
        """Whether ``name`` has heard that the other one's key holds no more."""
        found = (await self.keys(name)).get(revoked)
        return found is not None and found[0]["state"] == "revoked"

    def log(self, name: str) -> str:
        return (self.folder / name / "log").read_text()[-3000:]


@asynccontextmanager
async def keyed_fleet(folder: Path) -> AsyncIterator[KeyedFleet]:
    """Nothing runs yet; everything that is started is stopped at the end."""
    assert "CREDENTIALS_DIRECTORY" not in os.environ
    async with AsyncExitStack() as stack:
        yield KeyedFleet(folder, stack)
