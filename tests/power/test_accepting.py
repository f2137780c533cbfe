"""Central accepts over its socket and from inmsg.txt while its power goes, again and again."""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from node import claimed_file
from steward.control.client import ControlClient
from steward.errors import StewardError
from tests.power.disk import HARSH, Disk
from tests.power.machine import Machine, power_fleet

CUTS = 14
CLIENTS = 3


def event(data: str, **more: Any) -> dict[str, Any]:
    return {"toNode": "ship1", "data": [data], "commandOrEvent": "EventACK",
            "method": "TextLogging", **more}  # fmt: skip


async def submit(folder: Path, name: str, accepted: list[str]) -> None:
    """One answer after the other, of one message and of many, until there is nobody any more."""
    with suppress(StewardError):
        async with ControlClient(folder) as client:
            for n in range(1_000_000):
                messages = [event("s", id=f"{name}-{n}-{i}") for i in range(1 + n * 7 % 30)]
                answer = await client.call("submit", messages=messages)
                accepted += [one["id"] for one in answer["accepted"]]


class Writer:
    """Appends to inmsg.txt and syncs it: what it says it ``wrote`` was given."""

    def __init__(self, folder: Path) -> None:
        self.wrote: list[str] = []
        self._folder = folder

    async def write(self) -> None:
        while True:
            data = [f"file{len(self.wrote) + i}" for i in range(3)]
            with (self._folder / "inmsg.txt").open("a") as file:
                file.write(json.dumps([event(one) for one in data]))
                file.flush()
                os.fsync(file.fileno())
            self.wrote += data
            await asyncio.sleep(0.03)


async def disturbed(central: Machine, writer: Writer, name: str, seconds: float) -> list[str]:
    """What was accepted until its power went, after that many seconds."""
    accepted: list[str] = []
    async with asyncio.TaskGroup() as group:
        for i in range(CLIENTS):
            group.create_task(submit(central.folder, f"{name}-{i}", accepted))
        writing = group.create_task(writer.write())
        await asyncio.sleep(seconds)
        writing.cancel()
        await central.power_off()
    return accepted


async def contents(folder: Path, hidden: str) -> Counter[str]:
    """Every message, by its data where that is a file's, else by its id."""
    found: Counter[str] = Counter()
    async with ControlClient(folder) as client:
        cursor = None
        while True:
            page = await client.call("messages", limit=1000, cursor=cursor)
            for m in page["messages"]:
                found[m["id"] if m["data"] == [hidden] else m["data"][0]] += 1
            if (cursor := page["cursor"]) is None:
                return found


def is_taken(folder: Path) -> bool:
    """Whether nothing is left of inmsg.txt."""
    return claimed_file.is_empty(folder) and not claimed_file.claimed(folder)


@pytest.mark.timeout(180)
async def test_what_central_has_accepted_is_there_and_once(
    disk: Disk, chance: random.Random, figure: Callable[[str], None], tmp_path: Path
) -> None:
    async with power_fleet(tmp_path, disk) as world:
        central = await world.machine("central")
        writer, accepted = Writer(central.folder), list[str]()
        for cut in range(CUTS):
            accepted += await disturbed(central, writer, f"run{cut}", chance.uniform(0.02, 0.8))
            disk.restore(HARSH if cut % 2 else "")
            await central.start()
        async with asyncio.timeout(30):
            while not is_taken(central.folder):
                await asyncio.sleep(0.05)
        found = await contents(central.folder, "s")
        assert set(accepted) <= found.keys()
        assert set(writer.wrote) <= found.keys()
        assert set(found.values()) == {1}
        await journaled(central.folder, len(found))
    figure(
        f"{CUTS} cuts, {len(accepted)} accepted by socket, {len(writer.wrote)} given by file,"
        f" 0 lost, 0 twice"
    )


async def journaled(folder: Path, count: int) -> None:
    """messages.jsonl gets a line for each, once, in whole lines."""
    async with asyncio.timeout(30):
        while len(lines := (folder / "messages.jsonl").read_bytes().splitlines()) < count:
            await asyncio.sleep(0.1)
    ids = Counter(json.loads(line)["id"] for line in lines)
    assert (len(ids), set(ids.values())) == (count, {1})
