"""A new node accepted, and an impostor seen, in a real terminal: real daemons, keys and TLS."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.console.terminal import Terminal, terminal
from tests.integration.fleet_with_keys import KeyedFleet, keyed_fleet

pytestmark = pytest.mark.timeout(150)
SIZE = (120, 34)


@pytest.fixture
async def yard(tmp_path: Path) -> AsyncIterator[KeyedFleet]:
    """A broker with TLS and central with keys."""
    async with keyed_fleet(tmp_path / "yard") as made:
        await made.begin()
        yield made


@pytest.fixture
async def operator(yard: KeyedFleet, tmp_path: Path) -> AsyncIterator[Terminal]:
    """Somebody in front of central's console."""
    command = [sys.executable, "-m", "steward.cli", "console"]
    command += ["--state-dir", str(yard.folder / "central")]
    home = {"XDG_STATE_HOME": str(tmp_path / "state"), "PYTHONPATH": os.getcwd()}
    async with terminal(command, SIZE, home) as here:
        await here.sees("● broker", "central", "● online")
        yield here


async def test_a_new_node_is_accepted_with_two_keys_and_the_answer(
    yard: KeyedFleet, operator: Terminal
) -> None:
    assert "accepted" not in operator.text
    fingerprint = await yard.introduce("ship1")
    await operator.sees("◇ 1 node waits to be accepted: 7")
    await operator.press("7")
    await operator.sees("◇ pending", "ship1", fingerprint)
    await operator.press("a")
    await operator.sees("Accept ship1 with this key?", fingerprint, "steward keys show")
    await operator.press("y")
    await operator.sees("ship1 is accepted", "No node waits to be accepted.")
    assert operator.keys == 3
    await operator.press("1")
    await operator.sees("ship1", "● 2 online")
    assert "waits" not in operator.text
    await yard.runs_a_command("ship1")
    await operator.press("6")
    await operator.sees("● on: nobody without an accepted key is believed")


async def test_a_name_that_returns_with_another_key_is_an_alarm_that_takes_its_name_typed(
    yard: KeyedFleet, operator: Terminal
) -> None:
    first = await yard.admit("ship1")
    await operator.sees("● 2 online")
    await yard.nodes["ship1"].stop()
    shutil.rmtree(yard.folder / "ship1")
    second = await yard.introduce("ship1")
    await operator.sees("⚠ 1 node waits to be accepted: 7")
    await operator.press("4")
    await operator.sees("✗ error", second)
    await operator.press("7")
    await operator.sees("⚠ conflict", second, f"ship1 has another key already: {first}")
    await operator.press("a")
    await operator.sees("That one is revoked by this, for ever.")
    await operator.press("y", "enter")
    await operator.sees("y is not ship1: nothing was done")
    assert [one["fingerprint"] for one in (await yard.keys())["ship1"]] == [first]
    await operator.types("\x7fship1")
    await operator.press("enter")
    await operator.sees("ship1 is accepted")
    assert [one["fingerprint"] for one in (await yard.keys())["ship1"]] == [second]
