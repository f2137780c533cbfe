"""A fleet with keys on a broker that lets everybody do everything, and what it is ordered to do."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import msgspec

from node.broker import Broker
from node.daemon import Daemon
from node.error_reports import ErrorReports
from node.fleet import end_commands
from steward.control.client import ControlClient
from steward.message import new_id
from steward.subjects import NodeName
from tests.attack.papers import (
    CENTRAL,
    FLEET,
    SHIP1,
    SHIP2,
    SHIP3,
    Papers,
    acquaint,
    make_papers,
    settings_of,
)

Json = dict[str, Any]
SHIPS: Final = (SHIP1, SHIP2, SHIP3)
PATIENCE: Final = 30.0


class Node:
    """One daemon of the fleet and what it runs in."""

    def __init__(self, daemon: Daemon, task: asyncio.Task[None]) -> None:
        self.daemon = daemon
        self.task = task

    @property
    def store(self) -> str:
        """Its store's id, now."""
        id: str = self.daemon._store.store_id
        return id

    @property
    def start(self) -> str:
        return self.daemon._store.start

    def is_idle(self) -> bool:
        """Whether it has looked at all that has come."""
        site = self.daemon._site
        if not site._bus.incoming.empty():
            return False
        works = ("subscriber", "dispatcher", "settler")
        return all(
            not p["queue"] and p["state"] == "waiting"
            for p in site.processes()
            if p["role"] in works
        )

    def ills(self) -> list[str]:
        """Processes that have failed, and messages that it had no room for."""
        processes = self.daemon._site.processes()
        ills = [f"{p['name']}: {p['lastError']}" for p in processes if p["restarts"]]
        dropped = self.daemon._site.dropped()
        return [*ills, f"{dropped} dropped"] if dropped else ills


class Harbour:
    """The fleet. ``ordered``: ids of commands that central was asked for by its own user, each of
    which writes itself into the ledger once. ``reports``: (node, code) of what daemons complained
    about."""

    def __init__(self, folder: Path, papers: Papers, broker: Broker) -> None:
        self.folder = folder
        self.papers = papers
        self.broker = broker
        self.ledger = folder / "ledger"
        self.ordered: list[str] = []
        self.started: dict[NodeName, Node] = {}
        self.reports: Counter[tuple[str, str]] = Counter()
        self.patience = PATIENCE
        """Seconds for true work."""
        self.lives: set[tuple[NodeName, str, str]] = set()
        """Name, store and start of every daemon that there was."""

    # ---------------------------------------------------------------- nodes

    async def start(self, name: NodeName, *, restored: bool = False) -> None:
        """``restored``: its user says that its store is an older copy."""
        counted = _counting(self.reports, name)
        settings = settings_of(name, self.folder, self.broker.address)
        daemon = Daemon(msgspec.structs.replace(settings, restored=restored))
        with patch("node.daemon.ErrorReports", counted):
            task = asyncio.create_task(daemon.run(), name=f"{name} runs")
            ready = asyncio.create_task(daemon.ready.wait(), name=f"{name} starts")
            await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
        if not daemon.ready.is_set():
            ready.cancel()
            await task
        node = self.started[name] = Node(daemon, task)
        self.lives.add((name, node.store, node.start))

        async def is_linked() -> bool:
            return node.daemon._site._bus.may_ask

        await until(is_linked, f"{name} hears the broker")

    async def stop(self, name: NodeName) -> None:
        node = self.started.pop(name)
        node.daemon.stop()
        await node.task

    async def restart(self, name: NodeName) -> None:
        await self.stop(name)
        await self.start(name)
        await self.agree()

    async def wipe(self, name: NodeName) -> None:
        """Its store is lost, and central gets to know it again."""
        await self.lose_store(name)
        # What is bound to the lost store has an end that nobody knows.
        await self.submit(self.command(name, ttl=5))
        await self.agree()

    async def lose_store(self, name: NodeName) -> None:
        """As after damage; its keys are there."""
        await self.stop(name)
        for file in (self.folder / name).glob("steward.db*"):
            file.unlink()
        await self.start(name)

    async def agree(self) -> None:
        """Until central and the ships know each other as they are now."""

        async def known() -> bool:
            found = {n["name"]: n for n in (await self.ask("nodes"))["nodes"]}
            return all(
                found.get(name, {}).get("instance") == node.store
                and found[name]["state"] == "online"
                for name, node in self.started.items()
                if name != CENTRAL
            )

        await until(known, "central knows every ship as it is")
        await self.work(list(self.started.keys() - {CENTRAL}))

    async def idle(self) -> None:
        """Until everything that was sent has been looked at."""
        calm = 0

        async def is_calm() -> bool:
            nonlocal calm
            calm = calm + 1 if all(node.is_idle() for node in self.started.values()) else 0
            return calm > 3

        await until(is_calm, "every node has looked at what came")

    def ills(self) -> list[str]:
        return [f"{name}: {ill}" for name, node in self.started.items() for ill in node.ills()]

    # ---------------------------------------------------------------- orders

    async def ask(self, method: str, /, **params: object) -> Any:
        async with ControlClient(self.folder / CENTRAL) as client:
            return await client.call(method, **params)

    def command(self, to: NodeName, **more: Any) -> Json:
        """A true order. Its id is its line in the ledger."""
        id = str(new_id())
        self.ordered.append(id)
        script = f'echo "$STEWARD_MESSAGE_ID" >> {self.ledger}'
        return {
            "id": id, "toNode": to, "data": ["sh", "-c", script], "method": "ShellCommand",
            "commandOrEvent": "CommandACK", "parallel": True, **more,
        }  # fmt: skip

    async def submit(self, *messages: Json) -> list[str]:
        answer = await self.ask("submit", messages=list(messages))
        assert answer["refused"] == []
        return [accepted["id"] for accepted in answer["accepted"]]

    async def states(self, ids: Sequence[str]) -> list[str]:
        return [(await self.ask("message", id=id))["state"] for id in ids]

    async def reach(self, ids: Sequence[str], state: str) -> None:
        """Until all of these messages of central's are in this state."""

        async def there() -> bool:
            return set(await self.states(ids)) <= {state}

        await until(there, f"{ids} are {state}", self.patience)

    async def work(self, ships: Sequence[NodeName] = SHIPS) -> list[str]:
        """One true command to each succeeds."""
        ids = await self.submit(*(self.command(ship) for ship in ships))
        await self.reach(ids, "succeeded")
        return ids

    def ran(self) -> list[str]:
        """The ledger's lines."""
        return self.ledger.read_text().splitlines() if self.ledger.exists() else []

    def strange_lines(self) -> list[str]:
        """Those that no true order explains, and repetitions."""
        ran, ordered = Counter(self.ran()), set(self.ordered)
        return sorted(f"{line} x {n}" for line, n in ran.items() if line not in ordered or n > 1)


def _counting(reports: Counter[tuple[str, str]], name: str) -> type[ErrorReports]:
    class Counting(ErrorReports):
        def __call__(self, code: str, *args: Any, **more: Any) -> None:
            reports[name, code] += 1
            super().__call__(code, *args, **more)

    return Counting


async def until(condition: Any, what: str, seconds: float = PATIENCE) -> None:
    """Wait for an awaitable condition. Raises TimeoutError, which says for what."""
    end = time.monotonic() + seconds
    while not await condition():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds:.0f} s: {what}")
        await asyncio.sleep(0.01)


@asynccontextmanager
async def harbour(folder: Path) -> AsyncIterator[Harbour]:
    """All of it running and at work; stopped at the end with its commands, whatever happened."""
    async with AsyncExitStack() as stack:
        stack.callback(end_commands, folder)
        broker = Broker(folder / "broker", port=0)
        await broker.start()
        stack.push_async_callback(broker.stop)
        papers = make_papers(folder)
        here = Harbour(folder, papers, broker)
        for name in FLEET:
            await acquaint(papers, name, folder / name)
        stack.push_async_callback(_stop_all, here)
        for name in FLEET:
            await here.start(name)
        await here.agree()
        yield here


async def _stop_all(here: Harbour) -> None:
    for name in reversed(list(here.started)):
        await here.stop(name)
