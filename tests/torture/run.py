"""One run: work and faults side by side, then quiet, then a clean stop. The folder tells all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from tests.torture import nemesis, pulse, quiet, work
from tests.torture.faults import Nemesis
from tests.torture.ledger import now
from tests.torture.offering import Offering
from tests.torture.town import CLOCKS, SHIPS, Town, prepare, town

DRAIN_WITHIN = 240.0


class Run(msgspec.Struct, frozen=True):
    """What to do. ``seconds``: how long there are faults; the quiet phase comes on top. ``bugs``:
    what is wrong with the daemons, of ``sabotage.BUGS``."""

    seed: int
    messages: int
    seconds: float
    bugs: tuple[str, ...] = ()


async def run(folder: Path, what: Run) -> bool:
    """Whether everything had its end in time; all else is for the checker to judge."""
    printed = work.blobs(what.seed)
    prepare(folder, printed)
    ships = list(SHIPS)
    batches = work.Work(what.seed, ships, str(folder / "act.sh"), printed).batches(
        what.messages, what.seconds
    )
    faults = nemesis.plan(what.seed, what.seconds, ships)
    launcher = ("tests.torture.sabotage", ",".join(what.bugs)) if what.bugs else CLOCKS
    async with town(folder, launcher) as here:
        async with watched(here):
            async with asyncio.TaskGroup() as group:
                offered = group.create_task(Offering(here).carry_out(batches))
                await Nemesis(here).carry_out(faults)
                began_quiet = now()
                await quiet.heal(here)
                await offered
            is_over = await quiet.drained(here, began_quiet, DRAIN_WITHIN)
            drained = now() if is_over else None
            await quiet.pull(here, batches)
            await asyncio.gather(*(pulse.beat(here, m, "end") for m in here.members.values()))
        await asyncio.gather(*(member.stop() for member in here.members.values()))
        here.book.run(
            msgspec.to_builtins(what)
            | {"nodes": ["central", *ships], "began": here.began, "quiet": began_quiet}
            | {"drained": drained, "stopped": now()}
        )
    return is_over


@asynccontextmanager
async def watched(here: Town) -> AsyncIterator[None]:
    """Daemons that die by themselves are seen, and what they count is sampled."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(here.watch_deaths()), group.create_task(pulse.beats(here))]
        yield
        for task in tasks:
            task.cancel()
