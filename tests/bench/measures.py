"""The measurements: each starts its own world, and returns the figures that it has found."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from tests.bench import loads, process
from tests.bench.console import console
from tests.bench.limits import Limits
from tests.bench.links import links
from tests.bench.promises import promises
from tests.bench.scale import nodes, past
from tests.bench.signatures import signatures
from tests.bench.table import Figure, Goal
from tests.bench.world import Json, Watch, bench, command, event, hosted

COMMANDS = 2000
EVENTS = 40_000
FLEET = 50
ROUNDS = 7
MANY = 1000
IDLE = 30.0
"""Seconds for which an idle node is looked at."""


async def latency(folder: Path, limits: Limits) -> list[Figure]:
    """One command at a time: from the call that submits it to the answer that has its result."""
    async with bench(folder) as here:
        await loads.one_by_one(here, 20)
        took = await loads.one_by_one(here, 200)
    median = Goal(at_most=7, ratio_at_most=1.5)
    p95 = sorted(took)[int(len(took) * 0.95)]
    return [
        Figure(
            name=name, value=value, unit="ms", goal=goal,
            limit=limits.one_command, of="ms, its parts",
        )
        for name, value, goal in (
            ("one command", statistics.median(took), median),
            ("one command, p95", p95, None),
        )
    ]  # fmt: skip


async def commands(folder: Path, limits: Limits) -> list[Figure]:
    """2,000 in order, then 2,000 in parallel, to one node; and what that leaves in memory."""
    figures: list[Figure] = []
    async with bench(folder) as here:
        central = here.nodes["central"].pid
        fresh = process.memory(central)
        for how, spawns in (("in order", 1000 / limits.run), ("parallel", limits.runs)):
            goal = Goal(at_least=400 if how == "in order" else 500, ratio_at_least=0.6)
            await loads.one_by_one(here, 1)
            watch = Watch()
            await loads.burst(here, COMMANDS, parallel=how == "parallel")
            rate = COMMANDS / watch()
            figures.append(
                Figure(
                    name=f"commands, {how}", value=rate, unit="/s", goal=goal,
                    limit=spawns, of="/s by the runner alone",
                )
            )  # fmt: skip
        figures += [
            Figure(name="central fresh", value=fresh, unit="MiB"),
            Figure(
                name=f"central after {2 * COMMANDS:,} commands",
                value=process.memory(central), unit="MiB", goal=Goal(at_most=80),
            ),
        ]  # fmt: skip
    return figures


async def events(folder: Path, limits: Limits) -> list[Figure]:
    """To one node, through the control socket in batches, until each is receipted; then until
    messages.jsonl has caught up."""
    async with bench(folder) as here:
        central, ship = (here.nodes[name].pid for name in ("central", "ship1"))
        await here.ends(await here.submit([event("ship1", 0)]))
        before = process.use(central).cpu, process.use(ship).cpu
        watch = Watch()
        await loads.events(here, range(1, EVENTS + 1))
        rate = EVENTS / watch()
        await journaled(here.folder / "central" / "messages.jsonl", 2 * EVENTS + 2)
        with_journal = EVENTS / watch()
        after = process.use(central).cpu, process.use(ship).cpu
        assert await here.succeeded("TextLogging") == EVENTS + 1
        logged = (here.folder / "ship1" / "textlogging" / "central.log").read_text()
        assert [int(line[:8]) for line in logged.splitlines()] == list(range(EVENTS + 1))
    cost = [(b - a) / EVENTS * 1e6 for a, b in zip(before, after, strict=True)]
    goal = Goal(at_least=20_000)
    return [
        *(
            Figure(
                name=name, value=value, unit="/s", goal=goal,
                limit=limits.handoff, of="/s, a bare handoff",
            )
            for name, value in (("events", rate), ("events, also in messages.jsonl", with_journal))
        ),
        Figure(name="central's processor, an event", value=cost[0], unit="µs"),
        Figure(name="the node's processor, an event", value=cost[1], unit="µs"),
    ]  # fmt: skip


async def journaled(path: Path, lines: int) -> None:
    """Until the file has so many."""
    have, at = 0, 0
    while have < lines:
        if path.exists():
            with path.open("rb") as file:
                file.seek(at)
                data = file.read()
            have, at = have + data.count(b"\n"), at + len(data)
        await asyncio.sleep(0.05)


async def fanout(folder: Path, limits: Limits) -> list[Figure]:
    """One command to 50 nodes: from the call that submits it until the last result is stored."""
    took = await _fan_out(folder, FLEET, ROUNDS, {})
    return [
        Figure(
            name=f"one command on {FLEET} nodes", value=took, unit="s",
            goal=Goal(at_most=0.25), limit=FLEET / limits.runs, of="s by one runner alone",
        )
    ]  # fmt: skip


async def fleet(folder: Path, _limits: Limits) -> list[Figure]:
    """The same with 1,000 nodes and a command that they answer themselves: they share this
    machine's memory, and a thousand runners would not fit."""
    took = await _fan_out(folder, MANY, 2, {"method": "ListProcesses", "data": []})
    name = f"one question to {MANY:,} nodes"
    return [Figure(name=name, value=took, unit="s", goal=Goal(at_most=4))]


async def _fan_out(folder: Path, nodes: int, rounds: int, more: Json) -> float:
    """Seconds, the median."""
    names = [f"ship{i}" for i in range(1, nodes + 1)]
    took: list[float] = []
    async with bench(folder, ()) as here, hosted(here, names, max(2, nodes // 50)):
        for i in range(rounds + 1):
            watch = Watch()
            ids = await here.submit([command(name, **more) for name in names])
            ended = await here.ends(ids)
            assert {m["state"] for m in ended} == {"succeeded"}
            if i:  # the first one starts a runner on each of them
                took.append(watch())
    return statistics.median(took)


async def idle(folder: Path, _limits: Limits) -> list[Figure]:
    """A node with its link, its metrics and nothing to do; and its memory after 10,000 messages."""
    async with bench(folder) as here:
        pid = here.nodes["ship1"].pid
        await asyncio.sleep(3)
        fresh = process.memory(pid)
        used = await process.idle(pid, IDLE)
        await loads.events(here, range(10_000))
        after = process.memory(pid)
    return [
        Figure(name="an idle node", value=fresh, unit="MiB", goal=Goal(at_most=40)),
        Figure(
            name="a node after 10,000 messages", value=after, unit="MiB", goal=Goal(at_most=56)
        ),
        Figure(
            name="an idle node's processor", value=used.cpu * 100, unit="% of a core",
            goal=Goal(at_most=0.15),
        ),
        Figure(
            name="an idle node's wake-ups", value=used.wakeups, unit="/s", goal=Goal(at_most=8)
        ),
    ]  # fmt: skip


Measure = Callable[[Path, Limits], Awaitable[list[Figure]]]
MEASURES: Mapping[str, Measure] = {
    measure.__name__: measure
    for measure in (
        latency,
        commands,
        events,
        fanout,
        idle,
        promises,
        links,
        signatures,
        console,
        fleet,
        nodes,
        past,
    )
}
ONLY_IF_ASKED = frozenset({"fleet", "nodes", "past"})
"""What takes minutes, and gigabytes."""
