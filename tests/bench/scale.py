"""What a message costs as a fleet grows from 10 to 1,000 nodes, a past from 10³ to 10⁶ messages.

Each figure stands beside that of the smallest size: the ratio is by how much it has grown.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.bench import loads, process
from tests.bench.history import Past, fill, name
from tests.bench.limits import Limits
from tests.bench.table import Figure, Goal
from tests.bench.world import Bench, Json, Watch, bench, command, hosted

FLEETS = (10, 100, 1000)
PASTS = (1_000, 100_000, 1_000_000)
FLAT = Goal(ratio_at_most=2)
ROUNDS = 3
SOME = 60
"""Commands, one by one; calls of each query."""
EVENTS = 5_000
PER_PROCESS = 50
CALM, CALM_WITHIN = 0.05, 30.0
"""Share of a core that a node takes at most while nothing is asked of it; seconds."""
START = 120.0
QUESTION = {"method": "ListProcesses", "data": []}


async def nodes(folder: Path, _limits: Limits) -> list[Figure]:
    """Nodes that share a few processes, each with a store of its own."""
    found = {}
    for count in FLEETS:
        names = [f"ship{i}" for i in range(1, count + 1)]
        async with (
            bench(folder / str(count), ()) as here,
            hosted(here, names, max(2, count // PER_PROCESS)),
        ):
            found[f"{count:,} nodes"] = await _among(here, names)
    return grown(found)


async def _among(here: Bench, names: Sequence[str]) -> dict[str, tuple[float, str]]:
    central = here.nodes["central"].pid
    await _ask_all(here, names)
    await calm(central)
    times, micros = [], []
    for _ in range(ROUNDS):
        before, watch = process.use(central).cpu, Watch()
        await _ask_all(here, names)
        times.append(watch() / len(names) * 1000)
        micros.append((process.use(central).cpu - before) / len(names) * 1e6)
    await calm(central)
    return {
        "a question to all, each node": (statistics.median(times), "ms"),
        "… central's processor": (statistics.median(micros), "µs"),
        **await _one_node(here, QUESTION),
    }


async def calm(pid: int) -> None:
    """Until what has begun is over: a fleet's start is not what is measured."""
    deadline = time.monotonic() + CALM_WITHIN
    while (await process.idle(pid, 1.0)).cpu > CALM and time.monotonic() < deadline:
        pass


async def _ask_all(here: Bench, names: Sequence[str]) -> None:
    ended = await here.ends(await here.submit([command(name, **QUESTION) for name in names]))
    assert {message["state"] for message in ended} == {"succeeded"}


async def past(folder: Path, _limits: Limits) -> list[Figure]:
    """Messages that ended long ago, in the store of a central that has one node to speak to."""
    found = {}
    for count in PASTS:
        here_is = folder / str(count)
        some = count // 10
        made = Past(messages=count, nodes=100, jobs=some, errors=some, open_share=0.0)
        await asyncio.to_thread(fill, here_is / "central", "central", made)
        async with bench(here_is) as here:
            await loads.one_by_one(here, 10)
            sizes = await _queries(here) | await _one_node(here, {})
            watch = Watch()
            await here.nodes["central"].stop()
            stopped = watch()
            await here.nodes["central"].start(START)
            started = watch() - stopped
            await here.connect()
        found[f"{count:,} messages"] = {"central's start": (started, "s"), **sizes}
    return grown(found)


async def _one_node(here: Bench, more: Json) -> dict[str, tuple[float, str]]:
    """One node, whatever else there is: single commands, then many events."""
    submits, wholes = [], []
    central = here.nodes["central"].pid
    before = process.use(central).cpu
    for _ in range(SOME):
        watch = Watch()
        ids = await here.submit([command("ship1", **more)])
        submits.append(watch() * 1000)
        await here.ends(ids)
        wholes.append(watch() * 1000)
    commanded = process.use(central).cpu
    watch = Watch()
    await loads.events(here, range(EVENTS))
    took = watch()
    evented = process.use(central).cpu
    return {
        "one command: accepted": (statistics.median(submits), "ms"),
        "one command: its result": (statistics.median(wholes), "ms"),
        "… central's processor, a command": ((commanded - before) / SOME * 1e6, "µs"),
        "an event of many": (took / EVENTS * 1e6, "µs"),
        "… central's processor, an event": ((evented - commanded) / EVENTS * 1e6, "µs"),
    }


async def _queries(here: Bench) -> dict[str, tuple[float, str]]:
    """An operator's questions."""
    some = (await here.client.call("messages", limit=1))["messages"][0]
    asked: Mapping[str, Callable[[], Awaitable[Any]]] = {
        "the newest 100 messages": lambda: here.client.call("messages", limit=100),
        "… of one node": lambda: here.client.call("messages", node=[name(7)], limit=10),
        "… that failed": lambda: here.client.call("messages", state=["failed"], limit=10),
        "… with a problem": lambda: here.client.call("messages", problems=True, limit=10),
        "one message": lambda: here.client.call("message", id=some["id"]),
        "the status": lambda: here.client.call("status"),
        "10 errors": lambda: here.client.call("errors", limit=10),
        "10 jobs": lambda: here.client.call("jobs", limit=10),
    }
    found = {}
    for what, ask in asked.items():
        took = []
        for _ in range(SOME // 2):
            watch = Watch()
            await ask()
            took.append(watch() * 1000)
        found[what] = (statistics.median(took), "ms")
    return found


def grown(found: Mapping[str, Mapping[str, tuple[float, str]]]) -> list[Figure]:
    """What each size has measured, as figures beside those of the first one."""
    (first, smallest), *_ = found.items()
    figures = []
    for what, (least, unit) in smallest.items():
        figures.append(Figure(name=f"{what}, {first}", value=least, unit=unit))
        for size, measured in list(found.items())[1:]:
            value, _ = measured[what]
            figures.append(
                Figure(
                    name=f"{what}, {size}", value=value, unit=unit, limit=least,
                    of=f"{unit}, {first}", goal=FLAT,
                )
            )  # fmt: skip
    return figures
