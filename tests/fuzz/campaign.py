"""Runs a target: batches of mutated inputs in fresh worlds; what fails is made small and kept."""

from __future__ import annotations

import asyncio
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

import msgspec

from tests.fuzz.inputs import Input, Target, make, save

_PAGE = 4096


class Tally(msgspec.Struct, kw_only=True):
    """What a run met. Memory in MiB, of this process: after the first world (or tenth of it) and
    at the end."""

    target: str
    inputs: int = 0
    seconds: float = 0.0
    worlds: int = 0
    memory_early: float = 0.0
    memory_late: float = 0.0
    figures: dict[str, float] = {}

    @property
    def rate(self) -> float:
        """Inputs a second."""
        return self.inputs / self.seconds if self.seconds else 0.0


class Failed(Exception):
    """What failed, where it is kept, and how to see it again."""

    def __init__(
        self, target: str, seed: int, why: str, inputs: Sequence[Input], path: Path
    ) -> None:
        shown = "\n".join(
            f"  {i.where!r} reply={i.reply!r} {len(i.payload)} bytes: {i.payload[:300].hex()}"
            for i in inputs[:3]
        )
        super().__init__(
            f"{target}: seed {seed}: {why[-3000:]}\n"
            f"{len(inputs)} inputs, kept in {path}:\n{shown}\n"
            f"move that file to tests/fuzz/corpus: the test there replays it"
        )
        self.inputs = inputs
        self.path = path


def memory() -> float:
    """This process's resident memory in MiB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE / 2**20


async def run(target: Target, inputs: int, seed: int, kept: Path) -> Tally:
    """Feed so many inputs. Raises Failed."""
    tally, begun = Tally(target=target.name), time.monotonic()
    while tally.inputs < inputs:
        left = min(target.lifetime, inputs - tally.inputs)
        with tempfile.TemporaryDirectory(prefix="steward-fuzz-") as folder:
            batch: list[Input] = []
            try:
                async with target.world(Path(folder)) as world:
                    until = tally.inputs + left
                    while tally.inputs < until:
                        size = min(target.batch, until - tally.inputs)
                        numbers = range(tally.inputs, tally.inputs + size)
                        batch = [make(target, seed, n) for n in numbers]
                        await world.take(batch)
                        tally.inputs += size
                        if not tally.memory_early and tally.inputs >= min(left, inputs // 10 + 1):
                            tally.memory_early = memory()
                for name, value in world.figures().items():
                    tally.figures[name] = tally.figures.get(name, 0) + value
            except Exception as escaped:
                small = await shrink(target, batch)
                why = "".join(traceback.format_exception(escaped))
                path = save(kept, target.name, seed, why, small)
                raise Failed(target.name, seed, why, small, path) from escaped
        tally.worlds += 1
        tally.memory_early = tally.memory_early or memory()
    tally.seconds, tally.memory_late = time.monotonic() - begun, memory()
    return tally


async def replay(target: Target, inputs: Sequence[Input]) -> None:
    """Feed these to a fresh world. Raises what it finds, Finding or whatever escapes."""
    with tempfile.TemporaryDirectory(prefix="steward-fuzz-") as folder:
        async with target.world(Path(folder)) as world:
            await world.take(inputs)


async def shrink(target: Target, inputs: Sequence[Input]) -> Sequence[Input]:
    """The smallest part that is found by halving and still fails, in fresh worlds; all of it if it
    takes the whole past to fail."""
    while len(inputs) > 1:
        middle = len(inputs) // 2
        for half in (inputs[:middle], inputs[middle:]):
            if await _fails(target, half):
                inputs = half
                break
        else:
            break
    return inputs


async def _fails(target: Target, inputs: Sequence[Input]) -> bool:
    try:
        async with asyncio.timeout(60):
            await replay(target, inputs)
    except Exception:
        return True
    return False
