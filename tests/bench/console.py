"""The console's budgets, on a real daemon with a long past: an operator's sitting, timed."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from contextlib import AsyncExitStack
from pathlib import Path

from node.broker import Broker
from tests.bench.history import Past, fill
from tests.bench.limits import Limits
from tests.bench.table import Figure, Goal
from tests.bench.world import Bench

MESSAGES = 200_000
NODES = 10_000
START = 120.0
"""Seconds that central has to check a file of a million messages."""


async def console(folder: Path, _limits: Limits, messages: int = MESSAGES) -> list[Figure]:
    """Each figure beside its budget; times are from a key to the picture that shows its effect."""
    some = messages // 10
    past = Past(messages=messages, nodes=NODES, jobs=some, errors=some, open_share=0.0)
    await asyncio.to_thread(fill, folder / "central", "central", past)
    async with AsyncExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        broker = await stack.enter_async_context(Broker(folder / "broker", port=0))
        central = Bench(folder, broker).node("central", "--hello-interval", "15")
        await central.start(START)
        stack.push_async_callback(central.stop)
        found = await _sitting(folder / "central")
    many, long = f"{NODES:,} nodes", f"{messages:,} messages"
    told = (
        ("paint", "the console's first picture, with nodes", "ms", 500),
        ("roster", f"… until all {many} are there", "ms", None),
        ("filter", f"{many}: a key of the filter, slowest", "ms", 100),
        ("sort", f"{many}: another order, slowest", "ms", 150),
        ("churn", f"{many}: {found['changed']:.0f} changed rows a second", "% of a core", 15),
        ("idle", f"{many}: nothing happens", "% of a core", 1),
        ("opening", f"{long}: opening Messages", "ms", 200),
        ("scrolling", f"{long}: a page of them, slowest", "ms", 200),
        ("typing", f"{long}: a key of the filter, slowest", "ms", 200),
        ("filtering", "… the daemon's answer, once the hand rests, slowest", "ms", 200),
        ("searching", "… a search through all of them", "ms", None),
        ("error", "a new error on the screen, after it was stored", "ms", None),
        ("error, p95", "… p95", "ms", 300),
    )  # fmt: skip
    return [
        Figure(
            name=name, value=found[key], unit=unit,
            goal=None if most is None else Goal(at_most=most),
        )
        for key, name, unit, most in told
    ]  # fmt: skip


async def _sitting(state_dir: Path) -> dict[str, float]:
    """In a process of its own, whose use of the processor is the console's."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.sitting", str(state_dir)),
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    if process.returncode:
        raise AssertionError("the sitting failed")
    figures: dict[str, float] = json.loads(said)
    return figures
