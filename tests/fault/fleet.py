"""Real nodes as real processes, and what the fault tests ask of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from node.broker import Broker
from node.fleet import end_commands
from node.world import NodeProcess, World

Json = dict[str, Any]


class Fleet(World):
    """A world whose nodes are started one by one, and a ledger that commands append to."""

    def __init__(self, folder: Path, broker: Broker, stack: AsyncExitStack) -> None:
        super().__init__(folder, broker)
        self.ledger = folder / "ledger"
        self._stack = stack

    async def start(self, name: str, *flags: str, broker: str = "") -> NodeProcess:
        process = self.node(name, *flags, broker=broker)
        self._stack.push_async_callback(process.stop)
        await process.start()
        return process

    def command(self, to: str, *, before: str = "", after: str = "", **more: Any) -> Json:
        """A command that appends its own id to the ledger: what ran is what is written there."""
        script = f'{before}echo "$STEWARD_MESSAGE_ID" >> {self.ledger}{after}'
        return self.shell(to, script, **more)

    def shell(self, to: str, script: str, **more: Any) -> Json:
        return {
            "toNode": to, "data": ["sh", "-c", script],
            "commandOrEvent": "CommandACK", "method": "ShellCommand", **more,
        }  # fmt: skip

    async def submit(self, *messages: Json) -> list[str]:
        """All have to be accepted; their ids."""
        answer = await self.ask("submit", messages=list(messages))
        assert answer["refused"] == []
        return [accepted["id"] for accepted in answer["accepted"]]

    async def show(self, id: str) -> Json:
        found: Json = await self.ask("message", id=id)
        return found

    async def states(self, ids: Iterable[str]) -> list[str]:
        return [(await self.show(id))["state"] for id in ids]

    async def ends(self, ids: Sequence[str], seconds: float = 30.0) -> list[Json]:
        """The messages, once all have a proved end."""
        open_ids = set(ids)
        done: dict[str, Json] = {}
        until = time.monotonic() + seconds
        while open_ids:
            left = until - time.monotonic()
            assert left > 0, f"no end in {seconds} s: {await self.states(sorted(open_ids)[:5])}"
            answer = await self.ask("wait", ids=sorted(open_ids), timeout=min(left, 5.0))
            proved = {m["id"]: m for m in answer["done"] if m["confirmed"]}
            done |= proved
            open_ids -= proved.keys()
            if answer["done"] and not proved:
                await asyncio.sleep(0.05)
        return [done[id] for id in ids]

    async def reaches(self, id: str, *states: str, seconds: float = 20.0) -> Json:
        """The message, once it is in one of the states."""
        until = time.monotonic() + seconds
        while (message := await self.show(id))["state"] not in states:
            assert time.monotonic() < until, f"{message['state']}, not {states}"
            await asyncio.sleep(0.02)
        return message

    async def sees(self, node: str, *states: str, seconds: float = 20.0) -> None:
        """Until central's roster says so."""
        until = time.monotonic() + seconds
        while True:
            known = {n["name"]: n["state"] for n in (await self.ask("nodes"))["nodes"]}
            if known.get(node) in states:
                return
            assert time.monotonic() < until, f"{node} is {known.get(node)}, not {states}"
            await asyncio.sleep(0.05)

    async def knows_store(self, node: str, store: str, seconds: float = 20.0) -> None:
        """Until central has adopted this store of the node."""
        until = time.monotonic() + seconds
        while True:
            known = {n["name"]: n["instance"] for n in (await self.ask("nodes"))["nodes"]}
            if known.get(node) == store:
                return
            assert time.monotonic() < until, f"{node} is {known.get(node)}, not {store}"
            await asyncio.sleep(0.05)

    async def error_about(self, word: str, seconds: float = 20.0) -> Json:
        """The first error in central's log that names it."""
        until = time.monotonic() + seconds
        while True:
            for error in (await self.ask("errors"))["errors"]:
                if word in msgspec.json.encode(error).decode():
                    found: Json = error
                    return found
            assert time.monotonic() < until, f"central's error log does not name {word}"
            await asyncio.sleep(0.05)

    def ran(self) -> list[str]:
        """What has run, in order."""
        return self.ledger.read_text().split() if self.ledger.exists() else []


@asynccontextmanager
async def fleet(folder: Path) -> AsyncIterator[Fleet]:
    """A broker and nothing else yet; all that is started is stopped at the end, commands, too."""
    async with AsyncExitStack() as stack:
        stack.callback(end_commands, folder)
        broker = Broker(folder / "broker", port=0)
        await broker.start()
        stack.push_async_callback(broker.stop)
        yield Fleet(folder, broker, stack)
