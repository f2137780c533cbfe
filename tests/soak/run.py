"""One soak: a warm-up that fills every cache, then work and faults while all are looked at.

It is the laboratory's town, work and nemesis, but for what would end the processes that are
measured: a kill begins a new life with fresh memory, and would hide a leak. So one ship takes all
kills, of its daemon and of its runner; everybody else sees it die, but goes on. The broker dies,
links break and bend, clocks jump, daemons and runners are stopped for a while, everywhere.

What a daemon remembers for a quarter of an hour (the frames that nobody has answered) fills up in
the first half of half an hour: shorter runs show it as growth.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from steward.control.client import ControlClient
from steward.errors import StewardError
from tests.bench import process
from tests.soak.samples import Sample, look
from tests.torture import nemesis, quiet, report, work
from tests.torture.faults import Nemesis
from tests.torture.ledger import now
from tests.torture.nemesis import Fault
from tests.torture.offering import Offering
from tests.torture.town import SHIPS, Town, prepare, town

VICTIM = SHIPS[-1]
ENDING = frozenset({"kill", "runner-kill", "wipe"})
EVERY, LOOKS = 3.0, 120
"""Seconds between two looks; fewer where that would be fewer looks than these."""
DRAIN_WITHIN = 240.0
WARM_WITHIN = 300.0
BURST = 250
LONG = 60_000
"""Bytes of output, of each LONG_EVERYth command: a page cache fills by bytes, not by messages."""
LONG_EVERY = 20


class Soak(msgspec.Struct, frozen=True):
    """``seconds`` of faults that are measured; ``warm``: commands to each ship before them, and
    as many events; ``rate``: messages a second meanwhile."""

    seed: int
    seconds: float
    warm: int
    rate: float


class Found(msgspec.Struct, frozen=True):
    """``drained``: whether every message had its end; ``faults``: how many there were, by kind;
    ``deaths``: the nodes whose daemon ended by itself, each time: a new life would hide a leak."""

    samples: list[Sample]
    drained: bool
    messages: int
    faults: dict[str, int]
    deaths: list[str]

    @property
    def is_whole(self) -> bool:
        """Nothing was left open, and nobody ended who should not have."""
        return self.drained and not self.deaths


async def soak(folder: Path, what: Soak) -> Found:
    """All of it; the samples are of the measured part alone."""
    printed = work.blobs(what.seed)
    prepare(folder, printed)
    ships = list(SHIPS)
    messages = int(what.rate * what.seconds)
    batches = work.Work(what.seed, ships, str(folder / "act.sh"), printed).batches(
        messages, what.seconds
    )
    faults = spared(nemesis.plan(what.seed, what.seconds, ships))
    async with town(folder) as here:
        await warm_up(here, what.warm)
        here.began = now()
        samples: list[Sample] = []
        async with asyncio.TaskGroup() as group:
            watchers = [
                group.create_task(watch(here, samples, min(EVERY, what.seconds / LOOKS))),
                group.create_task(here.watch_deaths()),
            ]
            async with asyncio.TaskGroup() as measured:
                offered = measured.create_task(Offering(here).carry_out(batches))
                await Nemesis(here).carry_out(faults)
                await asyncio.sleep(max(0.0, here.began + what.seconds - now()))
                healed = now()
                await quiet.heal(here)
                await offered
            for watcher in watchers:
                watcher.cancel()
        drained = await quiet.drained(here, healed, DRAIN_WITHIN)
        await asyncio.gather(*(member.stop() for member in here.members.values()))
    kinds = [fault.what for fault in faults]
    counts = {kind: kinds.count(kind) for kind in sorted({*kinds})}
    deaths = [death["node"] for death in report.lines(folder, "deaths.jsonl")]
    return Found(samples, drained, messages, counts, deaths)


def spared(plan: Sequence[Fault]) -> list[Fault]:
    """Without what ends a process that is measured."""
    return [f for f in plan if f.what not in ENDING or (f.who == VICTIM and f.what != "wipe")]


async def warm_up(here: Town, count: int) -> None:
    """Until caches of pages, statements and lanes are as full as they get: by commands and events
    to every ship, all of which end."""
    async with ControlClient(here["central"].folder) as client:
        for _ in range(0, count, BURST):
            for ship in SHIPS:
                await client.call("submit", messages=_warm(ship))
        for ship in SHIPS:
            await client.call("submit", messages=_long(ship, count // LONG_EVERY))
        deadline = time.monotonic() + WARM_WITHIN
        query = {"state": ["queued", "sent", "delivered", "running"], "limit": 1}
        while (await client.call("messages", **query))["total"]:
            if time.monotonic() > deadline:
                raise StewardError("the warm-up does not end", "see the daemons' logs")
            await asyncio.sleep(0.2)
        cursor = None
        while (page := await client.call("messages", limit=1000, cursor=cursor))["cursor"]:
            cursor = page["cursor"]


def _long(ship: str, count: int) -> list[dict[str, object]]:
    script = f"head -c {LONG} /dev/zero | tr '\\0' x"
    run = {"data": ["sh", "-c", script], "commandOrEvent": "CommandACK", "method": "ShellCommand"}
    return [{"toNode": ship, "parallel": True, **run}] * count


def _warm(ship: str) -> list[dict[str, object]]:
    run = {"data": ["true"], "commandOrEvent": "CommandACK", "method": "ShellCommand"}
    log = {"data": ["warm\n"], "commandOrEvent": "EventACK", "method": "TextLogging"}
    some = [{"toNode": ship, "parallel": True, **run}] * BURST
    # The last ship's permits allow commands alone.
    return some + ([{"toNode": ship, **log}] * BURST if ship != work.SHY else [])


async def watch(here: Town, samples: list[Sample], every: float) -> None:
    """A look at everybody now and then, until cancelled."""
    folders = {name: member.folder for name, member in here.members.items()}
    while True:
        t = now()
        for name, pid in process.found(folders, here.broker.folder).items():
            member = here.members.get(name)
            folder, port = (member.folder, member.metrics_port) if member else (None, 0)
            sample = await look(t, name, pid, folder, port)
            if sample is not None:
                samples.append(sample)
        await asyncio.sleep(max(0.0, t + every - now()))


def write(path: Path, found: Found) -> None:
    """The samples, one a line."""
    with path.open("w") as file:
        for sample in found.samples:
            print(json.dumps(msgspec.to_builtins(sample)), file=file)
