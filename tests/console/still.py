"""A console's screen once nothing on it moves any more, as SVG."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from textual.pilot import Pilot
from textual.widgets import Input

from tui.app import Console
from tui.svg import portable

QUIET = 0.4
"""Seconds without a change: longer than the console waits for the hand to rest, and to draw."""
DEADLINE = 20.0


async def drawn(pilot: Pilot[Any]) -> str:
    """The picture, once it stays the same."""
    taken, since, began = "", time.monotonic(), time.monotonic()
    while True:
        for field in pilot.app.screen.query(Input):
            field.cursor_blink = False
        await pilot.pause(0.05)
        now = time.monotonic()
        svg = portable(pilot.app.export_screenshot(title="steward console"))
        if svg != taken:
            taken, since = svg, now
        elif now - since > QUIET:
            return svg
        if now - began > DEADLINE:
            raise AssertionError("the screen doesn't come to rest")


async def take(pilot: Pilot[Any], step: str) -> None:
    """Press a key, or type a text: ``'df -h``."""
    if step.startswith("'"):
        field = pilot.app.focused
        assert isinstance(field, Input), f"nothing to type {step} in"
        field.insert_text_at_cursor(step[1:])
    else:
        await pilot.press(step)


async def screen(app: Console, size: tuple[int, int], steps: Sequence[str]) -> str:
    """What ``app`` shows after these steps."""
    async with app.run_test(size=size, notifications=True) as pilot:
        await drawn(pilot)
        for step in steps:
            await take(pilot, step)
            await drawn(pilot)
        return await drawn(pilot)
