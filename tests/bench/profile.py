"""``python -m tests.bench.profile events|commands``: where a message's time goes.

First without any profiler: processor, waits of threads (hops between them, the most of it), commits
and frames per message, for each process. Then the same work with daemons that note each call.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import signal
import statistics
import sys
import tempfile
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from tests.bench import loads, parts
from tests.bench.costs import costs
from tests.bench.parts import Line
from tests.bench.traced import FILE
from tests.bench.world import Bench, Watch, bench

TOP = 25
TRACED = (sys.executable, "-m", "tests.bench.traced")
Load = Callable[[Bench, int], Awaitable[object]]


async def _events(here: Bench, count: int) -> None:
    await loads.events(here, range(count))


LOADS: dict[str, list[tuple[str, Load, int]]] = {
    "commands": [
        ("one at a time", loads.one_by_one, 300),
        ("in order", partial(loads.burst, parallel=False), 2000),
        ("parallel", partial(loads.burst, parallel=True), 2000),
    ],
    "events": [("events", _events, 40_000)],
}


async def plain(here: Bench, name: str, load: Load, count: int) -> None:
    """What each process takes, with nobody looking."""
    before, watch = costs(here), Watch()
    took = await load(here, count)
    passed, after = watch(), costs(here)
    print(f"\n{name}: {count:,} in {passed:.2f} s, {passed / count * 1e6:,.0f} µs each")
    if isinstance(took, list):
        print(f"  median {statistics.median(took):.1f} ms")
    print(
        f"  {'per message':16} {'loop µs':>9} {'threads µs':>10} {'children µs':>11} {'waits':>7}"
        f" {'forced':>7} {'commits':>8} {'units':>7} {'frames':>7}"
    )
    for process, end in after.items():
        took_here = end.since(before[process]) if process in before else end
        micros = (took_here.main, took_here.others, took_here.children)
        loop, others, children = (seconds / count * 1e6 for seconds in micros)
        counts = "".join(f" {value / count:7.3f}" for value in took_here.counts.values())
        print(
            f"  {process:16} {loop:9.1f} {others:10.1f} {children:11.1f}"
            f" {took_here.waits / count:7.2f} {took_here.forced / count:7.2f} {counts}"
        )


async def traced(here: Bench, name: str, load: Load, count: int) -> None:
    """Which parts and functions it goes to, in central and in the node."""
    before = {process: await _told(here, process) for process in ("central", "ship1")}
    await load(here, count)
    for process, lines in before.items():
        came = parts.since(await _told(here, process), lines)
        threads = parts.by_thread(came, count)
        total = sum(threads.values())
        print(f"\n{name}, {process}: {total:,.0f} µs each while every call is noted, of it")
        for taken in parts.by_part(came, count):
            print(f"  {taken.micros:8.1f} µs {taken.micros / total:6.1%}  {taken.name}")
        print("  by thread:", ", ".join(f"{key} {value:,.1f} µs" for key, value in threads.items()))
        for taken in parts.by_function(came, count, TOP):
            print(f"  {taken.micros:8.1f} µs {taken.calls:8.2f} calls  {taken.name}")


async def _told(here: Bench, process: str) -> list[Line]:
    path = here.folder / process / FILE
    path.unlink(missing_ok=True)
    os.kill(here.nodes[process].pid, signal.SIGUSR1)
    async with asyncio.timeout(30):
        while not path.exists():
            await asyncio.sleep(0.01)
    return [(thread, name, count, own) for thread, name, count, own in json.loads(path.read_text())]


async def run(kind: str, folder: Path, share: float) -> None:
    async with bench(folder / "plain") as here:
        await loads.one_by_one(here, 20)
        for name, load, count in LOADS[kind]:
            await plain(here, name, load, int(count * share))
    async with bench(folder / "traced", program=TRACED) as here:
        await loads.one_by_one(here, 20)
        for name, load, count in LOADS[kind]:
            await traced(here, name, load, int(count * share / 2))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.profile", description=__doc__)
    parser.add_argument("kind", choices=list(LOADS))
    parser.add_argument("--share", type=float, default=1.0, help="of the usual number of messages")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="steward-bench-"))
    try:
        asyncio.run(run(given.kind, folder, given.share))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
