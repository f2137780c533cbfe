"""What is left after kill -9, a damaged file and a full disk."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from steward.errors import StoreDamaged, StoreFull
from steward.message import MessageId, State
from steward.room import Room
from steward.store import Store, Tables
from tests.store.conftest import EVENTS, ME, MIB, SHIP, Opener, arrival, counts, message, put

pytestmark = pytest.mark.timeout(60)

WRITER = """
import asyncio, sys
from pathlib import Path
from steward.message import Kind, Message, new_id
from steward.store import Store

def one():
    return Message(id=new_id(), to="ship1", kind=Kind.EVENT_ACK, method="TextLogging",
                   data=("x" * 200,), timeout=10.0, retries=0)

async def main():
    store = await Store.open(Path(sys.argv[1]), "central", ballast=0)
    async def client():
        while True:
            m = one()
            await store.write(lambda t: t.outbox.submit([m], 0, store.clock.now(), 10**6))
            print(m.id, flush=True)
    await asyncio.gather(*(client() for _ in range(8)))

asyncio.run(main())
"""


def told_until_killed(folder: Path, lines: int) -> list[str]:
    """What a writer said was committed, before and while it was killed."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    with writer.stdout as out:
        told = [out.readline().strip() for _ in range(lines)]
        os.kill(writer.pid, signal.SIGKILL)
        told += [line.strip() for line in out if line.endswith("\n")]
    writer.wait()
    return told


def damage(path: Path, at: int) -> None:
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(b"\xff" * 9000)


async def test_kill_9_loses_nothing_that_was_committed(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    told: list[str] = []
    for _ in range(3):
        told += told_until_killed(folder, 200)
    store = await Store.open(folder, ME, ballast=0)
    try:
        found = await store.read(lambda t: [t.outbox.find(MessageId(id)) for id in told])
        assert len(told) >= 600
        assert None not in found
        total = (await store.read(counts))["queued"]
        assert total >= len(told)
        assert await store.write(lambda t: t.outbox.load(SHIP)) == total
    finally:
        await store.close()


# ------------------------------------------------------------------- damage


@pytest.mark.parametrize("where", ["header", "middle"])
async def test_a_damaged_file_is_kept_and_a_new_one_has_a_new_id(
    store: Store, opener: Opener, where: str
) -> None:
    await store.write(put(store, 500))
    await store.close()
    assert store.damaged is None
    damage(store.path, 0 if where == "header" else store.path.stat().st_size // 2)
    again = await opener()
    assert again.damaged is not None
    assert again.damaged.stat().st_size > 100_000
    assert again.damaged.parent == store.folder
    assert again.store_id != store.store_id
    assert (await again.read(counts))["queued"] == 0
    await again.write(put(again))


async def test_a_file_of_another_format_is_left_alone(store: Store, opener: Opener) -> None:
    await store.close()
    with sqlite3.connect(store.path) as con:
        con.execute("PRAGMA user_version = 99")
    con.close()
    with pytest.raises(StoreDamaged, match="format 99"):
        await opener()
    assert store.path.exists()


async def test_a_file_that_cannot_be_opened_is_left_alone(tmp_path: Path, opener: Opener) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "steward.db").mkdir()
    with pytest.raises(StoreDamaged, match="cannot be opened"):
        await opener()


# ------------------------------------------------------------------- a full disk


async def fill(store: Store) -> None:
    """Submit until intake closes."""
    async with asyncio.timeout(20):
        while True:
            await store.write(put(store, 50))


async def test_a_bounded_file_refuses_intake_but_ends_what_it_has(opener: Opener) -> None:
    store = await opener(ballast=MIB // 2)
    await store.limit_pages(800)
    with pytest.raises(StoreFull, match="may have"):
        await fill(store)
    with pytest.raises(StoreFull):
        await store.write(lambda t: t.inbox.accept([arrival(1)], store.clock.now()))

    def settle(tables: Tables) -> None:
        now = store.clock.now()
        stream = tables.outbox.stream(SHIP, "theirs", EVENTS)
        stream = tables.outbox.bind(stream, EVENTS, "theirs", 256, MIB)
        tables.outbox.settle(stream, stream.next - 1, {}, now)
        result = message(method="Result")
        tables.outbox.submit([result], None, now, None)

    waiting = (await store.read(counts))["queued"]
    while await store.read(lambda t: t.outbox.has_queued(EVENTS)):
        await store.write(settle)
    assert await store.read(lambda t: t.history.messages(store.clock.now())["total"]) == waiting
    await store.limit_pages(0)
    await store.write(put(store))


async def test_a_unit_that_finds_no_page_fails_alone(opener: Opener) -> None:
    store = await opener(ballast=0)
    await store.write(put(store))
    pages = await store.write(lambda t: t.shared.con.execute("PRAGMA page_count").fetchone()[0])
    await store.limit_pages(pages + 8)

    def huge(tables: Tables) -> None:
        tables.outbox.submit([message(data=("x" * 400_000,))], None, store.clock.now(), None)

    def small(tables: Tables) -> None:
        tables.outbox.submit([message()], None, store.clock.now(), None)

    units = [store.write(small), store.write(huge), store.write(small)]
    one, failed, two = await asyncio.gather(*units, return_exceptions=True)
    assert (one, two) == (None, None)
    assert isinstance(failed, StoreFull)
    assert (await store.read(counts))["queued"] == 3
    await store.limit_pages(0)
    await store.write(huge)


async def test_intake_closes_below_the_free_space_kept_and_opens_by_itself(store: Store) -> None:
    await store.write(put(store))
    store.room.min_free = 1 << 60
    with pytest.raises(StoreFull, match="free on the disk"):
        await store.write(put(store))
    result = message(method="Result")
    await store.write(lambda t: t.outbox.submit([result], None, store.clock.now(), None))
    await store.write(lambda t: t.outbox.end(result.id, State.CANCELLED, "", store.clock.now()))
    store.room.min_free = 0
    await store.write(put(store))


async def test_the_ballast_is_given_up_once_and_comes_back(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    ballast = store.folder / "ballast"
    assert ballast.stat().st_blocks * 512 >= MIB
    with monkeypatch.context() as full:
        full.setattr(Room, "free", lambda room: 0)
        assert store.room.release()
        assert ballast.stat().st_size == 0
        assert not store.room.release()
        store.room.min_free = 1
        with pytest.raises(StoreFull):
            await store.write(put(store))
    await store.write(put(store))
    assert ballast.stat().st_size == MIB


async def test_no_ballast_is_given_up_for_a_bound(store: Store) -> None:
    assert not store.room.release()
    assert (store.folder / "ballast").stat().st_size == MIB
