"""Remakes the pictures in ``screenshots/`` from a real run:
``python -m tests.console.pictures``."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Any

from node.world import World, world

HERE = Path(__file__).parents[2] / "screenshots"
SHIPS = ("ship1", "ship2", "ship3", "ship4")
SIZE = "132x22"
PICTURES = {"messages.svg": "2", "nodes.svg": "down down down"}
"""Which file shows what is on the screen after which keys."""
STORY: tuple[tuple[str, dict[str, Any]], ...] = (
    ("ship1", {"data": ["uname", "-sr"]}),
    ("ship2", {"data": ["uname", "-sr"]}),
    ("ship1", {"data": ["bash", "-c", "ls -l ../"]}),
    ("ship2", {"data": ["sh", "-c", "echo out; echo err >&2; exit 3"]}),
    ("ship4", {"data": ["sleep", "600"], "methodTimeout": 0.5}),
    ("ship4", {"data": ["no-such-program"]}),
    ("central", {"data": ["refuelled\n"], "commandOrEvent": "EventACK", "method": "TextLogging"}),
    ("ship9", {"data": ["true"], "timeout": 0.5, "retries": 3}),
    ("ship3", {"data": ["df", "-h", "/"], "timeout": 300, "retries": 5}),
    ("ship3", {"data": ["systemctl", "restart", "ais"], "ttl": "2h"}),
    ("ship1", {"data": ["sh", "-c", "tar czf engine.tgz engine.log; sleep 45"]}),
    ("ship1", {"data": ["hostname"]}),
)


async def settled(here: World, messages: int) -> None:
    """Until all that can end has ended, and the rest is on its way."""
    wanted = {"queued": 2, "sent": 0, "delivered": 1, "running": 1}
    async with asyncio.timeout(60):
        while True:
            status = await here.ask("status")
            total = (await here.ask("messages"))["total"]
            offline = status["nodes"].get("offline", 0)
            if status["queue"] == wanted and total == messages and offline:
                return
            await asyncio.sleep(0.2)


async def play(here: World) -> None:
    """One ship goes away; then everything that a day brings."""
    await here.nodes["ship3"].stop()
    for name, more in STORY:
        fields = {"commandOrEvent": "CommandACK", "method": "ShellCommand"} | more
        answer = await here.ask("submit", messages=[{"toNode": name, **fields}])
        assert answer["accepted"], answer
        await asyncio.sleep(0.3)
    await settled(here, len(STORY))


async def picture(state_dir: Path, name: str, keys: str) -> None:
    """As an operator takes it."""
    arguments = ["--state-dir", str(state_dir), "--picture", str(HERE / name)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "steward.cli", "console", *arguments, "--size", SIZE, "--keys", keys
    )
    assert await process.wait() == 0, name


async def main() -> None:
    """A world, its story, its pictures."""
    with tempfile.TemporaryDirectory(prefix="steward-pictures-") as folder:
        async with world(Path(folder), SHIPS) as here:
            await play(here)
            for name, keys in PICTURES.items():
                await picture(Path(folder) / "central", name, keys)


if __name__ == "__main__":
    asyncio.run(main())
