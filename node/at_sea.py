"""``steward demo --console``: a fleet with traffic, and the console on it."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from pathlib import Path

from node.fleet import fleet
from node.traffic import Traffic
from node.world import world


async def show(folder: Path, ships: int) -> bool:
    """Until the console ends; whether it ended well. It opens before the ships are up."""
    async with (
        world(folder, ()) as here,
        fleet(folder, here.broker.address, range(1, ships + 1)) as afloat,
    ):
        traffic = asyncio.create_task(Traffic(here, afloat).run(), name="traffic")
        try:
            return await _open_console(folder / "central")
        finally:
            # What went wrong with it is told once the terminal is free again.
            traffic.cancel()
            with suppress(asyncio.CancelledError):
                await traffic


async def _open_console(state_dir: Path) -> bool:
    """A program of its own, on this terminal."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "steward.cli", "console", "--state-dir", str(state_dir)
    )
    try:
        return await process.wait() == 0
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
