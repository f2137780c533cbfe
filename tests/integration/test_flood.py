"""10,000 messages that four writers append to ``inmsg.txt`` with ``cat >>``, and garbage between
them: every message is accepted once, every piece of garbage is kept with its reason."""

from __future__ import annotations

import asyncio
import base64
import json
from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import WaitFor
from tests.fault.fleet import Fleet

WRITERS = 4
EACH = 2500
GARBAGE = (
    b"what is this? <w>\n",
    b'[{"toNode": "ship1", "data": ["<w>"\n',
    b'{"toNode": "ship1", "data": [], "commandOrEvent": "EventACK", "method": "TextLogging",'
    b' "id": "<w>"}\n',
    b"\xff\xfe\x00 <w> ]]}}\n",
    b'[{"toNode": "ship.1", "data": ["<w>"]}, 7, "}"]\n',
)


def line(writer: int, n: int) -> str:
    return f"{writer}-{n}\n"


def write_files(folder: Path) -> list[str]:
    """What each writer appends, in files of their own; the marks of the garbage."""
    marks: list[str] = []
    for writer in range(WRITERS):
        mine = folder / str(writer)
        mine.mkdir(parents=True)
        for n in range(EACH):
            event = {
                "toNode": "ship1", "data": [line(writer, n)], "commandOrEvent": "EventACK",
                "method": "TextLogging",
            }  # fmt: skip
            indent = None if n % 3 else 2
            text = json.dumps([event] if n % 2 else event, indent=indent) + "\n" * (n % 2)
            (mine / f"{n:05}").write_text(text)
        for n in range(0, EACH, 250):
            mark = f"garbage-{writer}-{n}"
            spoilt = GARBAGE[len(marks) % len(GARBAGE)].replace(b"<w>", mark.encode())
            (mine / f"{n:05}-garbage").write_bytes(spoilt)
            marks.append(mark)
    return marks


async def writer(folder: Path, inmsg: Path) -> None:
    script = f'for file in {folder}/*; do cat "$file" >> {inmsg}; done'
    process = await asyncio.create_subprocess_exec("sh", "-c", script)
    assert await process.wait() == 0


@pytest.mark.timeout(120)
@pytest.mark.parametrize("killed", [False, True], ids=["running", "killed"])
async def test_ten_thousand_from_four_writers(
    world: Fleet, wait_for: WaitFor, killed: bool
) -> None:
    central = await world.start("central")
    await world.start("ship1")
    await world.sees("ship1", "online")
    marks = write_files(world.folder / "writers")
    inmsg = central.folder / "inmsg.txt"
    async with asyncio.TaskGroup() as group:
        for number in range(WRITERS):
            group.create_task(writer(world.folder / "writers" / str(number), inmsg))
        if killed:
            for _ in range(2):
                await asyncio.sleep(1.5)
                await central.kill()
                await central.start()
    expected = Counter(line(w, n) for w in range(WRITERS) for n in range(EACH))
    log = world.nodes["ship1"].folder / "textlogging" / "central.log"

    async def all_arrived() -> bool:
        counts = (await world.ask("messages", state=["succeeded"], limit=1))["total"]
        return bool(counts >= WRITERS * EACH)

    await wait_for(all_arrived, 60)
    assert Counter(log.read_text().splitlines(keepends=True)) == expected
    found, cursor = [], None
    while True:
        page = await world.ask("messages", limit=10_000, cursor=cursor, all=True)
        found += [m for m in page["messages"] if m["method"] == "TextLogging"]
        if (cursor := page["cursor"]) is None:
            break
    assert Counter(m["data"][0] for m in found) == expected
    assert len({m["id"] for m in found}) == len(found)

    def journaled() -> bool:
        lines = (central.folder / "messages.jsonl").read_text().splitlines()
        told = Counter((m["event"], m["id"]) for m in map(json.loads, lines))
        assert set(told.values()) == {1}
        return len(told) == 2 * WRITERS * EACH

    await wait_for(journaled)
    rejected = b""
    for file in sorted((central.folder / "rejected").iterdir()):
        for entry in map(json.loads, file.read_text().splitlines()):
            assert entry["reason"]
            assert entry["line"] >= 1
            rejected += entry.get("text", "").encode() or base64.b64decode(entry["textB64"])
    assert [mark for mark in marks if rejected.count(mark.encode()) != 1] == []
    [error] = [e for e in (await world.ask("errors"))["errors"] if e["code"] == "invalid_message"]
    assert "inmsg.txt line" in error["text"]
