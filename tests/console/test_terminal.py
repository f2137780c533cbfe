"""Four tasks of an operator's day, done in a real terminal against real daemons, keys counted."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.console.terminal import Terminal, terminal
from tests.fault.fleet import Fleet, fleet

SIZE = (120, 34)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Fleet]:
    """A broker, central, and three ships."""
    async with fleet(tmp_path / "world") as here:
        for name in ("central", "ship1", "ship2", "ship3"):
            await here.start(name)
        yield here


@pytest.fixture
async def operator(world: Fleet, tmp_path: Path) -> AsyncIterator[Terminal]:
    """Somebody in front of central's console, who sees all nodes online."""
    command = [sys.executable, "-m", "steward.cli", "console"]
    command += ["--state-dir", str(world.folder / "central")]
    home = {"XDG_STATE_HOME": str(tmp_path / "state"), "PYTHONPATH": os.getcwd()}
    async with terminal(command, SIZE, home) as here:
        await here.sees("ship1", "ship2", "ship3", "● online")
        yield here


async def test_find_a_node_and_run_a_command_on_it(operator: Terminal) -> None:
    await operator.press("/", *"ship2", "enter", "c")
    await operator.sees("What will happen")
    await operator.types("echo ahoy from ship")
    await operator.sees("ship2 is online", "-- echo ahoy from ship")
    await operator.press("enter")
    await operator.sees("✓ succeeded", "ahoy from ship", "timeline")
    assert "ship2" in operator.text
    assert operator.keys <= 12


async def test_follow_a_message_to_a_node_that_is_away(world: Fleet, operator: Terminal) -> None:
    await world.nodes["ship3"].kill()
    await operator.press("/", *"ship3", "enter")
    await operator.sees("○ offline")
    await operator.press("c")
    await operator.sees("What will happen", "offline: waits until it is back")
    await operator.types("echo late but there")
    await operator.press("f2", "1", "f5")  # the options: it waits a second for a receipt
    await operator.sees("Send this to ship3?")
    await operator.press("y")
    await operator.sees("timeline", "ship3 is offline", "attempt")
    await operator.until(lambda: tries(operator.text) >= 2, "its second attempt")
    assert operator.keys <= 12 + len("ship3")
    await world.nodes["ship3"].start()
    await operator.sees("✓ succeeded", "delivered", "late but there")
    await operator.press("esc", "2")
    await operator.sees("✓ succeeded", "echo late")


def tries(text: str) -> int:
    """The number beside ``attempts``, 0 where there is none."""
    found = re.search(r"attempts +(\d+)", text)
    return int(found[1]) if found else 0


async def test_find_the_error_that_a_node_reported_and_open_its_message(
    world: Fleet, operator: Terminal
) -> None:
    (id,) = await world.submit(world.shell("ship1", "exec sleep 612.25"))
    await world.reaches(id, "running")
    lights_out(str(world.folder / "ship1"), "sleep 612.25")
    await world.nodes["ship1"].start()
    await world.ends([id])
    await operator.press("4")
    await operator.sees("✗ error", "ship1", "interrupted")
    await operator.press("enter")
    await operator.sees("↯ interrupted", "timeline", id)
    assert operator.keys == 2


def lights_out(*marks: str) -> None:
    """What a power cut does to a machine: all its programs at once are gone."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            with contextlib.suppress(OSError):
                words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                if any(mark in words for mark in marks):
                    os.kill(int(folder.name), signal.SIGKILL)


async def test_cancel_a_running_command(operator: Terminal) -> None:
    await operator.press("/", *"ship1", "enter", "c")
    await operator.sees("What will happen")
    await operator.types("sleep 600")
    await operator.sees("ship1 is online")
    await operator.press("enter")
    await operator.sees("▶ running")
    await operator.press("esc", "2")
    await operator.sees("▶ running", "sleep 600")
    before = operator.keys
    await operator.press("K")
    await operator.sees("Cancel this message?")
    await operator.press("y")
    await operator.sees("– cancelled")
    assert operator.keys - before == 2
    await operator.press("q")
    assert await operator.process.wait() == 0
