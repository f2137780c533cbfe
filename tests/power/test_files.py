"""The files that promises rest on, cut off at every step of the code that writes them."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from node import claimed_file, output
from steward.append_file import AppendFile
from steward.store import Store
from tests.power import scenes_files as scenes
from tests.power.disk import Disk
from tests.power.every_step import WAYS, at_every_step
from tests.power.scenes import opened


async def with_store(folder: Path, ask: Callable[[Store], Any]) -> Any:
    store = await opened(folder)
    try:
        return await ask(store)
    finally:
        await store.close()


def appended(folder: Path) -> list[bytes]:
    """What counts of the appended file, as its next writer finds it."""

    async def offset(store: Store) -> int:
        return await store.read(lambda t: t.records.append_offset(scenes.LOG))

    file, committed = AppendFile(folder / scenes.LOG, keep=scenes.LINES), 0
    committed = asyncio.run(with_store(folder, offset))
    after = file.append(committed, b"next\n")
    content = b"".join(path.read_bytes() for path in file.files(after))
    assert content.endswith(b"next\n")
    return content.removesuffix(b"next\n").splitlines(keepends=True)


@pytest.mark.timeout(120)
def test_a_committed_line_is_in_its_file_once(
    disk_in_memory: Disk, figure: Callable[[str], None]
) -> None:
    def judge(folder: Path, told: list[Any], done: bool) -> None:
        found = appended(folder)
        assert found == [scenes.line(n) for n in range(len(found))]
        assert len(told) <= len(found) <= len(told) + 1

    at_every_step(disk_in_memory, scenes.append, judge, True)
    figure(f"{disk_in_memory.cuts} cuts, 0 lost")


@pytest.mark.timeout(120)
def test_the_control_without_fsync_loses_lines(
    disk_in_memory: Disk, figure: Callable[[str], None]
) -> None:
    lost: list[int] = []

    def judge(folder: Path, told: list[Any], done: bool) -> None:
        found = appended(folder)
        lost.append(len({scenes.line(n) for n in told}.difference(found)))

    at_every_step(disk_in_memory, scenes.append, judge, False, ways=WAYS[:1])
    figure(f"{disk_in_memory.cuts} cuts, {sum(lost)} lines lost")
    assert sum(lost) > 0


DOCUMENTS = [[1, 2, 3], [4], "garbage", [5, "bad", 6], [7, 8]]


def document(content: Any) -> str:
    if isinstance(content, str):
        return f"{content}\n"
    elements = [
        {"toNode": "ship1" if isinstance(n, int) else "no name", "data": [str(n)],
         "commandOrEvent": "EventACK", "method": "TextLogging"}
        for n in content
    ]  # fmt: skip
    return json.dumps(elements) + "\n"


def write_inmsg(folder: Path) -> None:
    (folder / claimed_file.NAME).write_text("".join(map(document, DOCUMENTS)))


@pytest.mark.timeout(120)
def test_every_message_of_inmsg_txt_is_taken_once(
    disk_in_memory: Disk, figure: Callable[[str], None]
) -> None:
    def judge(folder: Path, told: list[Any], done: bool) -> None:
        asyncio.run(scenes.taken_in(folder))
        with (folder / claimed_file.NAME).open("a") as file:  # and the way in works on
            file.write(document([9]))
        asyncio.run(scenes.taken_in(folder))

        async def taken(store: Store) -> list[str]:
            page = await store.read(lambda t: t.history.messages(store.clock.now()))
            return [message["data"][0] for message in reversed(page["messages"])]

        assert asyncio.run(with_store(folder, taken)) == [str(n) for n in range(1, 10)]
        rejects = [
            json.loads(line)["text"].strip()
            for path in (folder / "rejected").iterdir()
            if not path.name.startswith(".")
            for line in path.read_text().splitlines()
        ]
        assert Counter("bad" in text for text in rejects) == {True: 1, False: 1}, rejects
        assert (folder / claimed_file.NAME).read_bytes() == b""

    at_every_step(disk_in_memory, scenes.take_in, judge, prepare=write_inmsg)
    figure(f"{disk_in_memory.cuts} cuts, 0 lost, 0 twice")


@pytest.mark.timeout(120)
def test_a_synced_exit_record_is_there_with_its_output(
    disk_in_memory: Disk, figure: Callable[[str], None]
) -> None:
    def judge(folder: Path, told: list[Any], done: bool) -> None:
        record = output.read_exit(folder / "key")
        if "ended" in told:
            assert record is not None
        if record is not None:
            assert (record.exit_code, record.killed) == (3, None)
            assert (folder / "key" / "stdout").read_bytes() == b"stdout"
            assert (folder / "key" / "stderr").read_bytes() == b"stderr"

    at_every_step(disk_in_memory, scenes.leave_exit, judge)
    figure(f"{disk_in_memory.cuts} cuts, 0 lost")
