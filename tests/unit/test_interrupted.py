"""What a power cut leaves of a run, and what is said of it: what is known, and no more."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from node import output, spawn
from node.runs import Adopted, RunKey, Runs
from steward.message import State
from tests.integration.test_runner import Daemon, ask

KEY = RunKey("0123456789abcdef")
EARLIER = "an earlier boot"


@pytest.fixture
async def runs(tmp_path: Path) -> AsyncIterator[Runs]:
    async with Daemon(tmp_path) as daemon:
        yield daemon.runs
    if (tmp_path / "runner.sock").exists():
        os.kill(ask(tmp_path, {"op": "list"})["pid"], signal.SIGKILL)


def left(state: Path, claim: bytes, exit: bytes | None = None) -> None:
    folder = state / "runs" / KEY
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "claim").write_bytes(claim)
    (folder / "stdout").write_bytes(b"so far")
    if exit is not None:
        (folder / "exit").write_bytes(exit)


@pytest.mark.parametrize("claim", [b"", b"\0\0\0", b'{"wall": 5.0, "boot": "an earlier boot"}\n'])
@pytest.mark.parametrize("exit", [None, b"", b'{"exitCode": 0, "sta', b"\0\0\0\0"])
async def test_whatever_the_power_left_says_that_the_power_went(
    runs: Runs, tmp_path: Path, claim: bytes, exit: bytes | None
) -> None:
    left(tmp_path, claim, exit)
    assert await runs.adopt(KEY, EARLIER) is Adopted.LOST
    ending = await runs.outcome(KEY)
    # Nobody knows how far it was: it may have been about to start, or have just ended.
    said = "the machine lost power, or was reset, before the command's end was on disk"
    assert (ending.state, ending.reason) == (State.INTERRUPTED, said)
    assert ending.result["stdout"] == "so far"
    assert ending.started == (5.0 if b"wall" in claim else 0.0)
    record = json.loads((tmp_path / "runs" / KEY / "exit").read_bytes())
    assert record["killed"] == "interrupted"


async def test_a_claim_without_content_of_this_boot_says_that_the_runner_was_killed(
    runs: Runs, tmp_path: Path
) -> None:
    left(tmp_path, b"")
    assert await runs.adopt(KEY, spawn.BOOT) is Adopted.LOST
    assert (await runs.outcome(KEY)).reason == "the runner was killed as the command started"


async def test_a_whole_exit_record_of_an_earlier_boot_is_the_end(
    runs: Runs, tmp_path: Path
) -> None:
    left(tmp_path, b"", b'{"exitCode": 3, "started": 1.0, "ended": 2.0, "stdoutSize": 6}')
    assert await runs.adopt(KEY, EARLIER) is Adopted.EXITED
    record = output.read_exit(tmp_path / "runs" / KEY)
    assert record is not None
    assert (record.exit_code, record.stdout_size) == (3, 6)
