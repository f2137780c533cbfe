"""What the store asks of SQLite so that a commit survives a power cut, and of its folders.

SQLite's own promise (FULL, in WAL mode: the log is synced before a commit returns, and its name
with it) is taken at its word here, and tried by ``make test-power``.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from steward.store import Store
from tests.store.conftest import ME
from tests.store.recorded_calls import ProcessDies, Recording

FULL = 2


def settings(con: sqlite3.Connection) -> tuple[str, int]:
    """Read back from the connection."""
    (mode,) = con.execute("PRAGMA journal_mode").fetchone()
    (synchronous,) = con.execute("PRAGMA synchronous").fetchone()
    return str(mode), int(synchronous)


async def test_every_commit_syncs_and_nobody_else_writes(tmp_path: Path) -> None:
    for _ in range(2):  # a new store, and one that is there
        store = await Store.open(tmp_path / "state", ME, min_free=0, ballast=0)
        try:
            assert await store.write(lambda t: settings(t.shared.con)) == ("wal", FULL)
            with pytest.raises(sqlite3.OperationalError, match="readonly"):
                await store.read(lambda t: t.shared.con.execute("DELETE FROM meta"))
        finally:
            await store.close()


@pytest.mark.parametrize("dies_at", range(6))
async def test_a_store_that_is_open_has_a_folder_that_survives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dies_at: int
) -> None:
    (tmp_path / "disk").mkdir()
    recording = Recording(tmp_path / "disk")
    folder = tmp_path / "disk" / "var" / "state"
    with monkeypatch.context() as patch:
        recording.patch(patch)
        recording.dies_at = dies_at
        try:
            store = await Store.open(folder, ME, min_free=0, ballast=0)
        except ProcessDies:
            store = await Store.open(folder, ME, min_free=0, ballast=0)
        await store.close()
    for state in recording.states(len(recording.log)):
        assert "var/state" in state.folders
