"""What is asked of a world while it is measured: commands and events to one node."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable, Iterator

from tests.bench.world import Bench, Watch, command, event

BURST = 250
"""Commands in one call."""
BATCH = 500
"""Events in one call; AT_ONCE calls are on their way to central at a time."""
AT_ONCE = 4


async def one_by_one(here: Bench, count: int, to: str = "ship1") -> list[float]:
    """Commands, each after the result of the one before; how long each took, in ms."""
    took = []
    for _ in range(count):
        watch = Watch()
        [message] = await here.ends(await here.submit([command(to)]))
        took.append(watch() * 1000)
        assert message["state"] == "succeeded", message
    return took


async def burst(here: Bench, count: int, *, parallel: bool) -> None:
    """Commands as fast as they are accepted, until all have succeeded."""
    before = await here.succeeded("ShellCommand")
    for at in range(0, count, BURST):
        await here.submit([command("ship1", parallel=parallel)] * min(BURST, count - at))
    await here.settled("ShellCommand")
    assert await here.succeeded("ShellCommand") - before == count


async def events(here: Bench, numbers: Iterable[int]) -> None:
    """One event for each number, until all are receipted."""
    left = iter(numbers)
    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(_some_events(here, left))
    await here.settled("TextLogging")


async def _some_events(here: Bench, left: Iterator[int]) -> None:
    while batch := [event("ship1", n) for n in itertools.islice(left, BATCH)]:
        await here.submit(batch)
