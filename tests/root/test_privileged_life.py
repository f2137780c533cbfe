"""As root: the privileged runner's life: kills, deadlines, restarts, a daemon that is killed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from node import accounts, fork, output, spawn
from node.fork import Terms
from node.runner_socket import ALREADY_RUNS
from node.runs import Adopted, RunKey, Runs
from steward.errors import Refused, RunnerError
from steward.message import State
from steward.subjects import NodeName
from tests.root.privileged import OTHER, OWNER, Privileged, alive, as_user, eventually, status_of

GAMES = pwd.getpwnam(OTHER)


async def no_more(_sender: NodeName) -> Sequence[bytes]:
    """Statements about an order's sender, beside those that the runner has."""
    return ()


def test_a_command_of_another_user_is_killed_with_its_group(unit: Privileged) -> None:
    key, pids = unit.key(), Path("/tmp") / f"steward-{os.getpid()}.pids"
    pids.touch(mode=0o666)
    pids.chmod(0o666)
    script = f"trap '' TERM; sleep 60 & echo $$ $! > {pids}; wait; wait; sleep 60"
    try:
        unit.ask({"op": "start", "key": key, "order": unit.keys.order("sh", "-c", script)})
        eventually(lambda: len(pids.read_text().split()) == 2)
        both = [int(pid) for pid in pids.read_text().split()]
        assert Path(f"/proc/{both[0]}").stat().st_uid == GAMES.pw_uid
        assert as_user(OWNER, lambda: unit.ask({"op": "kill", "key": key}))["killing"]
        record = unit.ended(key)
        assert (record["killed"], record["signal"]) == ("cancelled", signal.SIGKILL)
        eventually(lambda: not any(map(alive, both)))
    finally:
        pids.unlink()


def test_a_deadline_holds(unit: Privileged) -> None:
    record = unit.run("sleep", "60", methodTimeout=0.2)
    assert (record["killed"], record["signal"]) == ("timed_out", signal.SIGTERM)


def test_a_stopped_child_of_another_user_does_not_stop_the_runner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until its exec it may be stopped by any process of its user's."""
    whole = accounts.become

    def become(account: accounts.Account) -> None:
        whole(account)
        os.kill(os.getpid(), signal.SIGSTOP)

    def start() -> object:
        power = accounts.RootPower(owner.pw_uid, owner.pw_gid)
        terms = Terms(account=accounts.named(OTHER))
        told = fork.start(["true"], {"PATH": "/bin"}, folder, b"", terms, power)
        with contextlib.suppress(ChildProcessError):
            return ["left", os.waitpid(-1, os.WNOHANG)]
        return [*told, os.geteuid()]

    owner = pwd.getpwnam(OWNER)
    monkeypatch.setattr(fork, "become", become)
    monkeypatch.setattr(fork, "START_WITHIN", 0.3)
    folder = os.open(tmp_path, os.O_RDONLY)
    os.chown(tmp_path, owner.pw_uid, owner.pw_gid)
    pid, code, reason, euid = as_user("root", start)
    assert (pid, code, euid) == (0, 126, owner.pw_uid)
    assert "not ready within 0.3 s" in reason


def test_what_spares_the_runner_when_memory_runs_out_spares_no_command(unit: Privileged) -> None:
    score = Path(f"/proc/{unit.pid}/oom_score_adj")
    try:
        score.write_text("-500")  # as its unit has it
    except PermissionError:
        score.write_text("100")  # in a container
    assert unit.run("cat", "/proc/self/oom_score_adj")["stdout"] == "0\n"


def test_it_is_small(unit: Privileged) -> None:
    for _ in range(100):
        unit.run("true")
    status = status_of(Path(f"/proc/{unit.pid}/status").read_text())
    assert int(status["VmRSS"].split()[0]) <= 16 * 1024
    assert status["Threads"] == "1"
    uids = status["Uid"].split()
    assert uids == ["0", str(unit.owner.pw_uid), "0", str(unit.owner.pw_uid)]


def test_told_to_stop_it_starts_nothing_more_and_waits_for_what_runs(unit: Privileged) -> None:
    key = unit.key()
    unit.ask({"op": "start", "key": key, "order": unit.keys.order("sleep", "1")})
    os.kill(unit.pid, signal.SIGTERM)
    eventually(lambda: "stopped" in str(unit.ask({"op": "start", "key": unit.key(), "order": {}})))
    assert unit.ended(key)["exitCode"] == 0
    assert unit.process is not None
    assert unit.process.wait(10) == 0
    assert not unit.socket.exists()


@asynccontextmanager
async def daemon(unit: Privileged) -> AsyncIterator[Runs]:
    """The daemon's side; leaving it is as kill -9 would be."""
    runs = Runs(unit.state)
    runs.statements = no_more
    task = asyncio.create_task(runs.run())
    try:
        yield runs
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, RunnerError):
            await task


async def start(runs: Runs, unit: Privileged, *argv: str) -> RunKey:
    key = RunKey(unit.key())
    order = unit.keys.order(*argv, id=f"m-{key}")
    await runs.start(key, ["never"], {"NEVER": "1"}, None, b"", {"order": order})
    return key


async def test_a_command_outlives_the_daemon_and_is_found_again(unit: Privileged) -> None:
    async with daemon(unit) as first:
        key = await start(first, unit, "sh", "-c", "sleep 0.5; id -un")
        short = await start(first, unit, "true")
        async with asyncio.timeout(10):
            assert await first.exited.get() == short
    async with daemon(unit) as second:
        assert await second.adopt(key, spawn.BOOT) is Adopted.RUNNING
        assert await second.adopt(short, spawn.BOOT) is Adopted.EXITED
        async with asyncio.timeout(10):
            assert await second.exited.get() == key
        assert (await second.outcome(key)).result["stdout"] == f"{OTHER}\n"


async def test_what_it_refuses_never_starts_and_says_why(unit: Privileged) -> None:
    async with daemon(unit) as runs:
        key = RunKey(unit.key())
        with pytest.raises(Refused, match="not signed"):
            await runs.start(key, ["true"], {}, None)
        await asyncio.to_thread(os.sync)  # loads what an unprivileged user may not find
        os.seteuid(unit.owner.pw_uid)  # as the daemon does it
        try:
            assert await runs.forbid(key, "it is not signed")
        finally:
            os.seteuid(0)
        with pytest.raises(Refused, match="it is not signed"):
            await runs.start(key, ["true"], {}, None, b"", {"order": unit.keys.order("true")})


async def test_a_killed_runner_interrupts_its_commands_and_the_next_one_ends_them(
    unit: Privileged,
) -> None:
    async with daemon(unit) as runs:
        key = await start(runs, unit, "sleep", "60")
        claim = output.read_claim(unit.state / "runs" / key)
        assert claim is not None
        unit.kill()
        assert alive(claim.pid)
        await asyncio.to_thread(unit.start)
        async with asyncio.timeout(10):
            assert await runs.exited.get() == key
        assert not alive(claim.pid)
        assert (await runs.outcome(key)).state is State.INTERRUPTED
        after = await start(runs, unit, "true")
        async with asyncio.timeout(10):
            assert await runs.exited.get() == after


async def test_without_it_commands_wait_and_no_other_runner_is_started(unit: Privileged) -> None:
    async with daemon(unit) as runs:
        unit.kill()
        asked = asyncio.create_task(start(runs, unit, "true"))
        await asyncio.sleep(1)
        assert not asked.done()
        assert not (unit.state / "runner.sock").exists()
        await asyncio.to_thread(unit.start)
        async with asyncio.timeout(10):
            assert await runs.exited.get() == await asked


def test_two_runners_keep_out_of_each_others_way(unit: Privileged) -> None:
    assert unit.launch().wait(10) == ALREADY_RUNS
    assert unit.run("true")["exitCode"] == 0
