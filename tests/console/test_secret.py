"""Secret messages in the console, and what commands read: nothing is shown, nothing is dropped."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steward.errors import InvalidMessage
from steward.message import HIDDEN, Defaults, Kind, check
from tests.console.conftest import console, sees, shown, told, until
from tests.console.fake import FakeDaemon
from tests.console.jobs_world import jobs_fleet
from tests.console.world import message, node
from tui import equivalents, outcome, render, rows, story
from tui.ink import plain
from tui.rows import MessageRow

BASH = shutil.which("bash")


def secret(n: int, state: str = "succeeded", **more: Any) -> dict[str, Any]:
    """As the daemon tells of one."""
    one = message(n, "ship1", state, [HIDDEN], secret=True, **more)
    if one["result"]:
        facts = {"exitCode": 0, "signal": None, "stdoutSize": 33, "stderrSize": 0}
        one["result"] = facts
    return one


def row(one: dict[str, Any]) -> MessageRow:
    return rows.read(MessageRow, one)


def fleet(*messages: dict[str, Any]) -> FakeDaemon:
    return FakeDaemon({"ship1": node("ship1")}, list(messages))


def test_what_is_shown_of_a_secret_is_that_it_is_one() -> None:
    one = row(secret(0))
    clock = fleet().clock
    assert plain(render.what(one)) == HIDDEN
    facts = "\n".join(map(plain, story.facts(one, clock, "", 60)))
    assert "(secret): for the command alone, not kept" in facts
    text = "\n".join(map(plain, outcome.lines(one, clock, 90)))
    assert text == "It wrote 33 B to stdout. What a secret message writes is not kept."
    waits = "\n".join(map(plain, outcome.lines(row(secret(0, "running")), clock, 90)))
    assert waits == "What a secret message writes is not kept."
    assert outcome.exported(one, None) == ("", b"")


def test_no_command_line_sends_what_stands_in_a_secrets_place() -> None:
    plainly = row(message(1, "ship1", "failed", ["uname"]))
    lines = equivalents.sends([row(secret(0)), plainly]).split("\n")
    assert lines[0].startswith("# a secret message to ship1")
    assert lines[1] == "steward send ship1 --timeout 10 -- uname"
    assert HIDDEN not in "".join(lines)
    raw = {"toNode": "ship1", "data": [HIDDEN], "commandOrEvent": "CommandACK"}
    with pytest.raises(InvalidMessage):
        check(raw | {"method": "ShellCommand"}, Defaults(), {"ShellCommand": frozenset(Kind)})


def test_a_message_is_exported_as_the_daemon_tells_it() -> None:
    for one in (secret(0), message(1, "ship1", "failed", ["cat"], secret=False, stdin="ahoy")):
        told_again = json.loads(story.json_text(row(one)))
        for field in ("data", "secret", "stdin"):
            assert told_again.get(field, None) == one.get(field, None)


def test_what_a_command_reads_is_named_by_its_size_and_handed_over_again() -> None:
    one = row(message(0, "ship1", "failed", ["sort"], stdin="b\na\n"))
    assert "stdin     4 B" in "\n".join(map(plain, story.facts(one, fleet().clock, "", 60)))
    line = "printf %s $'b\\x0aa\\x0a' | steward send {} --timeout 10 --stdin - -- sort"
    assert equivalents.send(one) == line.format("ship1")
    other = row(message(1, "ship2", "failed", ["sort"], stdin="b\na\n"))
    differs = row(message(2, "ship3", "failed", ["sort"], stdin="steward send NODES"))
    lines = equivalents.sends([one, other, differs]).split("\n")
    assert lines[0] == line.format("ship1,ship2")
    assert lines[1].endswith("| steward send ship3 --timeout 10 --stdin - -- sort")


@pytest.mark.skipif(BASH is None, reason="the lines are bash's")
@settings(max_examples=40, deadline=None)
@given(st.one_of(st.text(min_size=1), st.binary(min_size=1).filter(lambda b: not is_text(b))))
def test_a_shell_hands_over_the_very_bytes(read: str | bytes) -> None:
    raw = read if isinstance(read, bytes) else read.encode("utf-8", "surrogatepass")
    if isinstance(read, str) and not is_text(raw):
        return
    field = {"stdin": read} if isinstance(read, str) else {"stdinB64": b64(raw)}
    line = equivalents.send(row(message(0, "ship1", "failed", ["cat"], **field)))
    head, _, _ = line.rpartition(" | ")
    done = subprocess.run([str(BASH), "-c", head], capture_output=True, check=True, timeout=20)
    assert done.stdout == raw


def is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


# ---------------------------------------------------------------- with the keyboard


@pytest.mark.parametrize("opened", [False, True])
async def test_a_secret_is_not_sent_again(opened: bool) -> None:
    daemon = fleet(secret(0))
    async with console(daemon) as pilot:
        await pilot.press("2")
        await sees(pilot, HIDDEN)
        if opened:
            await pilot.press("enter")
            await sees(pilot, "for the command alone, not kept")
            await sees(pilot, "It wrote 33 B to stdout.")
            await pilot.press("F")
            await told(pilot, "What a secret message writes is not kept anywhere")
        await pilot.press("R")
        await told(pilot, "It is secret: what it was sent with is not kept.")
    assert daemon.asked_for("retry") == daemon.asked_for("submit") == []


async def test_among_others_a_secret_stays_out_and_that_is_said() -> None:
    plainly = message(1, "ship1", "failed", ["uname"], secret=False, stdin="x")
    daemon = fleet(secret(0), plainly)
    async with console(daemon) as pilot:
        await pilot.press("2")
        await sees(pilot, HIDDEN)
        await pilot.press("a", "R")
        await sees(pilot, "Send this again?")
        await sees(pilot, "1 secret message chosen as well: not kept, so not sent again.")
        await pilot.press("y")
        await until(pilot, lambda: daemon.asked_for("retry"), "sent again")
        await sees(pilot, "again of")
    assert daemon.asked_for("retry") == [{"ids": [plainly["id"]]}]
    assert daemon.messages[0]["stdin"] == "x"


async def test_what_the_daemon_refuses_to_send_again_is_said() -> None:
    daemon = jobs_fleet()
    for one in daemon.messages:
        one |= {"secret": True, "data": [HIDDEN]}
    async with console(daemon) as pilot:
        await pilot.press("5", "R")
        await sees(pilot, "Send again what did not end well")
        text = shown(pilot.app)
        await pilot.press(*(["y"] if " yes " in text else [*typed(text), "enter"]))
        await told(pilot, "Refused: what a secret message was sent with is not kept. send it anew")
    assert daemon.asked_for("submit") == []


def typed(text: str) -> str:
    """The number that a question asks for."""
    return text.split("Type ")[1].split(" ")[0].replace(",", "")


async def test_copied_and_exported_a_secret_stays_one(tmp_path: Path) -> None:
    async with console(fleet(secret(0))) as pilot:
        await pilot.press("2")
        await sees(pilot, HIDDEN)
        await pilot.press("Y")
        app = pilot.app
        await until(pilot, lambda: app.clipboard.startswith("# a secret message"), "copied")
        path = tmp_path / "out.jsonl"
        await pilot.press("colon")
        app.screen.query_one("Input").value = f"export {path}"  # type: ignore[attr-defined]  # an Input
        await pilot.press("enter")
        await until(pilot, path.exists, "the file")
        await until(pilot, lambda: path.read_text().endswith("\n"), "its line")
    (line,) = path.read_text().splitlines()
    found = json.loads(line)
    assert (found["data"], found["secret"], "stdin" in found) == ([HIDDEN], True, False)
