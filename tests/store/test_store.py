"""The store: group commit, rollback, its reader, its listeners, its clock, its owner."""

from __future__ import annotations

import asyncio
import errno
import os
import sqlite3
from pathlib import Path

import pytest

from steward import store_file
from steward.errors import StateFolderInUse, StoreDamaged
from steward.store import Store, Tables, Touched
from steward.subjects import NodeName
from tests.store.conftest import EVENTS, ME, MIB, SHIP, Opener, counts, put

pytestmark = pytest.mark.timeout(30)


async def test_units_that_wait_are_committed_together(store: Store) -> None:
    before = store.commits
    await asyncio.gather(*(store.write(put(store)) for _ in range(50)))
    assert store.commits == before + 1
    assert store.units == 50
    assert (await store.read(counts))["queued"] == 50


async def test_a_unit_that_raises_is_rolled_back_alone(store: Store) -> None:
    def fails(tables: Tables) -> None:
        put(store, 3)(tables)
        raise ValueError("not this one")

    units = [store.write(put(store)), store.write(fails), store.write(put(store, 2))]
    one, failed, two = await asyncio.gather(*units, return_exceptions=True)
    assert isinstance(failed, ValueError)
    assert len(one) + len(two) == 3  # type: ignore[arg-type]
    assert (await store.read(counts))["queued"] == 3
    assert await store.write(lambda t: t.outbox.load(SHIP)) == 3
    assert await store.write(lambda t: t.outbox.next_n(0)) == 4


async def test_what_a_failed_unit_touched_is_not_told(store: Store) -> None:
    told: list[Touched] = []
    store.on_commit(told.append)

    def fails(tables: Tables) -> None:
        put(store)(tables)
        raise ValueError

    await asyncio.gather(store.write(fails), store.write(put(store)), return_exceptions=True)
    assert [len(t.messages) for t in told] == [1]
    assert told[0].nodes == {SHIP}
    assert told[0].units == 2


async def test_a_part_of_a_unit_is_rolled_back_alone(store: Store) -> None:
    def part(tables: Tables) -> None:
        with tables.savepoint():
            put(store, 5)(tables)
            raise ValueError("part")

    def unit(tables: Tables) -> None:
        put(store)(tables)
        with pytest.raises(ValueError, match="part"):
            part(tables)
        put(store)(tables)

    await store.write(unit)
    assert (await store.read(counts))["queued"] == 2


async def test_a_sql_error_costs_its_unit_alone(store: Store) -> None:
    def fails(tables: Tables) -> None:
        tables.shared.con.execute("INSERT INTO nowhere VALUES (1)")

    done = await asyncio.gather(
        store.write(put(store)), store.write(fails), store.write(put(store)), return_exceptions=True
    )
    assert isinstance(done[1], sqlite3.OperationalError)
    assert (await store.read(counts))["queued"] == 2


async def test_a_caller_that_is_cancelled_before_its_turn_withdraws(store: Store) -> None:
    first = asyncio.ensure_future(store.write(put(store)))
    second = asyncio.ensure_future(store.write(put(store)))
    await asyncio.sleep(0)
    second.cancel()
    await first
    with pytest.raises(asyncio.CancelledError):
        await second
    assert (await store.read(counts))["queued"] == 1


async def test_the_reader_sees_what_is_committed_and_cannot_write(store: Store) -> None:
    await store.write(put(store, 2))
    assert (await store.read(counts))["queued"] == 2
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        await store.read(put(store))


async def test_the_file_is_synced_at_every_commit(store: Store) -> None:
    def settings(tables: Tables) -> tuple[object, ...]:
        names = ("journal_mode", "synchronous")
        return tuple(tables.shared.con.execute(f"PRAGMA {n}").fetchone()[0] for n in names)

    assert await store.write(settings) == ("wal", 2)


async def test_closing_commits_what_waits_and_takes_no_more(store: Store, opener: Opener) -> None:
    waiting = asyncio.ensure_future(store.write(put(store)))
    await asyncio.sleep(0)
    await store.close()
    await store.close()
    assert len(await waiting) == 1
    with pytest.raises(StoreDamaged):
        await store.write(put(store))
    with pytest.raises(StoreDamaged):
        await store.read(counts)
    again = await opener()
    assert (await again.read(counts))["queued"] == 1


async def test_steady_time_goes_on_over_restarts(store: Store, opener: Opener) -> None:
    await store.write(put(store))
    before = store.clock.now()
    await store.write(put(store))
    await store.close()
    again = await opener()
    assert again.clock.now().steady >= before.steady
    assert again.start != store.start
    assert again.store_id == store.store_id
    assert await again.read(lambda t: t.inbox.highest_wall()) >= before.wall


async def test_a_state_folder_has_one_daemon(store: Store, opener: Opener) -> None:
    with pytest.raises(StateFolderInUse, match="process"):
        await opener()
    await store.close()
    await opener()


def test_a_folder_is_owned_on_a_full_disk_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    handle = store_file.own(tmp_path)
    try:
        with pytest.raises(StateFolderInUse, match=f"another daemon uses {tmp_path}"):
            store_file.own(tmp_path)
    finally:
        os.close(handle)


async def test_a_state_folder_has_one_name(store: Store) -> None:
    await store.close()
    with pytest.raises(StateFolderInUse, match="belongs to the node central"):
        await Store.open(store.folder, NodeName("ship1"), ballast=MIB)
    again = await Store.open(store.folder, ME, ballast=MIB)
    await again.close()


async def test_open_messages_of_a_lane_are_counted_at_once(store: Store) -> None:
    assert store.open_in_lane(EVENTS) == 0
    await store.write(put(store, 3))
    assert store.open_in_lane(EVENTS) == 3


async def test_a_new_file_is_the_owners_alone(tmp_path: Path, opener: Opener) -> None:
    made = await opener()
    assert made.path.stat().st_mode & 0o077 == 0
