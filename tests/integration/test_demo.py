"""``steward demo`` itself is a program, too: how it says that it cannot, and how it ends."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from node.demo import demo
from node.world import World
from steward.errors import StewardError
from tests.integration.shell import Shell
from tests.integration.test_flotilla import processes_of


def test_a_node_that_does_not_start_is_told_of_with_its_last_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(World, "program", (sys.executable, "-c", "exit('no room at all')"))
    ended = CliRunner().invoke(demo, [], standalone_mode=False)
    assert isinstance(ended.exception, StewardError)
    assert "did not start" in ended.exception.text
    assert "no room at all" in ended.exception.hint


@pytest.mark.parametrize("flags", [(), ("--secure",)])
async def test_it_can_be_ended_at_any_time_and_leaves_nothing(
    tmp_path: Path, flags: tuple[str, ...]
) -> None:
    process = await Shell(tmp_path).begin("demo", *flags)
    assert process.stdout is not None
    folder = Path((await process.stdout.readline()).decode().split()[-1])
    async with asyncio.timeout(30):
        while not (folder / "central" / "steward.sock").exists():
            await asyncio.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, err = await process.communicate()
    assert process.returncode == 1
    assert b"Traceback" not in err
    assert not folder.exists()
    assert processes_of(folder) == []
