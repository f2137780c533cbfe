"""The ordinary runner: a permit's bounds hold, a user that it is not is refused, and who asks is
looked at."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import signal
import socket
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from node import runner_socket
from node.runs import RunKey, Runs, key
from steward.errors import Refused, RunnerError
from steward.message import State


@pytest.fixture
async def runs(tmp_path: Path) -> AsyncIterator[Runs]:
    it = Runs(tmp_path, idle=0.2)
    task = asyncio.create_task(it.run())
    yield it
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, RunnerError):
        await task


async def ended(runs: Runs, script: str, terms: Mapping[str, Any], stdin: bytes = b"") -> Any:
    name = RunKey(key("a", "b", "c", 1, script))
    await runs.start(name, ["sh", "-c", script], {}, None, stdin, terms)
    async with asyncio.timeout(15):
        assert await runs.exited.get() == name
    return await runs.outcome(name)


async def test_bounds_hold_and_only_for_the_command_that_has_them(runs: Runs) -> None:
    bounds = {"memory": 256 << 20, "files": 16, "cpu": 2, "file-size": 1 << 20}
    ending = await ended(runs, "ls /proc/self/fd", {"limits": bounds}, b"in")
    assert ending.result["stdout"].split() == ["0", "1", "2", "3"]  # 3: ls itself
    ending = await ended(runs, "ulimit -v; ulimit -n; ulimit -t; cat", {"limits": bounds}, b"in")
    assert ending.result["stdout"] == f"{256 << 10}\n16\n2\nin"
    ending = await ended(runs, "while :; do :; done", {"limits": {"cpu": 1}})
    assert (ending.state, ending.result["signal"]) == (State.FAILED, signal.SIGXCPU)
    ending = await ended(runs, "ulimit -t", {})
    assert ending.result["stdout"] == "unlimited\n"


async def test_a_bound_above_what_the_system_allows_is_no_error(runs: Runs) -> None:
    bounds = dict.fromkeys(("memory", "processes", "files", "cpu", "file-size"), 2**53)
    assert (await ended(runs, "exit 3", {"limits": bounds})).result["exitCode"] == 3


async def test_its_own_user_may_be_named_and_no_other(runs: Runs, tmp_path: Path) -> None:
    own = pwd.getpwuid(os.geteuid()).pw_name
    assert (await ended(runs, "id -un", {"user": own})).result["stdout"] == f"{own}\n"
    name = RunKey("0" * 32)
    with pytest.raises(Refused, match="steward service install"):
        await runs.start(name, ["true"], {}, None, b"", {"user": "somebody-else"})
    assert not (tmp_path / "runs" / name).exists()
    assert await runs.forbid(name, "another user")
    with pytest.raises(Refused, match="another user"):
        await runs.start(name, ["true"], {}, None)


@pytest.mark.parametrize(
    "limits", [{"memory": 0}, {"memory": True}, {"memory": "1"}, {"nice": 5}, [1], {"cpu": 2**70}]
)
async def test_bounds_that_are_none_are_an_error(runs: Runs, limits: Any) -> None:
    with pytest.raises(RunnerError, match="limits"):
        await runs.start(RunKey("0" * 32), ["true"], {}, None, b"", {"limits": limits})


async def test_what_cannot_be_started_within_bounds_says_why(runs: Runs, tmp_path: Path) -> None:
    name, bounds = RunKey("0" * 32), {"limits": {"files": 16}}
    await runs.start(name, ["no-such-program"], {}, None, b"", bounds)
    ending = await runs.outcome(name)
    assert (ending.result["exitCode"], "not found" in ending.reason) == (127, True)
    (tmp_path / "script").write_text("#!/no/such/interpreter\n")
    (tmp_path / "script").chmod(0o755)
    name = RunKey("1" * 32)
    await runs.start(name, [str(tmp_path / "script")], {"A=B": "c"}, None, b"", bounds)
    assert (await runs.outcome(name)).result["exitCode"] == 126


def test_whoever_is_not_its_user_is_not_answered() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert runner_socket.may_ask(ours, os.geteuid())
        assert runner_socket.may_ask(ours, 4242) == (os.geteuid() == 0)
