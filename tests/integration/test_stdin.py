"""What a command finds on its standard input, from the command line to the process."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from tests.conftest import WaitFor
from tests.fault.fleet import Fleet
from tests.integration.shell import Shell

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_file_arrives_byte_for_byte(town: Fleet, typed: Shell, tmp_path: Path) -> None:
    content = bytes(range(256)) * 1000
    file = tmp_path / "content"
    file.write_bytes(content)
    done = await typed("send", "ship1", "--stdin", str(file), "--", "sha256sum", "-")
    assert done == (0, f"{hashlib.sha256(content).hexdigest()}  -\n".encode(), "")


async def test_it_can_be_opened_anew_and_is_not_in_the_runs_folder(
    town: Fleet, typed: Shell, tmp_path: Path
) -> None:
    file = tmp_path / "content"
    file.write_text("abc")
    script = "cat; cat /dev/stdin; test -p /dev/stdin || echo no pipe"
    done = await typed("send", "ship1", "--stdin", str(file), "--", "sh", "-c", script)
    assert done == (0, b"abcabcno pipe\n", "")
    assert not list((town.folder / "ship1" / "runs").glob("*/stdin"))


async def test_it_is_sent_again_with_a_retry_and_with_a_line_of_the_journal(
    town: Fleet, typed: Shell, tmp_path: Path, wait_for: WaitFor
) -> None:
    file = tmp_path / "content"
    file.write_bytes(b"\xff\0\x01")
    sent = await typed("send", "ship1", "--detach", "--stdin", str(file), "--", "cat")
    id = sent.out.decode().strip()
    await town.ends([id])
    assert (await town.show(id))["stdinB64"] == "/wAB"
    [new] = (await typed("messages", "retry", id, "-o", "ids")).out.decode().split()
    journal = town.folder / "central" / "messages.jsonl"
    await wait_for(lambda: journal.exists() and f'"id":"{id}"' in journal.read_text())
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    told = next(line for line in lines if line["id"] == id and line["event"] == "accepted")
    line = tmp_path / "line"
    line.write_text(json.dumps(told))
    [newer] = (await typed("messages", "replay", str(line), "-o", "ids")).out.decode().split()
    for ended in await town.ends([new, newer]):
        assert (ended["state"], ended["result"]["stdoutSize"]) == ("succeeded", 3)


async def test_what_starts_no_program_refuses_it_by_name(typed: Shell, tmp_path: Path) -> None:
    file = tmp_path / "content"
    file.write_text("abc")
    logging = ("--kind", "EventACK", "--method", "TextLogging")
    done = await typed("send", "ship1", *logging, "--stdin", str(file), "--", "line")
    assert done.status == 7
    assert "TextLogging takes no stdin" in done.err


async def test_one_that_is_too_large_or_not_there_is_said_to_be(
    typed: Shell, tmp_path: Path
) -> None:
    file = tmp_path / "large"
    file.write_bytes(b"x" * (600 * 1024))
    done = await typed("send", "ship1", "--stdin", str(file), "--", "cat")
    assert (done.status, "more than the 524,288 bytes" in done.err) == (7, True)
    done = await typed("send", "ship1", "--stdin", str(tmp_path / "none"), "--", "cat")
    assert (done.status, "cannot be read" in done.err) == (2, True)
