"""What the console's tests share: a console on a fake daemon, and ways to look at it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from textual.app import App
from textual.pilot import Pilot

from tests.console.fake import FakeDaemon
from tui.app import Console
from tui.settings import Settings

DEADLINE = 10.0


def shown(app: App[Any]) -> str:
    """The text of the screen in front."""
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


async def until(pilot: Pilot[Any], reached: Callable[[], object], what: str) -> None:
    """Wait for a state; fail with what is on the screen."""
    end = time.monotonic() + DEADLINE
    while not reached():
        if time.monotonic() > end:
            raise AssertionError(f"never came: {what}\n{shown(pilot.app)}")
        await asyncio.sleep(0.02)
        await pilot.pause()


async def sees(pilot: Pilot[Any], text: str) -> None:
    """Wait until ``text`` is on the screen."""
    await until(pilot, lambda: text in shown(pilot.app), repr(text))


async def told(pilot: Pilot[Any], text: str) -> None:
    """Wait until a notice says ``text``, however its lines are folded."""
    app = pilot.app
    await until(pilot, lambda: any(text in one.message for one in app._notifications), repr(text))


async def types(pilot: Pilot[Any], text: str) -> None:
    """Press the keys of a text."""
    names = {" ": "space", "*": "asterisk", "'": "apostrophe", "=": "equals_sign", "-": "minus"}
    await pilot.press(*(names.get(character, character) for character in text))


@asynccontextmanager
async def console(
    daemon: FakeDaemon,
    size: tuple[int, int] = (120, 34),
    *,
    read_only: bool = False,
    settings: Settings | None = None,
    folder: Path | None = None,
) -> AsyncIterator[Pilot[Any]]:
    """A console on ``daemon``, its clock standing at the daemon's time, its first page read."""
    app = Console(
        daemon.connect,
        read_only=read_only,
        clock=daemon.clock,
        socket="/run/s.sock",
        settings=settings,
        folder=folder,
    )
    async with app.run_test(size=size, notifications=True) as pilot:
        if daemon.alive:
            await until(pilot, lambda: app.desk.board.connected, "the daemon")
        yield pilot
