"""A secret message does its work, and leaves its data in no log, no history and no file."""

from __future__ import annotations

import json
import os
import pwd
import stat
from collections.abc import Mapping
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest

from node.world import NodeProcess
from steward.control.client import ControlClient
from tests.conftest import WaitFor
from tests.fault.fleet import Fleet
from tests.integration.shell import Shell
from tests.integration.test_permits_trusted import config, trusting

SHOWN = ["(secret)"]


def with_it(folder: Path, *words: str) -> list[str]:
    """The files below that hold one of the words."""
    found = []
    for path in folder.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            found += [str(path) for word in words if word.encode() in data]
    return found


async def journaled(world: Fleet, id: str, wait_for: WaitFor) -> list[Mapping[str, Any]]:
    """Both lines of the message in messages.jsonl."""
    journal = world.folder / "central" / "messages.jsonl"

    def lines() -> list[Mapping[str, Any]]:
        told = [json.loads(line) for line in journal.read_text().splitlines()]
        return [line for line in told if line["id"] == id]

    await wait_for(lambda: journal.exists() and len(lines()) == 2)
    return lines()


@pytest.fixture
async def nodes(world: Fleet) -> dict[str, NodeProcess]:
    found = {name: await world.start(name) for name in ("central", "ship1")}
    await world.sees("ship1", "online")
    return found


@pytest.fixture
def pair(world: Fleet, nodes: dict[str, NodeProcess]) -> Fleet:
    return world


async def test_what_was_secret_is_in_no_file_once_it_has_ended(
    pair: Fleet, steward: Shell, tmp_path: Path, wait_for: WaitFor
) -> None:
    word, read = token_hex(16), token_hex(16)
    given = tmp_path / "given"
    given.write_text(read)
    script = f'test "$(cat)" = {read} && echo {word} && echo {word} >&2; exit 3'
    done = await steward(
        "send", "ship1", "--secret", "--stdin", str(given), "--", "sh", "-c", script
    )
    given.unlink()
    assert (done.status, done.out) == (1, b"")
    [shown] = json.loads((await steward("messages", "ls", "-o", "json")).out)
    assert (shown["data"], shown["secret"], "stdin" in shown) == (SHOWN, True, False)
    assert shown["result"]["exitCode"] == 3
    assert shown["result"]["stdoutSize"] == shown["result"]["stderrSize"] == len(word) + 1
    accepted, final = await journaled(pair, shown["id"], wait_for)
    assert (accepted["data"], accepted["secret"], final["exitCode"]) == (SHOWN, True, 3)
    await wait_for(lambda: not with_it(pair.folder, word, read))


async def test_nothing_that_people_look_at_tells_of_it(
    pair: Fleet, steward: Shell, wait_for: WaitFor
) -> None:
    word = token_hex(16)
    secret = pair.shell("ship1", f"sleep 60; : {word}", secret=True)
    [id] = await pair.submit(secret)
    await pair.reaches(id, "running")
    for command in (
        ["messages", "show", id], ["messages", "show", id, "-o", "json"],
        ["messages", "ls", "-o", "json"], ["messages", "ls", "--text", word],
        ["messages", "follow", id, "--wait", "1"], ["messages", "retry", id],
        ["messages", "output", id], ["status"], ["jobs", "ls", "-o", "json"],
        ["processes", "ship1"], ["errors", "ls"],
    ):  # fmt: skip
        done = await steward(*command)
        assert word not in done.out.decode() + done.err, command
    assert "(secret)" in (await steward("messages", "show", id)).out.decode()
    assert (await pair.ask("messages", text=word))["messages"] == []
    await steward("messages", "cancel", id)
    [ended] = await pair.ends([id])
    assert ended["state"] == "cancelled"
    await journaled(pair, id, wait_for)
    await wait_for(lambda: not with_it(pair.folder / "central", word))
    await wait_for(lambda: not with_it(pair.folder / "ship1", word))


async def test_a_program_that_is_not_found_is_not_named(pair: Fleet, wait_for: WaitFor) -> None:
    word = token_hex(16)
    [id] = await pair.submit({**pair.shell("ship1", "x"), "data": [f"/no/{word}"], "secret": True})
    [ended] = await pair.ends([id])
    assert (ended["state"], ended["result"]["exitCode"]) == ("failed", 127)
    assert "kept secret" in ended["reason"]
    await journaled(pair, id, wait_for)
    await wait_for(lambda: not with_it(pair.folder / "central", word))


async def test_it_cannot_be_sent_again_and_says_so(
    pair: Fleet, steward: Shell, tmp_path: Path, wait_for: WaitFor
) -> None:
    [id] = await pair.submit(pair.shell("ship1", "true", secret=True))
    await pair.ends([id])
    again = await steward("messages", "retry", id)
    assert (again.status, "is not kept" in again.err) == (7, True)
    line = tmp_path / "line"
    line.write_text(json.dumps((await journaled(pair, id, wait_for))[0]))
    again = await steward("messages", "replay", str(line))
    assert (again.status, "is not kept" in again.err) == (7, True)


async def test_it_survives_both_daemons_and_is_wiped_after_that(
    pair: Fleet, nodes: dict[str, NodeProcess], wait_for: WaitFor
) -> None:
    word = token_hex(16)
    ship = nodes["ship1"]
    await ship.kill()
    [id] = await pair.submit(pair.shell("ship1", f": {word}; exit 5", secret=True))
    await nodes["central"].kill()
    await nodes["central"].start()
    await ship.start()
    [ended] = await pair.ends([id])
    assert ended["result"]["exitCode"] == 5
    await journaled(pair, id, wait_for)
    await wait_for(lambda: not with_it(pair.folder, word))


async def test_an_end_without_a_start_wipes_it_as_well(pair: Fleet, wait_for: WaitFor) -> None:
    word = token_hex(16)
    one = {**pair.shell("nobody", word), "secret": True}
    [cancelled, expired] = await pair.submit(one, {**one, "ttl": 0.2})
    [notice] = await pair.submit({**one, "toNode": "ship1", "commandOrEvent": "CommandNACK"})
    assert with_it(pair.folder / "central", word)
    await pair.ask("cancel", ids=[cancelled])
    await pair.ends([cancelled, expired])
    await pair.ends([notice])
    await journaled(pair, expired, wait_for)
    await wait_for(lambda: not with_it(pair.folder / "central", word))


async def test_errors_about_it_tell_nothing_of_it(pair: Fleet) -> None:
    word = token_hex(16)
    wrong: list[dict[str, Any]] = [
        {"data": [word, 5, {word: word}]},
        {"data": {word: word}},
        {"data": word},
        {"data": [f"{word}\0"]},
        {"stdin": [word]},
        {"stdinB64": f"{word}!"},
        {"method": "TextLogging", "commandOrEvent": "EventACK", "data": [word]},
    ]
    async with ControlClient(pair.folder / "central") as client:
        for fields in wrong:
            one = {**pair.shell("ship1", "x"), "secret": True, **fields}
            answer = await client.call("submit", messages=[one])
            [refused] = answer["refused"]
            assert word not in json.dumps(answer), refused


async def test_what_the_intake_rejects_of_it_is_not_kept(pair: Fleet, wait_for: WaitFor) -> None:
    word = token_hex(16)
    good = {**pair.shell("ship1", f": {word}"), "secret": True, "id": "the-good-one"}
    folder = pair.folder / "central"
    with (folder / "inmsg.txt").open("a") as file:
        file.write(json.dumps([{**good, "data": [word, 5]}, {**good, "method": "Nothing"}, good]))

    async def is_taken() -> bool:
        return bool((await pair.ask("messages", ids=["the-good-one"]))["messages"])

    await wait_for(is_taken)
    await pair.ends(["the-good-one"])
    lines = [json.loads(x) for x in next((folder / "rejected").iterdir()).read_text().splitlines()]
    assert [(line["secret"], "text" in line) for line in lines] == [(True, False)] * 2
    assert stat.S_IMODE((folder / "rejected").stat().st_mode) == 0o700
    await wait_for(lambda: not with_it(folder, word), 15.0)


async def test_with_keys_it_is_done_or_denied_and_neither_tells_of_it(
    world: Fleet, steward: Shell, tmp_path: Path, wait_for: WaitFor
) -> None:
    await trusting(world, "ship1")
    user = pwd.getpwuid(os.geteuid()).pw_name
    permits = f"""[[permit]]
from = ["central"]
methods = ["ShellCommand"]
arguments = [["sh", "-c", "*&& exit 5"]]
operators = ["{user}"]
"""
    await world.start("central")
    await world.start("ship1", *config(world.folder, "ship1", permits))
    await world.sees("ship1", "online")
    words = [token_hex(16) for _ in range(3)]
    given = tmp_path / "given"
    given.write_text(words[0])
    script = (
        f'test "$(cat) {words[1]} $STEWARD_OPERATOR" = "{words[0]} {words[1]} {user}" && exit 5'
    )
    flags = ("--secret", "--stdin", str(given))
    done = await steward("send", "ship1", *flags, "--", "sh", "-c", script)
    [shown] = json.loads((await steward("messages", "ls", "-o", "json")).out)
    assert (done.status, shown["result"]["exitCode"]) == (1, 5), done.err
    denied = await steward("send", "ship1", *flags, "--", "sh", "-c", words[2])
    assert (denied.status, "not with these arguments" in denied.err) == (7, True), denied.err
    given.unlink()
    assert not any(word in done.err + denied.err for word in words)
    await world.error_about("not_permitted")
    await wait_for(lambda: not with_it(world.folder, *words))
