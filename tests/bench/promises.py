"""What is promised, as counts: outages, kills and dead nodes on real processes, and how long after.

The outages are shorter than those that PEERS.md's tables speak of, and say so in their names: what
counts is what happens at their ends.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import statistics
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.bench import loads
from tests.bench.limits import Limits
from tests.bench.table import Figure, Goal
from tests.bench.world import PATIENCE, Bench, Json, Watch, bench, event

QUEUE = 2000
"""Commands that wait when central is killed; the kill comes after a quarter of them."""
DOWN = 8.0
OUTAGE = 8.0
"""Seconds."""
WAITING = 20
APPENDED = 10_000
WRITERS = 10
NONE = Goal(at_most=0)
ONCE = Goal(at_least=1, at_most=1)


async def promises(folder: Path, _limits: Limits) -> list[Figure]:
    """All of them, in two worlds."""
    figures: list[Figure] = []
    async with bench(folder / "first") as here:
        figures += await killed(here)
    async with bench(folder / "second", ("ship1", "ship2")) as here:
        await loads.one_by_one(here, 20)
        figures += await dead_node(here)
        figures += await slow_command(here)
        figures += await appended(here)
        figures += await down(here)
        figures += await outage(here)
    return figures


class Ledger:
    """A file to which commands append their number; what ran is what is written there."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def command(self, number: int, to: str = "ship1", then: str = "", **more: object) -> Json:
        script = f"echo {number} >> {self.path}{then}"
        return {
            "toNode": to, "data": ["sh", "-c", script],
            "commandOrEvent": "CommandACK", "method": "ShellCommand", **more,
        }  # fmt: skip

    def ran(self) -> list[int]:
        """The numbers, in the order in which they ran."""
        return [int(line) for line in self.path.read_text().split()] if self.path.exists() else []


async def killed(here: Bench) -> list[Figure]:
    """Central is killed (-9) while 2,000 commands wait, and started again."""
    ledger = Ledger(here.folder / "ledger")
    for at in range(0, QUEUE, loads.BURST):
        await here.submit([ledger.command(at + i) for i in range(loads.BURST)])
    async with asyncio.timeout(PATIENCE):
        while len(ledger.ran()) < QUEUE // 4:
            await asyncio.sleep(0.01)
    watch = Watch()
    await here.nodes["central"].kill()
    await here.nodes["central"].start()
    await here.connect()
    up = watch()
    await here.settled("ShellCommand")
    name = f"central killed in {QUEUE:,} commands"
    return [
        *judged(name, ledger.ran(), QUEUE),
        Figure(name=f"{name}: not succeeded", value=await _others(here), unit="", goal=NONE),
        Figure(name=f"{name}: until it answers", value=up, unit="s"),
        Figure(name=f"{name}: until all have ended", value=watch(), unit="s"),
    ]


def judged(name: str, ran: Sequence[int], count: int) -> list[Figure]:
    """What a ledger of numbers from 0 on proves."""
    times = Counter(ran)
    firsts = list(dict.fromkeys(ran))
    figures = {
        "lost": sum(1 for number in range(count) if not times[number]),
        "twice": sum(1 for many in times.values() if many > 1),
        "out of order": sum(1 for a, b in itertools.pairwise(firsts) if a > b),
    }
    return [
        Figure(name=f"{name}: {what}", value=value, unit="", goal=NONE)
        for what, value in figures.items()
    ]


async def _others(here: Bench) -> int:
    """How many commands did not succeed."""
    query = {"method": ["ShellCommand"], "limit": 1}
    every = int((await here.client.call("messages", **query))["total"])
    return every - await here.succeeded("ShellCommand")


async def dead_node(here: Bench) -> list[Figure]:
    """Two messages wait for a node that is dead: whom else does that delay? Looked at before,
    meanwhile and afterwards, for a machine has its moods."""
    alone = await loads.one_by_one(here, 50)
    await here.nodes["ship2"].kill()
    ledger = Ledger(here.folder / "dead")
    waiting = await here.submit([ledger.command(i, "ship2", timeout=2) for i in range(2)])
    beside = statistics.median(await loads.one_by_one(here, 100))
    await here.nodes["ship2"].start()
    await here.ends(waiting)
    alone += await loads.one_by_one(here, 50)
    return [
        Figure(
            name="one command while two wait for a dead node", value=beside, unit="ms",
            limit=statistics.median(alone), of="ms without them", goal=Goal(ratio_at_most=1.25),
        )
    ]  # fmt: skip


async def slow_command(here: Bench) -> list[Figure]:
    """It runs longer than the time in which its delivery has to be confirmed."""
    ledger = Ledger(here.folder / "slow")
    sent = [ledger.command(0, then="; sleep 5", timeout=2, retries=3)]
    await here.ends(await here.submit(sent))
    name = "a command of 5 s, timeout 2, 3 tries: ran"
    return [Figure(name=name, value=len(ledger.ran()), unit="times", goal=ONCE)]


async def appended(here: Bench) -> list[Figure]:
    """``cat part >> inmsg.txt`` by ten writers at once, each many times."""
    parts = here.folder / "parts"
    parts.mkdir()
    each = APPENDED // WRITERS
    for writer in range(WRITERS):
        for n in range(writer * each, (writer + 1) * each):
            (parts / f"{n:05}.json").write_text(json.dumps([event("ship2", n)]) + "\n")
    script = 'for part in "$0"/"$1"*.json; do cat "$part" >> "$2"; done'
    watch = Watch()
    writers = [
        await asyncio.create_subprocess_exec(
            *("sh", "-c", script, str(parts), f"{writer:02}"),
            str(here.folder / "central" / "inmsg.txt"),
        )
        for writer in range(WRITERS)
    ]
    assert [await writer.wait() for writer in writers] == [0] * WRITERS
    async with asyncio.timeout(PATIENCE):
        while await here.succeeded("TextLogging") < APPENDED:
            await asyncio.sleep(0.05)
    took = watch()
    log = (here.folder / "ship2" / "textlogging" / "central.log").read_text()
    numbers = Counter(int(line[:8]) for line in log.splitlines())
    lost = sum(1 for n in range(APPENDED) if not numbers[n])
    twice = sum(1 for many in numbers.values() if many > 1)
    name = f"{APPENDED:,} × cat >> inmsg.txt"
    return [
        Figure(name=f"{name}: lost", value=lost, unit="", goal=NONE),
        Figure(name=f"{name}: twice", value=twice, unit="", goal=NONE),
        Figure(name=f"{name}: until all are receipted", value=took, unit="s"),
    ]


async def down(here: Bench) -> list[Figure]:
    """A node is away; what was sent meanwhile has its results how long after it answers again?"""
    ledger = Ledger(here.folder / "down")
    await here.nodes["ship1"].kill()
    ids = await here.submit([ledger.command(i) for i in range(WAITING)])
    await asyncio.sleep(DOWN)
    await here.nodes["ship1"].start()
    watch = Watch()
    await here.ends(ids)
    took = watch()
    name = f"node down {DOWN:.0f} s, {WAITING} messages"
    last = Figure(
        name=f"{name}: last result after its return", value=took, unit="s", goal=Goal(at_most=1)
    )
    return [*judged(name, ledger.ran(), WAITING), last]


async def outage(here: Bench) -> list[Figure]:
    """The broker goes while one command runs, and one is sent while it is away."""
    ledger = Ledger(here.folder / "outage")
    ids = await here.submit([ledger.command(0, then="; sleep 1", timeout=2)])
    async with asyncio.timeout(PATIENCE):
        while not ledger.ran():
            await asyncio.sleep(0.01)
    await here.broker.stop()
    ids += await here.submit([ledger.command(1, timeout=2)])
    await asyncio.sleep(OUTAGE)
    await here.broker.start()
    watch = Watch()
    await here.ends(ids)
    took, times = watch(), Counter(ledger.ran())
    name = f"broker away {OUTAGE:.0f} s, timeout 2: "
    return [
        Figure(name=f"{name}the one that ran, ran", value=times[0], unit="times", goal=ONCE),
        Figure(name=f"{name}the one sent meanwhile ran", value=times[1], unit="times", goal=ONCE),
        Figure(name=f"{name}both results after its return", value=took, unit="s"),
    ]
