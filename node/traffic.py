"""A believable day at sea while the demo's console is open: real messages, real trouble."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from random import Random
from typing import Any

from node.fleet import Fleet
from node.world import World
from node.yarns import BLUNDERS, CHECKS, CHORES, FAILURES, LONG, LOOKS, NEVER_SEEN, noon_report
from steward.control.client import ControlClient
from steward.errors import StewardError

BURST = 3.0
CALM = 0.8
"""Single commands a second: at first, so that there is something to look at, and then."""
BURST_LASTS = 20.0
"""Seconds."""
MOST_ASKED = 20
"""Ships in one round."""
MOST_AWAY = 0.05
"""Of the fleet at a time, and one ship at least."""

Json = dict[str, Any]
Act = Callable[[], Awaitable[None]]


class Traffic:
    """The same day for the same seed, but for what the machine's own pace changes."""

    def __init__(self, here: World, ships: Fleet, seed: int = 1) -> None:
        self._here = here
        self._ships = ships
        self._random = Random(seed)
        self._away: set[str] = set()
        self._in_dock = ""
        self._group = asyncio.TaskGroup()

    async def run(self) -> None:
        """For ever, once most of the ships are up."""
        while len(self._ships.up) < 0.6 * len(self._ships.labels):
            await asyncio.sleep(0.1)
        async with self._group as group:
            group.create_task(self._office(), name="traffic: office")
            group.create_task(self._rounds(), name="traffic: rounds")
            for act, pause in (
                (self._weather, 9.0),
                (self._reports, 8.0),
                (self._blunders, 30.0),
            ):
                group.create_task(self._again(act, pause), name=f"traffic: {act.__name__}")

    async def _again(self, act: Act, pause: float) -> None:
        while True:
            await self._once(act)
            await asyncio.sleep(pause * self._random.uniform(0.7, 1.3))

    async def _once(self, act: Act) -> None:
        try:
            await act()
        except (StewardError, OSError):
            # Central is restarting, a queue is full, a ship is just starting: as at sea.
            await asyncio.sleep(1.0)

    # ---------------------------------------------------------------- what the office asks

    async def _office(self) -> None:
        """Somebody ashore wants something: one of each first, then as it comes."""
        often: Mapping[Act, int] = {
            self._long: 4, self._fail: 3, self._chore: 9, self._time_out: 2, self._never_seen: 1,
            self._refused: 1,
        }  # fmt: skip
        calm = asyncio.get_running_loop().time() + BURST_LASTS
        acts = [*often, self._long, self._dock]
        while True:
            more = self._random.choices(list(often), list(often.values()))
            await self._once(acts.pop(0) if acts else more[0])
            is_calm = asyncio.get_running_loop().time() > calm
            await asyncio.sleep(1 / (CALM if is_calm else BURST))

    async def _rounds(self) -> None:
        """Now and then the same is asked of many ships."""
        pauses = itertools.chain((4.0, 6.0, 10.0), itertools.repeat(40.0))
        for question, pause in zip(itertools.cycle((*LOOKS[:1], *CHECKS, *LOOKS[1:])), pauses):
            messages = [_command(ship, *question) for ship in self._some()]
            await self._once(partial(self._send, *messages))
            await asyncio.sleep(pause)

    async def _chore(self) -> None:
        await self._send(_command(self._one(), *self._random.choice(CHORES)))

    async def _long(self) -> None:
        script = self._random.choice(LONG)
        seconds = str(self._random.randint(15, 60))
        await self._send(_command(self._one(), "sh", "-c", script, "sh", seconds))

    async def _fail(self) -> None:
        await self._send(_command(self._one(), "sh", "-c", self._random.choice(FAILURES)))

    async def _time_out(self) -> None:
        script = "echo waiting for a position fix; sleep 300"
        limit = self._random.randint(3, 8)
        await self._send(_command(self._one(), "sh", "-c", script, methodTimeout=limit))

    async def _never_seen(self) -> None:
        name = self._random.choice(NEVER_SEEN)
        if self._random.random() < 0.5:
            await self._send(_command(name, "uptime", timeout=5, retries=3))
        else:
            await self._send(_command(name, "uptime", ttl=600))

    async def _refused(self) -> None:
        """A ship in earnest takes no notes."""
        labels = self._ships.labels
        strict = [name for name in self._there() if labels[name].get("env") == "prod"]
        if strict:
            note = _event(self._random.choice(strict), "pilot boards at 06:30\n")
            await self._send(note)

    async def _dock(self) -> None:
        """One ship is held: what is meant for it waits until somebody releases it."""
        if len(self._ships.labels) >= 10:
            self._in_dock = ship = self._one()
            await self._here.ask("hold", nodes=[ship])
            await self._send(*(_command(ship, *argv) for argv in CHORES[:4]))

    # ---------------------------------------------------------------- what happens at sea

    async def _weather(self) -> None:
        """A ship goes away for a while, and what is meant for it queues up."""
        if len(self._away) >= max(1, MOST_AWAY * len(self._ships.labels)):
            return
        ship = self._one()
        self._away.add(ship)
        self._group.create_task(self._absence(ship), name=f"traffic: {ship} is away")
        chores = [self._random.choice(CHORES) for _ in range(self._random.randint(2, 8))]
        waiting = [_command(ship, *argv) for argv in chores]
        if self._random.random() < 0.5:
            waiting.append(_command(ship, "date", ttl=self._random.randint(8, 15)))
        if self._random.random() < 0.4:
            waiting.append(_command(ship, "uptime", timeout=4, retries=3))
        for message in waiting:
            await self._send(message)
            await asyncio.sleep(0.5)

    async def _absence(self, ship: str) -> None:
        leave, return_ = self._ships.cut, self._ships.join
        if self._random.random() < 0.25:
            leave, return_ = self._ships.moor, self._ships.sail
        leave(ship)
        await asyncio.sleep(self._random.uniform(20, 60))
        return_(ship)
        self._away.discard(ship)

    async def _reports(self) -> None:
        """A ship writes into central's log, as whatever runs on it does: at its own socket."""
        ship = self._one()
        event = _event("central", noon_report(ship, self._random))
        async with ControlClient(self._ships.folder / ship) as client:
            await client.call("submit", messages=[event])

    async def _blunders(self) -> None:
        """Somebody aboard hands in what nobody can read: the ship reports it to central."""
        with (self._ships.folder / self._one() / "inmsg.txt").open("a") as file:
            file.write(self._random.choice(BLUNDERS) + "\n")

    # ---------------------------------------------------------------- who, and how

    def _there(self) -> list[str]:
        """The ships that are there, as far as anybody knows."""
        return sorted(self._ships.up - self._away - {self._in_dock})

    def _one(self) -> str:
        return self._random.choice(self._there() or sorted(self._ships.labels))

    def _some(self) -> list[str]:
        """Ships of one port, two to twenty."""
        labels = self._ships.labels
        port = labels[self._one()]["site"]
        ships = [name for name in sorted(self._ships.up) if labels[name]["site"] == port]
        return ships[:MOST_ASKED] if len(ships) > 1 else sorted(self._ships.labels)[:3]

    async def _send(self, *messages: Json) -> None:
        await self._here.ask("submit", messages=messages)


def _command(to: str, *argv: str, **more: object) -> Json:
    kind = {"commandOrEvent": "CommandACK", "method": "ShellCommand"}
    return {"toNode": to, "data": list(argv), **kind, **more}


def _event(to: str, text: str) -> Json:
    kind = {"commandOrEvent": "EventACK", "method": "TextLogging"}
    return {"toNode": to, "data": [text], **kind}
