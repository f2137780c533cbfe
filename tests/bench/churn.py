"""Nodes that keep changing: a process of its own that holds more and more of them.

Run as ``python -m tests.bench.churn STATE_DIR``, with the names on its standard input; it goes on
until it is ended.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from steward.control.client import ControlClient

EVERY = 0.25
AT_ONCE = 125
STRIDE = 37
"""From one node that changes to the next: so they are all over the screen, and beyond it."""


async def churn(state_dir: Path, names: Sequence[str]) -> None:
    """500 nodes a second, each another one."""
    at = 0
    loop = asyncio.get_running_loop()
    async with ControlClient(state_dir) as client:
        begun = loop.time()
        for turn in range(1, 10**9):
            some = [names[(at + i) * STRIDE % len(names)] for i in range(AT_ONCE)]
            at += AT_ONCE
            await client.call("hold", nodes=some)
            await asyncio.sleep(max(0.0, begun + turn * EVERY - loop.time()))


@asynccontextmanager
async def churning(state_dir: Path, names: Sequence[str]) -> AsyncIterator[None]:
    """While this is open."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.churn", str(state_dir)), stdin=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None
    process.stdin.write("\n".join(names).encode())
    process.stdin.close()
    try:
        yield
    finally:
        process.terminate()
        await process.wait()


if __name__ == "__main__":
    asyncio.run(churn(Path(sys.argv[1]), sys.stdin.read().split()))
