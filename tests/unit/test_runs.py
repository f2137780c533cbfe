"""What a run leaves behind, read back: results, chunks, claims, names, retention."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from node import accounts, output, spawn
from node.output import Claim, Ending
from node.runs import Adopted, Runs, key
from steward.errors import NotPossible, UnknownId
from steward.message import State

KEY = key("mine", "theirs", "ship1.CommandACK.ShellCommand", 1, "id-1")


def ended(folder: Path, stdout: bytes = b"", stderr: bytes = b"", **how: Any) -> Path:
    """A run's folder as the runner leaves it."""
    folder.mkdir(parents=True)
    (folder / "claim").write_text(json.dumps({"wall": 5.0, "boot": spawn.BOOT}) + "\n")
    (folder / "stdout").write_bytes(stdout)
    (folder / "stderr").write_bytes(stderr)
    record = {"exitCode": 0, "signal": None, "killed": None, "started": 5.0, "ended": 6.5}
    sizes = {"stdoutSize": len(stdout), "stderrSize": len(stderr)}
    (folder / "exit").write_text(json.dumps(record | sizes | how))
    return folder


def ending(folder: Path) -> Ending:
    record = output.read_exit(folder)
    assert record is not None
    return output.read_ending(folder, record)


def test_a_key_depends_on_every_part_of_the_name() -> None:
    names = [
        ("a", "b", "c", 1, "d"),
        ("ab", "", "c", 1, "d"),
        ("a", "b", "c", 11, "d"),
        ("a", "b", "c", 1, "1d"),
    ]
    assert len({key(*name) for name in names}) == len(names)
    assert key(*names[0]) == key(*names[0])
    assert len(key(*names[0])) == 32


def test_short_output_is_in_the_result_as_it_is(tmp_path: Path) -> None:
    found = ending(ended(tmp_path / KEY, b"out\n", "é\n".encode(), cpuSeconds=0.5, maxRssBytes=9))
    assert found[:4] == (State.SUCCEEDED, "", 5.0, 6.5)
    assert found.result == {
        "exitCode": 0,
        "signal": None,
        "cpuSeconds": 0.5,
        "maxRssBytes": 9,
        "stdout": "out\n",
        "stdoutSize": 4,
        "stdoutSha256": hashlib.sha256(b"out\n").hexdigest(),
        "stdoutCut": 0,
        "stderr": "é\n",
        "stderrSize": 3,
        "stderrSha256": hashlib.sha256("é\n".encode()).hexdigest(),
        "stderrCut": 0,
    }


def test_bytes_that_are_no_text_travel_as_base64(tmp_path: Path) -> None:
    found = ending(ended(tmp_path / KEY, b"\xff\x00\xfe")).result
    assert "stdout" not in found
    assert base64.b64decode(found["stdoutB64"]) == b"\xff\x00\xfe"


@pytest.mark.parametrize(
    ("out", "err", "room"),
    [
        (10, 20, (10, 20)),
        (65536, 0, (65536, 0)),
        (65536, 1, (65535, 1)),
        (1 << 20, 1 << 20, (32768, 32768)),
        (100, 1 << 20, (100, 65436)),
    ],
)
def test_what_one_output_leaves_the_other_gets(out: int, err: int, room: tuple[int, int]) -> None:
    assert output.shares(out, err) == room


def test_long_text_is_cut_between_its_characters(tmp_path: Path) -> None:
    text = "a" + "é€😀" * 20000
    data = text.encode()
    found = ending(ended(tmp_path / KEY, data)).result
    head, tail = found["stdout"], found["stdoutTail"]
    assert text.startswith(head)
    assert text.endswith(tail)
    kept = len(head.encode()) + len(tail.encode())
    assert found["stdoutCut"] == len(data) - kept
    assert 65536 - 6 <= kept <= 65536
    assert found["stdoutSha256"] == hashlib.sha256(data).hexdigest()


def test_what_a_grandchild_wrote_after_the_end_is_not_output(tmp_path: Path) -> None:
    folder = ended(tmp_path / KEY, b"first", stdoutSize=3)
    assert ending(folder).result["stdout"] == "fir"
    assert output.read_chunk(folder, "stdout", 0, 100) == b"fir"


def test_output_that_the_power_took_is_said_to_be_lost(tmp_path: Path) -> None:
    found = ending(ended(tmp_path / KEY, b"abc", stdoutSize=10, stdoutLost=5)).result
    assert (found["stdoutSize"], found["stdoutLost"], found["stdout"]) == (3, 12, "abc")


@pytest.mark.parametrize(
    ("how", "state"),
    [
        ({"exitCode": 3}, State.FAILED),
        ({"exitCode": None, "signal": 9}, State.FAILED),
        ({"exitCode": 0, "killed": "timed_out"}, State.TIMED_OUT),
        ({"exitCode": None, "killed": "cancelled"}, State.CANCELLED),
        ({"exitCode": None, "killed": "interrupted"}, State.INTERRUPTED),
        ({"exitCode": "three"}, State.INTERRUPTED),
    ],
)
def test_how_it_ended_is_its_state(tmp_path: Path, how: dict[str, Any], state: State) -> None:
    assert ending(ended(tmp_path / KEY, **how)).state is state


def test_chunks_put_together_are_the_output(tmp_path: Path) -> None:
    data = os.urandom(700_000)
    folder = ended(tmp_path / KEY, data)
    pieces, at = [], 0
    while piece := output.read_chunk(folder, "stdout", at, 1 << 30):
        assert len(piece) <= output.IN_CHUNK
        pieces.append(piece)
        at += len(piece)
    assert b"".join(pieces) == data
    assert output.read_chunk(folder, "stdout", 3, 4) == data[3:7]


def test_a_chunk_of_nothing_says_why(tmp_path: Path) -> None:
    folder = ended(tmp_path / KEY)
    with pytest.raises(NotPossible):
        output.read_chunk(folder, "../claim", 0, 10)
    with pytest.raises(NotPossible):
        output.read_chunk(folder, "stdout", -1, 10)
    with pytest.raises(UnknownId):
        output.read_chunk(tmp_path / "none", "stdout", 0, 10)


@pytest.mark.parametrize("left", [b"", b'{"wall": 1', b"\0\0\0", b"[1]\n", b'{"wall": "x"}\n'])
def test_what_the_power_left_of_a_claim_is_a_claim(tmp_path: Path, left: bytes) -> None:
    (tmp_path / "claim").write_bytes(left)
    assert output.read_claim(tmp_path) == Claim()


def test_no_claim_is_none(tmp_path: Path) -> None:
    assert output.read_claim(tmp_path) is None


def test_the_plain_environment_has_what_a_shell_needs() -> None:
    assert set(accounts.environment(accounts.numbered(os.geteuid()))) == {
        "PATH",
        "HOME",
        "USER",
        "LOGNAME",
        "LANG",
        "SHELL",
    }


async def test_what_is_forbidden_stays_so(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    assert await runs.adopt(KEY, spawn.BOOT) is Adopted.UNCLAIMED
    assert await runs.forbid(KEY)
    assert await runs.forbid(KEY)
    assert await runs.adopt(KEY, spawn.BOOT) is Adopted.FORBIDDEN


async def test_a_run_of_an_earlier_boot_without_a_claim_is_lost(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    for _ in range(2):
        assert await runs.adopt(KEY, "an earlier boot") is Adopted.LOST
    found = await runs.outcome(KEY)
    assert found.state is State.INTERRUPTED
    assert "lost power" in found.reason


async def test_an_exit_record_needs_no_runner(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    ended(tmp_path / "runs" / KEY, b"x" * 70_000, exitCode=1)
    assert await runs.adopt(KEY, spawn.BOOT) is Adopted.EXITED
    found = await runs.outcome(KEY)
    assert (found.state, found.result["stdoutSize"]) == (State.FAILED, 70_000)


async def test_an_outcome_of_nothing_says_why(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    with pytest.raises(UnknownId):
        await runs.outcome(KEY)
    folder = ended(tmp_path / "runs" / KEY)
    (folder / "exit").unlink()
    with pytest.raises(NotPossible):
        await runs.outcome(KEY)


async def test_what_is_pruned_is_gone_and_what_runs_stays(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    keys = [key("mine", "theirs", "subject", i, "id") for i in range(4)]
    for name in keys[:3]:
        ended(tmp_path / "runs" / name, b"output")
    (tmp_path / "runs" / keys[2] / "exit").unlink()
    await runs.prune([*keys[1:], keys[1]])
    assert {path.name for path in (tmp_path / "runs").iterdir()} == {keys[0], keys[2]}


async def test_half_a_removal_is_finished_by_the_next(tmp_path: Path) -> None:
    ended(tmp_path / "runs" / ".going" / KEY)
    await Runs(tmp_path).prune([])
    assert list((tmp_path / "runs").iterdir()) == []


async def test_pruning_where_nothing_ever_ran_is_no_trouble(tmp_path: Path) -> None:
    await Runs(tmp_path).prune([KEY])
