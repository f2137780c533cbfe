"""However the console ends, its exit status says so and the terminal is as it was before."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from tests.console.terminal import Terminal, terminal

FAULT = """
import sys
from steward.cli import main
from tui.app import Console

def broken(self: Console) -> None:
    raise LookupError("a fault of its own")

Console.do_theme = broken
main(sys.argv[1:])
"""


@pytest.mark.parametrize(
    ("how", "status"),
    [("q", 0), ("t", 1), (signal.SIGTERM, 128 + signal.SIGTERM), (signal.SIGINT, 130)],
)
async def test_its_exit_status_and_its_terminal(
    how: str | signal.Signals, status: int, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", FAULT, "console", "--state-dir", str(tmp_path / "none")]
    env = {"XDG_STATE_HOME": str(tmp_path), "PYTHONPATH": os.getcwd()}
    async with terminal(command, (100, 30), env) as here:
        before = here.modes
        await here.sees("No daemon answers")
        assert here.modes != before
        await ended(here, how)
        assert here.process.returncode == status
        assert here.modes == before
        if status == 1:
            await here.sees("LookupError", "the console ended by a fault of its own")


async def ended(here: Terminal, how: str | signal.Signals) -> None:
    if isinstance(how, str):
        await here.press(how)
    else:
        here.process.send_signal(how)
    async with asyncio.timeout(20):
        await here.process.wait()
