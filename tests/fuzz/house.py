"""Real daemons in this process, and what must hold of each after whatever was said to it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import node.membership
from node.daemon import Daemon
from node.site import NodeSite
from steward.config import Permit, Settings
from steward.config.settings import Limits
from steward.control.client import ControlClient
from steward.errors import FrameError
from steward.mailbox import Incoming
from steward.store import Tables
from steward.subjects import NodeName
from tests.fuzz.air import Air, is_unreadable
from tests.fuzz.inputs import Finding
from tests.fuzz.watch import Watch

PATIENCE = 30.0
"""Seconds until what is valid has to be through."""

PERMITS = (
    Permit(frm=("central", "ship1"), methods=("*",)),
    Permit(
        frm=("*",),
        methods=(
            "TextLogging", "SayHello", "ErrorLog", "Ping", "ListProcesses", "ReadRun",
            "WatchOutput",
        ),
    ),
)  # fmt: skip
"""Whatever is left of a command after mutation: no stranger's is run on this machine."""
GROWING = ("in_stream", "queue", "command", "orphan", "roster", "peer", "lane", "message", "error")


class House:
    """One daemon."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon
        self.folder = daemon.settings.state_dir
        self.not_taken = 0
        """Letters that were refused as such."""

    @property
    def store_id(self) -> str:
        return self.daemon._store.store_id

    async def ask(self, method: str, /, **params: object) -> Any:
        async with ControlClient(self.folder) as client:
            return await client.call(method, **params)

    def check(self) -> None:
        """Raises Finding if a process of it has failed."""
        for process in self.daemon._site.processes():
            if process["restarts"]:
                raise Finding(f"{process['name']} failed: {process['lastError']}")

    def is_idle(self) -> bool:
        bus = self.daemon._site._bus
        roles = ("subscriber", "dispatcher", "settler")
        return bus.incoming.empty() and bus.replies.empty() and all(
            p["state"] == "waiting" and not p["queue"]
            for p in self.daemon._site.processes()
            if p["role"] in roles
        )  # fmt: skip

    async def rests(self) -> None:
        """Until nothing that came waits any more. Raises Finding."""
        until, quiet = time.monotonic() + PATIENCE, 0
        while quiet < 3:
            self.check()
            quiet = quiet + 1 if self.is_idle() else 0
            if time.monotonic() > until:
                raise Finding(f"{self.daemon.settings.node} does not come to rest")
            await asyncio.sleep(0.001)

    async def succeed(self, ids: list[str]) -> None:
        """Until all of these messages have. Raises Finding."""
        until, left = time.monotonic() + PATIENCE, set(ids)
        while left:
            done = (await self.ask("wait", ids=sorted(left), timeout=5.0))["done"]
            wrong = [m for m in done if m["state"] != "succeeded"]
            if wrong or time.monotonic() > until:
                self.check()
                stuck = wrong or [await self.ask("message", id=id) for id in sorted(left)[:1]]
                raise Finding(f"a valid message did not succeed: {stuck[0]}")
            left -= {m["id"] for m in done}

    async def rows(self) -> dict[str, float]:
        """How many there are of what strangers can add to."""

        def count(tables: Tables) -> dict[str, float]:
            con = tables.outbox.con
            return {
                name: con.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in GROWING
            }

        return await self.daemon._store.read(count)

    async def is_whole(self) -> None:
        """The database is. Raises Finding."""

        def look(tables: Tables) -> Any:
            return tables.outbox.con.execute("PRAGMA integrity_check").fetchall()

        if (told := await self.daemon._store.read(look)) != [("ok",)]:
            raise Finding(f"the database: {told}")


@asynccontextmanager
async def house(folder: Path, name: str, watch: Watch, **more: Any) -> AsyncIterator[House]:
    """A daemon, on the bus that ``node.membership.Bus`` makes. Raises Finding if it ends."""
    settings = Settings(
        node=NodeName(name), state_dir=folder / name, prom_host_and_port=None, hello_interval=60.0,
        central_error_logger=name == "central", permits=PERMITS,
        limits=more.pop("limits", Limits(ballast_bytes=0, free_bytes=0)), **more,
    )  # fmt: skip
    daemon = Daemon(settings, runner_rests=1.0)
    running = asyncio.create_task(daemon.run(), name=f"daemon {name}")
    ready = asyncio.create_task(daemon.ready.wait(), name=f"daemon {name} is ready")
    try:
        await asyncio.wait({running, ready}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            raise Finding(f"{name} does not start: {running.exception()!r}")
        yield House(daemon)
        if running.done():
            raise Finding(f"{name} has ended: {running.exception()!r}")
    finally:
        ready.cancel()
        daemon.stop()
        await asyncio.wait({running}, timeout=PATIENCE)
    if not running.done():
        raise Finding(f"{name} does not stop")
    if running.exception() is not None:
        raise Finding(f"{name} ended with {running.exception()!r}")
    watch.check()


@asynccontextmanager
async def on_air(refused: Counter[str]) -> AsyncIterator[Air]:
    """Daemons that are made meanwhile use it; ``refused`` counts letters not taken, by node."""
    air, real = Air(), NodeSite.not_taken

    def not_taken(site: NodeSite, arrived: Incoming, error: FrameError) -> None:
        refused[site.name] += is_unreadable(arrived.subject, arrived.payload)
        real(site, arrived, error)

    with (
        mock.patch.object(node.membership, "Bus", air.bus),
        mock.patch.object(NodeSite, "not_taken", not_taken),
    ):
        yield air
