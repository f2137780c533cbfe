"""Which units of work share a commit: those who were woken in time, and those who have time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from steward.store import Store, Tables
from steward.subjects import NodeName


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = await Store.open(tmp_path / "state", NodeName("central"), min_free=0, ballast=0)
    yield store
    await store.close()


async def test_what_a_queued_unit_wakes_shares_its_commit(store: Store) -> None:
    woken = asyncio.Event()

    async def other() -> None:
        await woken.wait()
        await store.write(lambda t: t.records.set_claim("other", ""))

    async with asyncio.TaskGroup() as group:
        group.create_task(other())
        await asyncio.sleep(0)
        before = store.commits
        queued = store.queue(lambda t: t.records.set_claim("one", ""))
        woken.set()
        await queued
    assert (store.commits - before, store.units) == (1, 2)


async def test_a_unit_that_has_time_goes_with_the_next_one_in_order(store: Store) -> None:
    taken: list[str] = []
    patient = store.queue(lambda t: taken.append("patient"), within=60.0)
    await store.write(lambda t: taken.append("urgent"))
    assert patient.done()
    assert taken == ["patient", "urgent"]
    assert store.commits == 1


async def test_a_unit_that_nobody_joins_goes_alone_in_time(store: Store) -> None:
    late = store.queue(lambda t: "late", within=60.0)
    soon = store.queue(lambda t: "soon", within=0.05)
    async with asyncio.timeout(5):
        assert [await soon, await late] == ["soon", "late"]
    assert store.commits == 1


async def test_after_a_commit_what_has_time_goes_on_waiting(store: Store) -> None:
    late: list[asyncio.Future[None]] = []

    def in_the_meantime(_: Tables) -> None:
        loop.call_soon_threadsafe(lambda: late.append(store.queue(lambda t: None, within=60.0)))

    loop = asyncio.get_running_loop()
    await store.write(in_the_meantime)
    for _ in range(10):
        await asyncio.sleep(0.01)
    assert not late[0].done()
    await store.write(lambda t: None)
    assert late[0].done()


async def test_closing_commits_what_has_time(tmp_path: Path) -> None:
    store = await Store.open(tmp_path / "other", NodeName("central"), min_free=0, ballast=0)
    patient = store.queue(lambda t: t.records.set_claim("patient", "1"), within=60.0)
    await store.close()
    await patient
    store = await Store.open(tmp_path / "other", NodeName("central"), min_free=0, ballast=0)
    assert await store.read(lambda t: t.records.claims()) == {"patient": "1"}
    await store.close()


async def test_units_that_only_look_leave_the_file_as_it_is(store: Store) -> None:
    await store.write(lambda t: t.records.set_claim("x", ""))
    before = store.bytes()
    for _ in range(20):
        await store.write(lambda t: t.records.claims())
    assert store.bytes() == before
