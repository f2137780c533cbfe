"""Target ``wire``: frames, receipts, notices and anything else on every subject of two real
daemons; the broker alone is replaced, by a function call."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

from tests.fuzz.air import Air, is_unreadable
from tests.fuzz.house import PATIENCE, House, house, on_air
from tests.fuzz.inputs import Finding, Input
from tests.fuzz.letters import GHOSTS, Wire
from tests.fuzz.watch import Watch, watching

BYSTANDER = "harbour"
"""A node that never answers, and whom no garbage names: what waits for it stays as it is."""


class OnTheWire:
    """``where`` is the subject."""

    name = "wire"
    share = 0.4
    batch = 500
    lifetime = 25_000

    def __init__(self) -> None:
        self._wire = Wire()

    def make(self, rng: Random) -> Input:
        return self._wire.make(rng)

    @asynccontextmanager
    async def world(self, folder: Path) -> AsyncIterator[_Town]:
        refused: Counter[str] = Counter()
        with watching() as watch:
            async with on_air(refused) as air:
                async with (
                    house(folder, "central", watch) as central,
                    house(folder, "ship1", watch) as ship,
                ):
                    town = _Town(air, watch, refused, central, ship)
                    await town.begin()
                    yield town
                    await town.end()
                # What was stored must not keep anybody from starting again.
                async with (
                    house(folder, "central", watch) as central,
                    house(folder, "ship1", watch) as ship,
                ):
                    town.central, town.ship = central, ship
                    await town.take([])
                    await town.end()


class _Town:
    def __init__(
        self, air: Air, watch: Watch, refused: Counter[str], central: House, ship: House
    ) -> None:
        self.central, self.ship = central, ship
        self._air, self._watch, self._refused = air, watch, refused
        self._bystanders: list[str] = []
        self._marks = 0
        self._rows: dict[str, float] = {}

    async def begin(self) -> None:
        told = await self.central.ask(
            "submit", messages=[_event(BYSTANDER, "x"), _command(BYSTANDER), _event(BYSTANDER, "y")]
        )
        self._bystanders = [m["id"] for m in told["accepted"]]

    def figures(self) -> dict[str, float]:
        return {**self._rows, "answers": self._air.answers}

    async def take(self, batch: Sequence[Input]) -> None:
        """Canaries go out first, both ways, so that the garbage comes between their steps."""
        mark = f"{self._marks:06}\n"
        self._marks += 1
        era = f"{self._marks}_"
        self._air.asked.clear()
        down = await self._submit(self.central, _event("ship1", mark))
        up = await self._submit(self.ship, _event("central", mark))
        if self._marks % 20 == 1:
            down += await self._submit(self.central, _command("ship1"))
        before, expected = sum(self._refused.values()), 0
        for n, one in enumerate(batch):
            if n % 100 == 0:
                await self._flirt(era)
            to = self.ship if ".ship1." in f".{one.where}." else self.central
            said = await self._air.publish(to.store_id, era, one.where, one.payload, one.reply)
            expected += is_unreadable(one.where, said)
        for end in (self.central, self.ship):
            await end.rests()
        await self.central.succeed(down)
        await self.ship.succeed(up)
        self._watch.check()
        told = sum(self._refused.values()) - before
        if told != expected:
            raise Finding(f"{expected} letters could not be read, {told} were refused")

    async def _submit(self, at: House, *messages: dict[str, Any]) -> list[str]:
        told = await at.ask("submit", messages=list(messages))
        if told["refused"]:
            raise Finding(f"a valid message is refused: {told['refused']}")
        return [m["id"] for m in told["accepted"]]

    async def _flirt(self, era: str) -> None:
        """Both nodes send something to strangers: what receipts and results will be about."""
        ghosts = [name.replace("ghost", f"ghost{era}") for name in GHOSTS]
        messages = [_event(ghost, "x") for ghost in ghosts] + [_command(g) for g in ghosts[::2]]
        for end in (self.central, self.ship):
            await self._submit(end, *messages)
            async with asyncio.timeout(PATIENCE):
                while not await self._air.greet(end.daemon.settings.node):
                    await asyncio.sleep(0.002)

    async def end(self) -> None:
        """Raises Finding unless every canary was handled once, in order, and nobody else's message
        is another than it was."""
        for id in self._bystanders:
            shown = await self.central.ask("message", id=id)
            if shown["state"] not in ("queued", "sent") or shown["reason"]:
                raise Finding(f"a bystander's message has changed: {shown}")
        expected = "".join(f"{n:06}\n" for n in range(self._marks))
        for at, sender in ((self.ship, "central"), (self.central, "ship1")):
            log = (at.folder / "textlogging" / f"{sender}.log").read_text()
            if log != expected:
                raise Finding(f"{sender}'s canaries: {log[-200:]!r}, {self._marks} were sent")
            await at.is_whole()
            for name, count in (await at.rows()).items():
                self._rows[name] = max(count, self._rows.get(name, 0))


def _event(to: str, text: str) -> dict[str, Any]:
    return {"toNode": to, "data": [text], "commandOrEvent": "EventACK", "method": "TextLogging"}


def _command(to: str) -> dict[str, Any]:
    return {
        "toNode": to, "data": ["true"], "commandOrEvent": "CommandACK", "method": "ShellCommand",
        "timeout": 1,
    }  # fmt: skip
