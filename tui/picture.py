"""Takes a picture of the console from a running daemon, without a terminal."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from steward.errors import NoDaemon, StewardError, UsageError
from tui.app import Console
from tui.svg import portable

DEADLINE = 15.0
"""Seconds until a daemon that doesn't answer is given up."""
QUIET = 0.3
"""Seconds in which no answer was awaited: the screen shows all that a key has brought. Longer than
the console waits for the hand to rest, and to draw."""
LONGEST = 5.0
"""Seconds until it is taken as it is: a search may take longer."""
_LARGEST = 500


def cells(size: str) -> tuple[int, int]:
    """``160x48`` as columns and rows. Raises UsageError."""
    found = re.fullmatch(r"(\d{1,3})x(\d{1,3})", size)
    width, height = (int(found[1]), int(found[2])) if found else (0, 0)
    if not (40 <= width <= _LARGEST and 12 <= height <= _LARGEST):
        raise UsageError(f"{size!r} is not a size", "columns x rows, at least 40x12: 160x48")
    return width, height


def save(app: Console, path: Path, size: tuple[int, int], keys: Sequence[str]) -> None:
    """Open ``app`` off screen, press ``keys``, write what it shows to ``path``.

    Raises NoDaemon if no daemon answers within ``DEADLINE``, StewardError if the file can't be
    written.
    """
    taken: list[str] = []

    async def take(pilot: Pilot[Any]) -> None:
        try:
            async with asyncio.timeout(DEADLINE):
                while not (app.desk.board.connected and app.desk.board.nodes_read):
                    await pilot.pause(0.05)
        except TimeoutError:
            app.exit()
            return
        for key in keys:
            await pilot.press(key)
            await _rest(app, pilot)
        await _rest(app, pilot)
        taken.append(app.export_screenshot(title="steward console"))
        app.exit()

    asyncio.run(app.run_async(headless=True, size=size, auto_pilot=take))
    if not taken:
        board = app.desk.board
        raise NoDaemon(board.lost_reason or "no daemon answers", board.lost_hint)
    _write(path, taken[0])


async def _rest(app: Console, pilot: Pilot[Any]) -> None:
    """Until the console awaits nothing that was asked for."""
    began = since = time.monotonic()
    while time.monotonic() - since < QUIET and time.monotonic() - began < LONGEST:
        await pilot.pause(0.02)
        if app.desk.link.busy:
            since = time.monotonic()


def _write(path: Path, picture: str) -> None:
    try:
        path.write_text(portable(picture), encoding="utf-8")
    except OSError as error:
        raise StewardError(f"{path} cannot be written: {error.strerror}") from None
