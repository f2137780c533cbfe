"""The original's JSON, appended as its documentation says: ``cat my.json >> inmsg.txt``."""

from __future__ import annotations

import asyncio
import base64
import importlib.resources
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import WaitFor
from tests.fault.fleet import Fleet

pytestmark = pytest.mark.asyncio(loop_scope="module")

EXAMPLES = Path(str(importlib.resources.files("node"))) / "examples"


def listing(ship: str, more: str = "") -> str:
    """The documentation's command, written as it is there."""
    return (
        f'{{"toNode":"{ship}","data":["bash","-c","ls -l ../"],'
        f'"commandOrEvent":"CommandACK","method":"ShellCommand"{more}}}'
    )


def cat(town: Fleet, my_json: Path) -> None:
    """As a user types it, in central's folder."""
    folder = town.folder / "central"
    subprocess.run(["sh", "-c", f"cat {my_json} >> inmsg.txt"], cwd=folder, check=True)


async def newest(town: Fleet, count: int, before: set[str]) -> list[dict[str, Any]]:
    """The messages that were accepted since, oldest first, once they have ended."""
    async with asyncio.timeout(10):
        while True:
            page = await town.ask("messages", limit=100)
            found = [m["id"] for m in reversed(page["messages"]) if m["id"] not in before]
            if len(found) >= count:
                break
            await asyncio.sleep(0.05)
    assert len(found) == count
    return await town.ends(found)


async def known(town: Fleet) -> set[str]:
    return {m["id"] for m in (await town.ask("messages", limit=1000))["messages"]}


async def rejected(town: Fleet) -> list[dict[str, Any]]:
    folder = town.folder / "central" / "rejected"
    files = sorted(folder.iterdir()) if folder.exists() else []
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


@pytest.mark.parametrize(
    ("text", "ships"),
    [
        (f"[{listing('ship1')}]", ["ship1"]),
        (f"[{listing('ship1')},{listing('ship2')}]", ["ship1", "ship2"]),
        ("[" + listing("ship1", ',"timeout":3,"retries":3') + "]", ["ship1"]),
        (listing("ship2"), ["ship2"]),
        (f"[{listing('ship1')}][{listing('ship2')}]\n", ["ship1", "ship2"]),
        (f"\ufeff[\n  {listing('ship1')}\n]\n\n", ["ship1"]),
    ],
    ids=["one", "two", "attempts", "object", "two-arrays", "bom"],
)
async def test_the_forms_of_the_documentation(
    town: Fleet, tmp_path: Path, text: str, ships: list[str]
) -> None:
    before = await known(town)
    (tmp_path / "my.json").write_text(text)
    cat(town, tmp_path / "my.json")
    ended = await newest(town, len(ships), before)
    assert [m["toNode"] for m in ended] == ships
    for message in ended:
        assert message["state"] == "succeeded"
        assert message["result"]["stdout"].startswith("total")
        assert (message["timeout"], message["retries"]) == (
            (3, 3) if "retries" in text else (10, 0)
        )
        assert message["commandOrEvent"] == "CommandACK"


async def test_a_text_logging_event_lands_byte_for_byte(town: Fleet, tmp_path: Path) -> None:
    before = await known(town)
    log = town.folder / "central" / "textlogging" / "central.log"
    for text in ("some message\n", "no line end", "", "ünï\tcödé \x01\x00\x7f\r\n"):
        event = [
            {
                "toNode": "central",
                "data": [text],
                "commandOrEvent": "EventACK",
                "method": "TextLogging",
            }
        ]
        (tmp_path / "my.json").write_text(json.dumps(event))
        cat(town, tmp_path / "my.json")
        [message] = await newest(town, 1, before)
        assert message["state"] == "succeeded"
        before |= {message["id"]}
    assert log.read_bytes() == "some message\nno line endünï\tcödé \x01\x00\x7f\r\n".encode()


async def test_the_examples_that_come_with_it(town: Fleet) -> None:
    for example in sorted(EXAMPLES.iterdir()):
        before = await known(town)
        cat(town, example)
        ended = await newest(town, len(json.loads(example.read_text())), before)
        assert {m["state"] for m in ended} == {"succeeded"}, example


async def test_a_document_that_two_writers_finish_together_is_one(
    town: Fleet, wait_for: WaitFor
) -> None:
    """A writer that holds the file open and writes it bit by bit."""
    before = await known(town)
    inmsg = town.folder / "central" / "inmsg.txt"
    text = f"[{listing('ship1')},{listing('ship2')}]"
    with inmsg.open("a") as file:
        for at in range(0, len(text), 40):
            file.write(text[at : at + 40])
            file.flush()
            await asyncio.sleep(0.2)
    ended = await newest(town, 2, before)
    assert {m["state"] for m in ended} == {"succeeded"}


async def test_what_is_no_message_is_kept_with_its_reason_and_the_rest_is_taken(
    town: Fleet, tmp_path: Path, wait_for: WaitFor
) -> None:
    before = await known(town)
    good = listing("ship1")
    pieces: list[tuple[bytes, str]] = [
        (b"hello there\n", "neither an array nor an object"),
        (b'[{"toNode": "ship1", "data": [', "no JSON in line"),
        (good.encode().replace(b'["bash","-c","ls -l ../"]', b"[]"), "data is empty"),
        (good.encode().replace(b"ShellCommand", b"ShellCmd"), "unknown method 'ShellCmd'"),
        (good.encode().replace(b"CommandACK", b"CommandAck"), "unknown commandOrEvent"),
        (good.encode().replace(b"toNode", b"tonode"), "unknown key 'tonode'"),
        (good.encode().replace(b'"ship1"', b'"ship.1"'), "not a node name"),
        (good.encode().replace(b'"ship1"', b'"ship 1"'), "not a node name"),
        (good.encode().replace(b'"ship1"', b"1"), "not a node name"),
        (good.encode().replace(b'"-c"', b"7"), "data[1]"),
        (b"[1, null]", "an object"),
        (b"\x00\x01\xfe\xff", "neither an array nor an object"),
        (b'{"a": NaN}', "no JSON"),
        (b"[" * 50_000 + b"]" * 50_000, ""),
        (good.encode().replace(b"ls -l ../", b"x" * (10 << 20)), "many"),
    ]
    was = len(await rejected(town))
    text = b""
    for spoilt, _ in pieces:
        text += spoilt + b"\n" + f"[{good}]".encode() + b"\n"
    (tmp_path / "my.json").write_bytes(text)
    cat(town, tmp_path / "my.json")
    ended = await newest(town, len(pieces), before)
    assert {m["state"] for m in ended} == {"succeeded"}
    told = (await rejected(town))[was:]
    for spoilt, words in pieces:
        assert any(words in entry["reason"] for entry in told), (spoilt[:60], words)
    kept = b"".join(
        entry.get("text", "").encode() or base64.b64decode(entry["textB64"]) for entry in told
    )
    assert kept.count(b"x" * 1000) > 10_000, "the 10 MiB too"
    lines = [entry["line"] for entry in told]
    assert lines == sorted(lines)
    assert all(entry["hint"] for entry in told if "node name" in entry["reason"])
    await town.error_about("inmsg.txt line")
