"""``steward messages follow`` against real nodes: what is printed, when, and how it ends."""

from __future__ import annotations

import asyncio
import json
import signal

import pytest

from tests.fault.fleet import Fleet
from tests.integration.shell import Shell

pytestmark = pytest.mark.asyncio(loop_scope="module")

STEPS = "for i in 1 2 3 4 5 6; do echo out $i; echo err $i >&2; sleep 0.5; done; exit 3"


async def test_it_prints_both_streams_as_they_come_and_ends_as_the_command_does(
    typed: Shell, town: Fleet
) -> None:
    [id] = await town.submit(town.shell("ship1", STEPS))
    process = await typed.begin("messages", "follow", id)
    assert process.stdout is not None
    async with asyncio.timeout(15):
        assert await process.stdout.readline() == b"out 1\n"
        assert (await town.show(id))["state"] in ("delivered", "running")
        out, err = await process.communicate()
    assert out == b"".join(b"out %d\n" % i for i in range(2, 7))
    assert err == b"".join(b"err %d\n" % i for i in range(1, 7))
    assert process.returncode == 1


async def test_of_what_has_ended_it_prints_what_the_result_has(typed: Shell, town: Fleet) -> None:
    [id] = await town.submit(town.shell("ship1", r"printf '\377\000'; seq 20000"))
    [message] = await town.ends([id])
    done = await typed("messages", "follow", id)
    left_out = message["result"]["stdoutCut"]
    assert (done.status, done.out[:6], done.out[-6:]) == (0, b"\xff\x001\n2\n", b"20000\n")
    assert len(done.out) == message["result"]["stdoutSize"] - left_out
    assert f"{left_out:,} bytes of stdout left out; all: steward messages output {id}" in done.err


async def test_what_it_joined_too_late_for_is_printed_in_the_end(typed: Shell, town: Fleet) -> None:
    script = "seq 8000; while [ ! -e %s ]; do sleep 0.1; done; echo end" % (town.folder / "go")
    [id] = await town.submit(town.shell("ship1", script))
    await town.reaches(id, "running")
    process = await typed.begin("messages", "follow", id)
    assert process.stdout is not None
    async with asyncio.timeout(15):
        first = await process.stdout.readexactly(16 * 1024)
        (town.folder / "go").touch()
        rest, err = await process.communicate()
    whole = b"".join(b"%d\n" % i for i in range(1, 8001))
    missed = len(whole) - 16 * 1024
    assert first + rest == whole[missed:] + b"end\n" + whole[:missed]
    assert f"stdout, bytes 0 to {missed - 1:,}:".encode() in err
    assert process.returncode == 0


async def test_as_lines_of_json_and_as_the_message(typed: Shell, town: Fleet) -> None:
    [id] = await town.submit(town.shell("ship1", "echo a; sleep 1.5; echo b; sleep 1.5"))
    done = await typed("messages", "follow", id, "-o", "jsonl")
    *pieces, message = done.jsonl()
    assert [p["offset"] for p in pieces] == [0, 2]
    assert "".join(p["data"] for p in pieces) == message["result"]["stdout"] == "a\nb\n"
    done = await typed("messages", "follow", id, "-o", "json")
    assert json.loads(done.out)["id"] == id
    assert (await typed("messages", "follow", id, "-o", "ids")).words() == [id]


async def test_ctrl_c_and_wait_end_the_following_and_not_the_command(
    typed: Shell, town: Fleet
) -> None:
    [id] = await town.submit(town.shell("ship2", "echo begun; sleep 60"))
    done = await typed("messages", "follow", id, "--wait", "1.5")
    assert (done.status, done.out) == (4, b"begun\n")
    assert f"stopped waiting; message {id} goes on" in done.err
    process = await typed.begin("messages", "follow", id)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"begun\n"
    process.send_signal(signal.SIGINT)
    _, err = await process.communicate()
    assert process.returncode == 130
    assert f"interrupted; message {id} goes on".encode() in err
    assert (await town.show(id))["state"] == "running"
    await town.ask("cancel", ids=[id])
    done = await typed("messages", "follow", id)
    assert done.status == 4
    assert "cancelled" in done.err


async def test_an_unknown_id_is_said_so(typed: Shell) -> None:
    done = await typed("messages", "follow", "nothing")
    assert (done.status, done.out) == (3, b"")
