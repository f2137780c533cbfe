"""``steward messages output``: whole, byte for byte, and going on where it was cut off."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

from steward.control.whole_output import CHUNK
from tests.fake_daemon import FakeDaemon
from tests.unit.conftest import Steward


def send(steward: Steward, *argv: str) -> str:
    """Send something, and return its id."""
    ran = steward("send", "-o", "ids", *argv)
    return ran.out.strip()


BIG = 5 * CHUNK + 77


def big(steward: Steward) -> tuple[str, bytes]:
    """A message whose output is cut, and what it was."""
    script = f"import random, sys; sys.stdout.buffer.write(random.Random(7).randbytes({BIG}))"
    id = send(steward, "ship1", "--", sys.executable, "-c", script)
    import random

    return id, random.Random(7).randbytes(BIG)


def pulled(folder: Path, *argv: str) -> subprocess.CompletedProcess[bytes]:
    root = str(Path(__file__).parents[2])
    env = {**os.environ, "STEWARD_STATE_DIR": str(folder), "PYTHONPATH": root}
    command = [sys.executable, "-m", "steward.cli", "messages", "output", *argv]
    return subprocess.run(command, env=env, capture_output=True, check=False)


def test_output_is_whole_and_byte_exact(
    daemon: FakeDaemon, steward: Steward, tmp_path: Path
) -> None:
    id, data = big(steward)
    ran = pulled(tmp_path, id)
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert hashlib.sha256(ran.stdout).digest() == hashlib.sha256(data).digest()


def test_output_goes_on_where_it_was_cut_off(
    daemon: FakeDaemon, steward: Steward, tmp_path: Path
) -> None:
    id, data = big(steward)
    daemon.chunk_limit = 2
    to = tmp_path / "output"
    ran = steward("messages", "output", id, "--to", str(to))
    assert ran.status == 4
    assert "did not send the rest: undelivered: no link" in ran.err
    have = (tmp_path / "output.part").stat().st_size
    assert have > 2 * CHUNK
    assert not to.exists()
    daemon.chunk_limit = None
    daemon.calls.clear()
    ran = steward("messages", "output", id, "--to", str(to))
    assert ran.status == 0
    assert f"{have:,} of {BIG:,} bytes" in ran.err
    assert to.read_bytes() == data
    assert not (tmp_path / "output.part").exists()
    first = daemon.asked("submit")[0]["messages"][0]
    assert int(first["data"][2]) == have


def test_output_that_is_not_what_was_announced_is_not_taken(
    daemon: FakeDaemon, steward: Steward, tmp_path: Path
) -> None:
    id, _data = big(steward)
    daemon.outputs[id, "stdout"] = bytes(BIG)
    to = tmp_path / "output"
    ran = steward("messages", "output", id, "--to", str(to))
    assert ran.status == 1
    assert "is not what was announced" in ran.err
    assert not to.exists()
    assert not (tmp_path / "output.part").exists()
    daemon.outputs[id, "stdout"] = b"short"
    assert pulled(tmp_path, id).returncode == 1


def test_output_of_both_streams_and_of_one(daemon: FakeDaemon, steward: Steward) -> None:
    id = send(steward, "ship1", "--", "sh", "-c", "echo out; echo err >&2; exit 3")
    assert steward("messages", "output", id) == (0, "out\n", "err\n")
    assert steward("messages", "output", id, "--stream", "stderr") == (0, "err\n", "")
    told = json.loads(steward("messages", "output", id, "-o", "json").out)
    assert told == {"id": id, "stdout": "out\n", "stderr": "err\n"}


def test_output_of_what_has_none_exits_as_the_message(daemon: FakeDaemon, steward: Steward) -> None:
    for state, status in (("queued", 4), ("refused", 7), ("undelivered", 4)):
        daemon.outcomes["ship1"] = {"state": state, "confirmed": True}
        id = steward("send", "ship1", "--detach", "--", "true").out.strip()
        assert steward("messages", "output", id).status == status
