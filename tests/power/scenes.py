"""What is done to the disk while its power goes: the product's own code, step after step."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from steward.message import Kind, Message, MessageId
from steward.store import Store
from steward.subjects import NodeName
from tests.power.children import Tell
from tests.power.steps import Steps

ME = NodeName("central")
SHIP = NodeName("ship1")
WRITERS = 4
"""That wait for one store at a time: commits of one unit and of many."""


class Relaxed(sqlite3.Connection):
    """The negative control: a connection that takes FULL for NORMAL."""

    def execute(self, sql: str, /, *args: Any) -> sqlite3.Cursor:
        return super().execute(sql.replace("synchronous = FULL", "synchronous = NORMAL"), *args)


def relax() -> None:
    """From now on this process's databases don't sync their log at each commit."""
    connect = sqlite3.connect
    sqlite3.connect = lambda *a, **more: connect(*a, **more, factory=Relaxed)  # type: ignore[assignment]


async def opened(folder: Path) -> Store:
    return await Store.open(folder, ME, min_free=0, ballast=0)


def message(id: str, data: str = "x") -> Message:
    return Message(
        id=MessageId(id), to=SHIP, kind=Kind.EVENT_ACK, method="TextLogging", data=(data,),
        timeout=10.0, retries=0,
    )  # fmt: skip


def fill(tell: Tell, folders: Sequence[Path], run: str, relaxed: bool) -> None:
    """Messages into the outboxes of all folders at once, each told with its folder's index once it
    is accepted; for ever."""
    if relaxed:
        relax()
    with contextlib.suppress(sqlite3.Error):  # the power went before we did
        asyncio.run(_fill(tell, folders, run))


async def _fill(tell: Tell, folders: Sequence[Path], run: str) -> None:
    stores = [await opened(folder) for folder in folders]
    tell("open")
    async with asyncio.TaskGroup() as group:
        for index, store in enumerate(stores):
            for writer in range(WRITERS):
                group.create_task(_submit(tell, store, index, f"{run}-{writer}"))


async def _submit(tell: Tell, store: Store, index: int, name: str) -> None:
    for n in range(1_000_000):
        one = message(f"{name}-{n}", "x" * (n * 37 % 4000))
        await store.write(lambda t, m=one: t.outbox.submit([m], None, store.clock.now(), None))  # type: ignore[misc]
        tell((index, one.id))


def create(tell: Tell, disk: Path, folder: Path, at: int, names_first: bool) -> None:
    """A store where there is none, or an old one; its id is told once it is open, and a message's
    once it is accepted."""
    Steps(disk, at, names_first).count()
    asyncio.run(_create(tell, folder / "state"))


async def _create(tell: Tell, folder: Path) -> None:
    store = await opened(folder)
    tell(store.store_id)
    await store.write(lambda t: t.outbox.submit([message("one")], None, store.clock.now(), None))
    tell("one")
    await store.close()
