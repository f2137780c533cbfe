"""A store's first start, and its upgrade, cut off at every step."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from steward import store_file
from tests.power import scenes
from tests.power.disk import Disk
from tests.power.every_step import at_every_step
from tests.store import test_upgrade


async def found_in(folder: Path) -> tuple[str, list[str]]:
    """Store id and messages, as the next start finds them."""
    store = await scenes.opened(folder)
    try:
        assert store.damaged is None
        page = await store.read(lambda t: t.history.messages(store.clock.now()))
        return store.store_id, [message["id"] for message in page["messages"]]
    finally:
        await store.close()


@pytest.mark.timeout(120)
def test_a_store_that_was_open_once_keeps_its_id_and_what_it_accepted(
    disk_in_memory: Disk, figure: Callable[[str], None]
) -> None:
    def judge(folder: Path, told: list[Any], done: bool) -> None:
        id, messages = asyncio.run(found_in(folder / "state"))
        assert told[:1] in ([], [id])
        assert set(told[1:]) <= set(messages)
        assert done == ("one" in told)

    at_every_step(disk_in_memory, scenes.create, judge)
    figure(f"{disk_in_memory.cuts} cuts, 0 lost")


@pytest.mark.timeout(120)
def test_an_upgrade_leaves_the_old_or_the_new_format_and_loses_nothing(
    disk_in_memory: Disk, figure: Callable[[str], None], tmp_path: Path
) -> None:
    test_upgrade.old_file(tmp_path / "old.db")
    columns = test_upgrade.old_columns(tmp_path / "old.db")
    before = test_upgrade.content(tmp_path / "old.db", columns)
    versions = []

    def prepare(folder: Path) -> None:
        (folder / "state").mkdir()
        test_upgrade.old_file(folder / "state" / "steward.db")

    def judge(folder: Path, told: list[Any], done: bool) -> None:
        path = folder / "state" / "steward.db"
        with closing(sqlite3.connect(path)) as con:
            (version,) = con.execute("PRAGMA user_version").fetchone()
        versions.append(version)
        assert version in ([store_file.VERSION] if told else [1, store_file.VERSION])
        after = test_upgrade.content(path, columns)
        for table in before:
            assert table == "meta" or set(before[table]) <= set(after[table]), table
        id, messages = asyncio.run(found_in(folder / "state"))
        assert id == "the-store"
        assert set(told[1:]) <= set(messages)

    at_every_step(disk_in_memory, scenes.create, judge, prepare=prepare)
    assert set(versions) == {1, store_file.VERSION}
    figure(f"{disk_in_memory.cuts} cuts, {versions.count(1)} of them left the old format, 0 lost")
