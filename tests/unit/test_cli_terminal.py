"""The command line in processes of its own: bytes, signals, terminals, time."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.fake_daemon import FakeDaemon

CLI = [sys.executable, "-m", "steward.cli"]


def environ(folder: Path) -> dict[str, str]:
    root = str(Path(__file__).parents[2])
    return {**os.environ, "STEWARD_STATE_DIR": str(folder), "PYTHONPATH": root, "TERM": "xterm"}


def test_output_is_byte_exact_where_there_is_no_terminal(
    daemon: FakeDaemon, tmp_path: Path
) -> None:
    script = "import os; os.write(1, bytes(range(256))); os.write(2, b'\\xff\\x1b[31m')"
    ran = subprocess.run(
        [*CLI, "send", "ship1", "--", sys.executable, "-c", script],
        env=environ(tmp_path),
        capture_output=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, bytes(range(256)), b"\xff\x1b[31m")


def test_a_terminal_is_shown_symbols(daemon: FakeDaemon, tmp_path: Path) -> None:
    shown = in_terminal(tmp_path, "send", "ship1", "--", "printf", r"a\033[31mb\302\233\ttab\n")
    assert shown == "a␛[31mb\N{REPLACEMENT CHARACTER}  tab\r\n".replace("  tab", "\ttab")
    shown = in_terminal(tmp_path, "send", "ship1", "--", "sh", "-c", "exit 3")
    assert "steward: ship1: failed (exit 3)" in shown


def in_terminal(folder: Path, *argv: str) -> str:
    """What ``steward argv`` shows on a terminal of its own."""
    master, slave = pty.openpty()
    try:
        process = subprocess.Popen(
            [*CLI, *argv], env=environ(folder), stdin=slave, stdout=slave, stderr=slave
        )
        os.close(slave)
        shown = b""
        while True:
            try:
                read = os.read(master, 65536)
            except OSError:  # Linux says so once nobody holds the other end.
                break
            if not read:
                break
            shown += read
        process.wait(10)
    finally:
        os.close(master)
    return shown.decode()


def test_ctrl_c_says_the_id_and_exits_130(daemon: FakeDaemon, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*CLI, "send", "ship9", "--", "true"],
        env=environ(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 10
    while not daemon.asked("wait"):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=10)
    (id,) = daemon.messages
    assert (process.returncode, out) == (130, "")
    assert f"interrupted; ship9: message {id} goes on" in err
    assert "Traceback" not in err
    assert daemon.messages[id]["state"] == "queued"


def test_a_restart_of_the_daemon_is_waited_out(tmp_path: Path) -> None:
    with FakeDaemon(tmp_path) as first:
        process = subprocess.Popen(
            [*CLI, "send", "ship9", "--", "true"],
            env=environ(tmp_path),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        deadline = time.monotonic() + 10
        while not first.asked("wait"):
            assert time.monotonic() < deadline
            time.sleep(0.01)
    second = FakeDaemon(tmp_path)
    second.messages = first.messages
    (id,) = second.messages
    with second:
        second.end(id, state="succeeded", result={"exitCode": 0, "stdout": "late\n"})
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (0, "late\n")
    assert "waiting for it to come back" in err


def test_a_reader_that_has_had_enough_is_no_error(daemon: FakeDaemon, tmp_path: Path) -> None:
    script = "import sys; sys.stdout.write('x\\n' * 30_000)"
    sending = f"{' '.join(CLI)} send 'ship*' -- {sys.executable} -c \"{script}\""
    command = f"{sending} | head -n 1; exit ${{PIPESTATUS[0]}}"
    ran = subprocess.run(
        ["bash", "-c", command],
        env=environ(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (128 + signal.SIGPIPE, "ship1:\n", "")


def test_a_verb_starts_quickly(tmp_path: Path) -> None:
    spent = []
    for _ in range(5):
        began = os.times()
        ran = subprocess.run(
            [*CLI, "messages", "ls"], env=environ(tmp_path), capture_output=True, check=False
        )
        ended = os.times()
        # Processor time, the best of five: how busy the machine is isn't measured here.
        spent.append(ended.children_user + ended.children_system)
        spent[-1] -= began.children_user + began.children_system
        assert ran.returncode == 5
    assert min(spent) <= 0.25
