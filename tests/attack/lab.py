"""The fleet, somebody on its broker, and messages that only wait, for somebody to meddle with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

import msgspec

from steward.control.client import ControlClient
from steward.errors import NoDaemon
from steward.frames import Notice
from steward.subjects import NodeName, output
from tests.attack.facts import Facts, changed, facts
from tests.attack.harbour import SHIPS, Harbour, harbour, until
from tests.attack.intruder import FORGED, Captured, Intruder
from tests.attack.papers import CENTRAL, SHIP1

NOWHERE: Final = NodeName("ship8")
"""Nobody has this name; something waits for it."""
SECRET: Final = "what-ship1-wrote"
"""In the output of a command that central watches."""
COMPLAINTS: Final = ("bad_signature", "bad_frame", "not_permitted", "trust_conflict", "alarm")


@dataclass
class Lab:
    """``running``: a command that runs on ship1, ``waiting``: one behind another that runs;
    ``queued``: one for a ship that isn't there. ``effects``: what should not have happened."""

    here: Harbour
    intruder: Intruder
    random: Random
    running: str = ""
    ahead: str = ""
    waiting: str = ""
    queued: str = ""
    effects: list[str] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    """What was told of the output of ``running`` to whoever follows it at central."""

    @property
    def witnesses(self) -> list[str]:
        return [self.running, self.ahead, self.waiting, self.queued]

    async def prepare(self) -> None:
        """The true messages that wait through everything."""
        here = self.here
        long = {"toNode": SHIP1, "method": "ShellCommand", "commandOrEvent": "CommandACK"}
        script = f"echo {SECRET}; exec sleep 1000"
        watched = {**long, "data": ["sh", "-c", script], "parallel": True}
        [self.running] = await here.submit(watched)
        [self.ahead] = await here.submit({**long, "data": ["sleep", "1000"]})
        [self.waiting] = await here.submit({**here.command(SHIP1), "parallel": False})
        [self.queued] = await here.submit(here.command(NOWHERE))
        await here.reach([self.running, self.ahead], "running")
        await here.reach([self.waiting], "delivered")
        here.ordered.remove(self.waiting)
        await here.submit(_event(CENTRAL, SHIP1), *(_once(here, ship) for ship in SHIPS))

    @property
    def watched(self) -> list[str]:
        """Subjects where central hears of this output."""
        said = (s for _, s in self.intruder.letters(Notice) if s.subject.endswith("WatchOutput"))
        tokens = [msgspec.json.decode(s.body)["data"][1] for s in said if s.frm == CENTRAL]
        return [output(CENTRAL, token) for token in tokens]

    async def follow(self) -> None:
        """As the console does; until central goes."""
        async with ControlClient(self.here.folder / CENTRAL) as client:
            await client.call("follow", id=self.running)
            with suppress(NoDaemon):
                async for told in client.notifications():
                    self.shown.append(str(told.params))

    async def release(self) -> None:
        """End what waits, by whom it belongs to."""
        self.here.ordered.append(self.waiting)
        await self.here.ask("cancel", ids=self.witnesses)

    def complaints(self) -> int:
        """How often daemons have complained so far."""
        return sum(n for (_, code), n in self.here.reports.items() if code in COMPLAINTS)

    async def facts(self) -> Facts:
        await self.intruder.pause()
        found = await facts(self.here, self.witnesses)
        return found | {"shown": [told for told in self.shown if FORGED in told]}

    async def judge(self, what: str, before: Facts, spare: NodeName | None) -> list[str]:
        """What took effect since then; and whether true work still goes on. ``spare``: of this
        name things may have changed: they are its own."""
        after = await self.facts()
        found = changed(_without(before, spare), _without(after, spare))
        found += _told_to_others(self.intruder.seen)
        try:
            await self.here.work([ship for ship in SHIPS if ship != spare])
        except TimeoutError as error:
            found.append(f"the fleet does not work: {error}")
        self.effects += [f"{what}: {one}" for one in found]
        return found


def _without(found: Facts, name: NodeName | None) -> Facts:
    def mine(row: object) -> bool:
        return isinstance(row, str) and row.startswith(f'["{name}')

    return {
        what: [row for row in value if not mine(row)] if isinstance(value, list) else value
        for what, value in found.items()
        if name is None or not what.startswith(f"{name}: ")
    }


def _told_to_others(seen: dict[Captured, None]) -> list[str]:
    """Whoever listens on the broker hears all; but no node is to send it to somebody else."""
    return [
        f"{letter.subject} got output of central's command"
        for letter in seen
        if SECRET.encode() in letter.payload
        and letter.subject.split(".")[0 if letter.subject[0] != "_" else 1] not in (CENTRAL, SHIP1)
    ]


def _event(frm: NodeName, to: NodeName) -> dict[str, object]:
    return {
        "toNode": to, "method": "TextLogging", "commandOrEvent": "EventACK",
        "data": [f"a true word of {frm}\n"],
    }  # fmt: skip


def _once(here: Harbour, to: NodeName) -> dict[str, object]:
    """A true command that is sent once, outside every stream."""
    return here.command(to) | {"commandOrEvent": "CommandNACK"}


@asynccontextmanager
async def lab(folder: Path, seed: int) -> AsyncIterator[Lab]:
    async with harbour(folder) as here, Intruder(here) as intruder:
        made = Lab(here, intruder, Random(seed))
        await made.prepare()
        await here.work()

        async def ran() -> bool:
            return set(here.ordered) - {made.queued} <= set(here.ran())

        await until(ran, "all true orders have run")
        following = asyncio.create_task(made.follow(), name="output is followed")

        async def watches() -> bool:
            return bool(made.watched)

        await until(watches, "central watches the output")
        try:
            yield made
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
            await made.release()
