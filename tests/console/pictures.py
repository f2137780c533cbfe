"""Remakes the pictures in ``screenshots/`` from a real run: ``python -m tests.console.pictures``.

A day at sea (the demo's world) is played until there is something to see; then a console goes
through all screens on it, and what the daemon answers is kept beside the pictures. They are drawn
from that, and a test draws them again: a screen that has changed, and its picture has not, fails.
"""

from __future__ import annotations

import asyncio
import socket
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

from node.fleet import fleet
from node.traffic import Traffic
from node.world import World, world
from tests.console.recording import Recorder, Recording
from tests.console.still import screen, take
from tui.app import Console

HERE = Path(__file__).parents[2] / "screenshots"
RUN = HERE / "run.json"
SHIPS = 24


CHECK = (
    *("sh", "-c"),
    ": which ais-server; case $STEWARD_NODE in *3|*7) v=2.3.9;; *) v=2.4.1;; esac;"
    " echo ais-server $v; echo protocol NMEA 2000; echo listening on 10110",
)


class Picture(NamedTuple):
    """What is on a screen of this size after these steps (keys, or ``'text`` to type)."""

    size: tuple[int, int]
    steps: tuple[str, ...]


PICTURES = {
    "message": Picture((150, 36), ("2", "slash", "'main engine", "enter", "enter")),
    "console": Picture((150, 36), ("2",)),
    "nodes": Picture((160, 36), ("s", "down")),
    "messages": Picture((150, 36), ("2", "z")),
    "compose": Picture((120, 28), ("3", "'site=oslo", "enter", "'systemctl restart ais-server")),
    "errors": Picture((150, 30), ("4",)),
    "jobs": Picture((150, 30), ("5",)),
    "job": Picture((150, 36), ("5", "slash", "'protocol", "enter", "enter", "down", "d")),
    "health": Picture((150, 36), ("6",)),
    "help": Picture((120, 40), ("2", "question_mark")),
    "palette": Picture((120, 30), ("ctrl+p", "'hol")),
    "small": Picture((80, 24), ("2",)),
}


async def draw(recording: Recording, picture: Picture) -> str:
    """The picture as SVG, from what was recorded."""
    app = Console(recording.connect, clock=recording.clock, socket="/var/lib/steward/steward.sock")
    drawn = await screen(app, picture.size, picture.steps)
    assert not app.desk.board.declined, app.desk.board.declined
    return drawn


async def record(state_dir: Path) -> Recording:
    """Go through all screens on a real daemon."""
    recording = Recording()
    for picture in PICTURES.values():
        app = Console(Recorder(state_dir, recording).connect, socket="")
        async with app.run_test(size=picture.size) as pilot:
            await pilot.pause(2.0)
            for step in picture.steps:
                await take(pilot, step)
                await pilot.pause(0.7)
            await pilot.pause(1.0)
    recording.wall = time.time()
    return recording


async def day(here: World, stack: AsyncExitStack, seconds: float) -> None:
    """Let traffic pass; at its end all ships are asked for a version, and it grows calm."""
    numbers = range(1, SHIPS + 1)
    ships = await stack.enter_async_context(fleet(here.folder, here.broker.address, numbers))
    traffic = asyncio.create_task(Traffic(here, ships, seed=7).run())
    await asyncio.sleep(seconds)
    check = {"data": CHECK, "commandOrEvent": "CommandACK", "method": "ShellCommand"}
    await here.ask("submit", messages=[{"toNode": f"ship{n}", **check} for n in numbers])
    await asyncio.sleep(8.0)
    traffic.cancel()
    await asyncio.wait([traffic])


async def main() -> None:
    """A world, its day, its pictures."""
    with tempfile.TemporaryDirectory(prefix="steward-pictures-") as name:
        folder = Path(name)
        async with AsyncExitStack() as stack:
            here = await stack.enter_async_context(world(folder, ()))
            await day(here, stack, 90.0)
            recording = await record(folder / "central")
            hidden = {name: "/var/lib/steward", socket.gethostname(): "station"}
            recording.write(RUN, hidden)
    kept = Recording.read(RUN)
    for name, picture in PICTURES.items():
        (HERE / f"{name}.svg").write_text(await draw(kept, picture))
    kept.forget_unasked()
    kept.write(RUN, {})


if __name__ == "__main__":
    asyncio.run(main())
