"""The real runner with real processes: what is started, killed, lost and found again."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from node import runner, spawn
from node.output import Ending
from node.runs import Adopted, RunKey, Runs, key
from steward.errors import NotPossible, RunnerError
from steward.message import State

Wait = Callable[..., Awaitable[None]]


class Daemon:
    """The asyncio side, as a daemon has it. Leaving it drops the connection, as kill -9 would."""

    def __init__(self, state: Path, **settings: Any) -> None:
        self.state = state
        self.runs = Runs(state, **({"grace": 0.3, "idle": 0.5} | settings))
        self.count = 0

    async def __aenter__(self) -> Daemon:
        self.task = asyncio.create_task(self.runs.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError, RunnerError):
            await self.task

    async def start(self, *argv: str, deadline: float | None = None, **env: str) -> RunKey:
        self.count += 1
        name = key("mine", "theirs", "ship1.CommandACK.ShellCommand", self.count, str(id(self)))
        await self.runs.start(name, argv, env, deadline)
        return name

    async def shell(self, script: str, **more: Any) -> RunKey:
        return await self.start("sh", "-c", script, **more)

    async def ended(self, name: RunKey) -> Ending:
        async with asyncio.timeout(15):
            assert await self.runs.exited.get() == name
        return await self.runs.outcome(name)

    async def runner_pid(self) -> int:
        return int(ask(self.state, {"op": "list"})["pid"])


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "state"
    folder.mkdir()
    yield folder
    with contextlib.suppress(OSError):
        os.kill(ask(folder, {"op": "list"})["pid"], signal.SIGKILL)


@pytest.fixture
async def daemon(state: Path) -> AsyncIterator[Daemon]:
    async with Daemon(state) as it:
        yield it


@contextlib.contextmanager
def raw(state: Path) -> Iterator[socket.socket]:
    here = os.open(state, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(10)
        sock.connect(f"/proc/self/fd/{here}/runner.sock")
        os.close(here)
        yield sock


def ask(state: Path, *requests: Any) -> Any:
    """The last answer to raw requests."""
    with raw(state) as sock, sock.makefile("rwb") as file:
        for request in requests:
            file.write(json.dumps(request).encode() + b"\n")
            file.flush()
            answer = json.loads(file.readline())
        return answer


def alive(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


async def test_a_command_leaves_its_output_and_exit_code(daemon: Daemon) -> None:
    before = time.time()
    ending = await daemon.ended(await daemon.shell("echo out; echo err >&2; exit 3"))
    assert (ending.state, ending.reason) == (State.FAILED, "")
    assert before <= ending.started <= ending.ended <= time.time()
    result = ending.result
    assert (result["stdout"], result["stderr"], result["exitCode"]) == ("out\n", "err\n", 3)
    assert result["signal"] is None
    assert result["maxRssBytes"] > 0
    assert result["cpuSeconds"] >= 0


async def test_a_command_finds_a_plain_world(daemon: Daemon) -> None:
    script = "env | cut -d= -f1 | sort; pwd; wc -c; umask; grep -E 'Sig(Ign|Blk)' /proc/self/status"
    out = (await daemon.ended(await daemon.shell(script, STEWARD_FROM="me"))).result["stdout"]
    lines = out.splitlines()
    assert {"PATH", "HOME", "USER", "LANG", "SHELL", "STEWARD_FROM"} <= set(lines)
    assert {"PYTHONPATH", "PYTEST_CURRENT_TEST"}.isdisjoint(lines)
    assert lines[-5:-2] == [pwd.getpwuid(os.geteuid()).pw_dir, "0", "0022"]
    blocked, ignored = (int(line.split()[1], 16) for line in lines[-2:])
    assert (blocked, ignored & 0x7FFFFFFF) == (0, 0)  # above: two that the C library keeps


async def test_arguments_arrive_as_they_are(daemon: Daemon) -> None:
    words = ("a b", "", "$HOME", "é😀", "'\"\\", "line\nline", "x" * 100_000)
    ending = await daemon.ended(await daemon.start("printf", "%s|", *words))
    assert (
        ending.result["stdoutSha256"]
        == hashlib.sha256(("|".join(words) + "|").encode()).hexdigest()
    )


@pytest.mark.parametrize(
    ("argv", "code", "words"),
    [
        (["no-such-program"], 127, "not found"),
        (["/no/such/program"], 127, "not found"),
        ([""], 127, "not found"),
        (["/etc"], 126, "a folder"),
        (["/etc/passwd"], 126, "not executable"),
        (["echo", "a\0b"], 126, "null"),
        (["echo", "x" * 3_000_000], 126, "too long"),
    ],
)
async def test_what_cannot_be_started_fails_with_its_reason(
    daemon: Daemon, argv: list[str], code: int, words: str
) -> None:
    ending = await daemon.ended(await daemon.start(*argv))
    assert (ending.state, ending.result["exitCode"]) == (State.FAILED, code)
    assert words in ending.reason
    assert ending.result["stdoutSize"] == 0


async def test_a_script_with_a_missing_interpreter_is_not_found(
    daemon: Daemon, tmp_path: Path
) -> None:
    for name, first in (("missing", "#!/no/such/shell\n"), ("none", "echo hello\n")):
        (tmp_path / name).write_text(first)
        (tmp_path / name).chmod(0o755)
    ending = await daemon.ended(await daemon.start(str(tmp_path / "missing")))
    assert (ending.result["exitCode"], "interpreter" in ending.reason) == (127, True)
    ending = await daemon.ended(await daemon.start(str(tmp_path / "none")))
    assert (ending.result["exitCode"], "format" in ending.reason) == (126, True)


async def test_large_output_is_kept_and_read_in_chunks(daemon: Daemon) -> None:
    name = await daemon.shell("head -c 2000000 /dev/urandom; echo end >&2")
    ending = await daemon.ended(name)
    pieces, at = [], 0
    while piece := await daemon.runs.read(name, "stdout", at, 1 << 20):
        pieces.append(piece)
        at += len(piece)
    data = b"".join(pieces)
    result = ending.result
    assert result["stdoutSize"] == len(data) == 2_000_000
    assert result["stdoutSha256"] == hashlib.sha256(data).hexdigest()
    head, tail = (base64.b64decode(result[f"stdout{what}B64"]) for what in ("", "Tail"))
    assert data.startswith(head)
    assert data.endswith(tail)
    assert result["stdoutCut"] == len(data) - len(head) - len(tail)
    assert (result["stderr"], result["stderrCut"]) == ("end\n", 0)


async def test_an_output_past_its_limit_is_cut(state: Path) -> None:
    async with Daemon(state, limit=100_000) as daemon:
        ending = await daemon.ended(await daemon.shell("yes | head -c 300000; sleep 0.7; echo x"))
    assert ending.result["stdoutSize"] == 100_000
    assert ending.result["stdoutLost"] == 200_002
    assert ending.state is State.SUCCEEDED


async def test_a_background_process_does_not_hold_the_result(
    daemon: Daemon, tmp_path: Path, wait_for: Wait
) -> None:
    go, done = tmp_path / "go", tmp_path / "done"
    os.mkfifo(go)
    name = await daemon.shell(f"echo now; (read x < {go}; echo later; echo > {done}) & exit 0")
    ending = await daemon.ended(name)
    assert (ending.state, ending.result["stdout"]) == (State.SUCCEEDED, "now\n")
    await asyncio.to_thread(go.write_text, "\n")
    await wait_for(done.exists)
    assert await daemon.runs.read(name, "stdout", 0, 100) == b"now\n"
    assert (await daemon.runs.outcome(name)).result == ending.result


async def test_two_starts_with_one_key_start_once(daemon: Daemon, tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    name = key("a", "b", "c", 1, "d")
    command: tuple[Any, ...] = (name, ["sh", "-c", f"echo x >> {proof}"], {}, None)
    async with Daemon(daemon.state) as other:
        await asyncio.gather(*(d.runs.start(*command) for d in (daemon, other) * 5))
        await other.ended(name)
    await daemon.ended(name)
    await daemon.runs.start(*command)
    await daemon.ended(name)
    assert proof.read_text() == "x\n"
    assert daemon.runs.exited.empty()


async def test_a_forbidden_command_is_never_started(daemon: Daemon) -> None:
    name = key("a", "b", "c", 1, "d")
    assert await daemon.runs.forbid(name)
    with pytest.raises(NotPossible):
        await daemon.runs.start(name, ["true"], {}, None)
    started = await daemon.start("true")
    assert not await daemon.runs.forbid(started)


async def test_a_command_outlives_its_daemon(state: Path, tmp_path: Path) -> None:
    go = tmp_path / "go"
    os.mkfifo(go)
    async with Daemon(state) as first:
        waits = await first.shell(f"read x < {go}; echo $x")
        short = await first.shell("echo gone", deadline=20)
        await first.ended(short)
    async with Daemon(state) as second:
        assert await second.runs.adopt(waits, spawn.BOOT) is Adopted.RUNNING
        assert await second.runs.adopt(short, spawn.BOOT) is Adopted.EXITED
        await asyncio.to_thread(go.write_text, "hello\n")
        assert (await second.ended(waits)).result["stdout"] == "hello\n"
        assert (await second.runs.outcome(short)).result["stdout"] == "gone\n"


async def test_an_end_without_a_daemon_is_found_in_the_folder(
    state: Path, tmp_path: Path, wait_for: Wait
) -> None:
    go = tmp_path / "go"
    os.mkfifo(go)
    async with Daemon(state) as first:
        name = await first.shell(f"read x < {go}; exit 4")
    await asyncio.to_thread(go.write_text, "\n")
    await wait_for((state / "runs" / name / "exit").exists)
    async with Daemon(state) as second:
        assert await second.runs.adopt(name, spawn.BOOT) is Adopted.EXITED
        assert (await second.runs.outcome(name)).result["exitCode"] == 4
        assert second.runs.exited.empty()


async def test_a_lost_connection_is_made_again_and_tells_what_it_missed(daemon: Daemon) -> None:
    name = await daemon.shell("sleep 0.3; echo done")
    connection = daemon.runs._link._link
    assert connection is not None
    connection.close()
    assert (await daemon.ended(name)).result["stdout"] == "done\n"


async def test_a_killed_runner_interrupts_its_commands_and_the_next_one_serves(
    daemon: Daemon, tmp_path: Path, wait_for: Wait
) -> None:
    pids = tmp_path / "pids"
    name = await daemon.shell(f"echo before; sleep 60 & echo $$ $! > {pids}; wait")
    await wait_for(lambda: pids.exists() and len(pids.read_text().split()) == 2)
    os.kill(await daemon.runner_pid(), signal.SIGKILL)
    ending = await daemon.ended(name)
    assert (ending.state, ending.result["stdout"]) == (State.INTERRUPTED, "before\n")
    assert ending.reason == "the runner was killed while the command ran"
    await wait_for(lambda: not any(alive(int(pid)) for pid in pids.read_text().split()))
    assert (await daemon.ended(await daemon.shell("echo on"))).result["stdout"] == "on\n"


async def test_a_daemon_that_comes_back_finds_what_a_killed_runner_lost(state: Path) -> None:
    async with Daemon(state) as first:
        name = await first.shell("sleep 60")
        pid = await first.runner_pid()
    os.kill(pid, signal.SIGKILL)
    async with Daemon(state) as second:
        assert await second.runs.adopt(name, spawn.BOOT) is Adopted.LOST
        assert await second.runs.adopt(name, spawn.BOOT) is Adopted.LOST
        assert (await second.runs.outcome(name)).state is State.INTERRUPTED


async def test_a_claim_of_another_boot_says_that_the_power_went(daemon: Daemon) -> None:
    name = await daemon.start("true")
    await daemon.ended(name)
    folder = daemon.state / "runs" / name
    (folder / "exit").unlink()
    # The pid is that of a process that lives: it must not be taken for the command's.
    claim = {"wall": 1.0, "boot": "another", "pid": os.getpid(), "start": 0}
    (folder / "claim").write_text(json.dumps(claim))
    assert await daemon.runs.adopt(name, "another") is Adopted.LOST
    assert "lost power" in (await daemon.runs.outcome(name)).reason


async def test_a_deadline_holds_without_a_daemon(state: Path, wait_for: Wait) -> None:
    async with Daemon(state) as first:
        name = await first.shell("echo before; exec sleep 60", deadline=0.3)
    await wait_for((state / "runs" / name / "exit").exists)
    async with Daemon(state) as second:
        ending = await second.runs.outcome(name)
    assert (ending.state, ending.result["stdout"]) == (State.TIMED_OUT, "before\n")
    assert ending.result["signal"] == signal.SIGTERM
    assert ending.reason.startswith("ended after 0.")


async def test_a_command_that_ignores_being_asked_is_killed_with_its_group(
    daemon: Daemon, tmp_path: Path, wait_for: Wait
) -> None:
    pids = tmp_path / "pids"
    script = f"trap '' TERM; sleep 60 & echo $$ $! > {pids}; wait; wait; sleep 60"
    name = await daemon.shell(script)
    await wait_for(lambda: pids.exists() and len(pids.read_text().split()) == 2)
    asked = time.monotonic()
    assert await daemon.runs.kill(name)
    assert await daemon.runs.kill(name)
    ending = await daemon.ended(name)
    assert time.monotonic() - asked >= 0.3
    assert (ending.state, ending.result["signal"]) == (State.CANCELLED, signal.SIGKILL)
    await wait_for(lambda: not any(alive(int(pid)) for pid in pids.read_text().split()))
    assert not await daemon.runs.kill(name)


async def test_what_stays_of_a_group_that_was_told_to_end_is_killed_after_the_grace(
    daemon: Daemon, tmp_path: Path, wait_for: Wait
) -> None:
    pid = tmp_path / "pid"
    inner = f"trap '' TERM; echo $$ > {pid}; sleep 60; sleep 60"
    name = await daemon.shell(f'sh -c "{inner.replace("$", chr(92) + "$")}" & wait')
    await wait_for(lambda: pid.exists() and pid.read_text().strip())
    await daemon.runs.kill(name)
    assert (await daemon.ended(name)).state is State.CANCELLED
    await wait_for(lambda: not alive(int(pid.read_text())))


async def test_a_stopped_command_can_be_killed(daemon: Daemon) -> None:
    name = await daemon.shell("kill -STOP $$; sleep 60")
    assert await daemon.runs.kill(name)
    assert (await daemon.ended(name)).state is State.CANCELLED


async def test_a_command_killed_by_another_has_failed_with_a_signal(daemon: Daemon) -> None:
    ending = await daemon.ended(await daemon.shell("kill -9 $$"))
    assert (ending.state, ending.result["signal"]) == (State.FAILED, 9)
    assert ending.result["exitCode"] is None


async def test_many_at_once_all_end(daemon: Daemon) -> None:
    names = await asyncio.gather(*(daemon.shell("exit 0") for _ in range(100)))
    async with asyncio.timeout(60):
        ended = {await daemon.runs.exited.get() for _ in names}
    assert ended == set(names)


async def test_no_garbage_ends_the_runner(daemon: Daemon) -> None:
    first = await daemon.shell("sleep 60")
    pid = await daemon.runner_pid()
    dice = random.Random(7)
    good: dict[str, Any] = {"op": "start", "key": "a" * 32, "argv": ["true"], "env": {}}
    bad: list[Any] = [
        1, [], None, "x", {}, {"op": []}, {"op": "start"}, {"op": "kill", "key": 5},
        good | {"key": "../../etc"}, good | {"key": "A" * 32}, good | {"key": None},
        good | {"argv": []}, good | {"argv": "true"}, good | {"argv": [1]},
        good | {"env": []}, good | {"env": {"A": 1}},
        good | {"deadline": "1"}, good | {"deadline": -1}, good | {"deadline": True},
    ]  # fmt: skip
    for request in bad:
        assert "error" in ask(daemon.state, request), request
    for data in (b"\n\n", b"[" * 100_000 + b"\n", b'"\xff\xfe"\n', b"NaN\n", b'{"op":"li'):
        with raw(daemon.state) as sock:
            sock.sendall(data)
            assert data[-1:] != b"\n" or b"error" in sock.recv(4096)
    for _ in range(50):
        with raw(daemon.state) as sock, contextlib.suppress(OSError):
            sock.sendall(dice.randbytes(dice.randrange(1, 5000)))
    with raw(daemon.state) as sock, contextlib.suppress(OSError):
        for _ in range(80):
            sock.sendall(b"x" * 100_000)
    assert not (daemon.state / "runs" / ("a" * 32)).exists()
    assert await daemon.runner_pid() == pid
    assert await daemon.runs.adopt(first, spawn.BOOT) is Adopted.RUNNING
    await daemon.runs.kill(first)
    await daemon.ended(first)


async def test_a_daemon_that_does_not_read_holds_nothing_up(daemon: Daemon) -> None:
    await daemon.ended(await daemon.start("true"))
    with raw(daemon.state) as deaf:
        deaf.setblocking(False)
        line = json.dumps({"op": "list"}).encode() + b"\n"
        with contextlib.suppress(OSError):
            for _ in range(3000):
                deaf.send(line * 100)
        for _ in range(3):
            await daemon.ended(await daemon.start("true"))


async def test_a_bad_environment_is_a_reason_and_no_more(daemon: Daemon) -> None:
    name = key("a", "b", "c", 9, "d")
    await daemon.runs.start(name, ["true"], {"A=B": "c"}, None)
    ending = await daemon.ended(name)
    assert (ending.result["exitCode"], "environment" in ending.reason) == (126, True)


async def test_an_exit_record_waits_for_the_disk(daemon: Daemon, wait_for: Wait) -> None:
    name = await daemon.shell("sleep 0.3; exit 5")
    obstacle = daemon.state / "runs" / name / "exit.new"
    obstacle.mkdir()  # as a full disk: the record cannot be written
    await wait_for(lambda: not os.path.exists(f"/proc/{claimed_pid(daemon, name)}"))
    assert await daemon.runs.adopt(name, spawn.BOOT) is Adopted.RUNNING
    obstacle.rmdir()
    assert (await daemon.ended(name)).result["exitCode"] == 5


def claimed_pid(daemon: Daemon, name: RunKey) -> int:
    lines = (daemon.state / "runs" / name / "claim").read_text().splitlines()
    return int(json.loads(lines[1])["pid"])


async def test_an_idle_runner_ends_and_another_is_started_on_need(
    state: Path, wait_for: Wait
) -> None:
    async with Daemon(state, idle=0.2) as first:
        await first.ended(await first.start("true"))
        pid = await first.runner_pid()
    await wait_for(lambda: not alive(pid))
    assert not (state / "runner.sock").exists()
    async with Daemon(state) as second:
        assert (await second.ended(await second.start("true"))).state is State.SUCCEEDED


async def test_a_runner_that_nobody_needs_is_let_go_but_never_while_a_command_runs(
    state: Path, wait_for: Wait
) -> None:
    async with Daemon(state, idle=0.1, rests=0.1) as daemon:
        long = await daemon.start("sleep", "1")
        pid = await daemon.runner_pid()
        assert (await daemon.ended(long)).state is State.SUCCEEDED
        assert alive(pid)
        await wait_for(lambda: not alive(pid))
        again = await daemon.start("true")
        assert (await daemon.ended(again)).state is State.SUCCEEDED
        assert await daemon.runner_pid() != pid


async def test_two_daemons_share_one_runner(state: Path) -> None:
    async with Daemon(state) as one, Daemon(state) as two:
        await asyncio.gather(one.start("sleep", "0.2"), two.start("sleep", "0.2"))
        assert len(ask(state, {"op": "list"})["running"]) == 2


async def test_a_runner_told_to_stop_waits_for_its_commands(
    state: Path, tmp_path: Path, wait_for: Wait
) -> None:
    go = tmp_path / "go"
    os.mkfifo(go)
    async with Daemon(state) as daemon:
        name = await daemon.shell(f"read x < {go}; exit 6")
        pid = await daemon.runner_pid()
    os.kill(pid, signal.SIGTERM)
    await asyncio.to_thread(go.write_text, "\n")
    await wait_for(lambda: not alive(pid))
    assert (await Runs(state).outcome(name)).result["exitCode"] == 6


async def test_a_runner_whose_folder_is_deleted_ends(state: Path, wait_for: Wait) -> None:
    async with Daemon(state) as daemon:
        await daemon.shell("sleep 0.5")
        pid = await daemon.runner_pid()
        shutil.rmtree(state)
    await wait_for(lambda: not alive(pid))


async def test_a_state_folder_with_a_long_name_works(tmp_path: Path) -> None:
    state = tmp_path / ("long" * 40)
    state.mkdir()
    async with Daemon(state) as daemon:
        assert (await daemon.ended(await daemon.start("true"))).state is State.SUCCEEDED
        pid = await daemon.runner_pid()
    os.kill(pid, signal.SIGKILL)


async def test_a_runner_that_cannot_be_started_is_an_error(tmp_path: Path) -> None:
    runs = Runs(tmp_path / "missing")
    task = asyncio.create_task(runs.run())
    with pytest.raises(RunnerError):
        await runs.start(key("a", "b", "c", 1, "d"), ["true"], {}, None)
    with pytest.raises(RunnerError):
        await task


async def test_without_pidfds_ends_are_heard_of_all_the_same(state: Path) -> None:
    root = Path(runner.__file__).parents[1]
    script = (
        "import os, sys; del os.pidfd_open; sys.path.append(sys.argv[1]);"
        "from node import runner; sys.exit(runner.main(*sys.argv[2:]))"
    )
    command = [sys.executable, "-I", "-S", "-c", script, str(root), str(state)]
    await asyncio.to_thread(subprocess.run, command, check=True, timeout=30)
    async with Daemon(state) as daemon:
        assert (await daemon.ended(await daemon.shell("exit 5"))).result["exitCode"] == 5
        name = await daemon.start("sleep", "60", deadline=0.1)
        assert (await daemon.ended(name)).state is State.TIMED_OUT


async def test_the_runner_is_small(daemon: Daemon) -> None:
    await asyncio.gather(*(daemon.shell("head -c 100000 /dev/zero") for _ in range(50)))
    for _ in range(50):
        await daemon.runs.exited.get()
    status = Path(f"/proc/{await daemon.runner_pid()}/status").read_text()
    facts = dict(line.split(":\t") for line in status.splitlines())
    assert int(facts["VmRSS"].split()[0]) <= 12 * 1024
    assert facts["Threads"] == "1"


async def test_a_runner_of_before_starts_nothing_that_has_terms(tmp_path: Path) -> None:
    """It would ignore them: the command would run as somebody else than was permitted."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async for line in reader:
            op = msgspec.json.decode(line)["op"]
            known = op in ("start", "kill", "list")
            told = {"running": [], "started": 1, "at": 1.0} if known else {"error": "op: start, …"}
            writer.write(msgspec.json.encode(told) + b"\n")
        writer.close()
        await writer.wait_closed()

    tmp_path.chmod(0o750)
    server = await asyncio.start_unix_server(answer, tmp_path / "runner.sock")
    async with server:
        here = Runs(tmp_path)
        running = asyncio.create_task(here.run())
        try:
            assert await here.start(RunKey("a" * 32), ["true"], {}, None) == 1.0
            for more in ({"stdin": b"x"}, {"terms": {"limits": {"files": 9}}}):
                with pytest.raises(RunnerError, match="older Steward"):
                    await here.start(RunKey("b" * 32), ["true"], {}, None, **more)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await asyncio.sleep(0.05)  # the server's end of it closes, too
