"""A file of an earlier format becomes one of this: nothing is lost, wherever it is cut off."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from steward import store_file
from steward.handoff.state import Now
from steward.ledger import Identity, Shared
from steward.store import Store, Tables
from tests.store.conftest import ME, SHIP

OLD = (Path(__file__).parent / "schema_1.sql").read_text(encoding="utf-8")
NOW = Now(2000.0, 50.0)
Content = dict[str, list[tuple[Any, ...]]]


def old_file(path: Path) -> None:
    """A store as format 1 left it: a job, its machinery, errors, a roster."""
    con = sqlite3.connect(path, isolation_level=None)
    con.execute("PRAGMA journal_mode = WAL")
    con.executescript(f"BEGIN; {OLD}; PRAGMA user_version = 1; COMMIT")
    con.execute("INSERT INTO meta VALUES (1, 'the-store', ?, 40.0, 1900.0, 0)", (ME,))
    con.executemany(
        "INSERT INTO lane VALUES (?, ?, ?, ?, ?, ?, NULL)",
        [
            (1, "ship1.CommandACK.ShellCommand", "ship1", "CommandACK", "ShellCommand", 0),
            (2, "ship1.EventACK.Cancel", "ship1", "EventACK", "Cancel", 1),
        ],
    )
    rows = [(1, "h", 2, "machinery"), (2, "a", 1, None), (3, "b", 1, "j"), (4, "c", 1, "k"),
            (5, "d", 1, "j"), (6, "e", 2, "k")]  # fmt: skip
    for n, id, lane, job in rows:
        ill = n in (3, 5)
        con.execute(
            "INSERT INTO message (n, id, lane, state, confirmed, ill, parallel, timeout, retries,"
            " ttl, clock, accepted_at, ended_at, digest, job)"
            " VALUES (?, ?, ?, ?, 1, ?, 0, 10, 0, 0, 1, 1000, 1001, x'00', ?)",
            (n, id, lane, "failed" if ill else "succeeded", ill, job),
        )
        con.execute("INSERT INTO body VALUES (?, ?)", (n, b'{"data":["x"]}'))
    con.execute("""INSERT INTO outcome VALUES (3, '{"result":{"exitCode":3}}')""")
    con.executemany(
        "INSERT INTO tally VALUES (?, ?, ?)",
        [(1, "succeeded", 2), (1, "failed", 2), (2, "succeeded", 2)],
    )
    hello = '{"start":"s","interval":60.5,"goodbye":true}'
    con.execute(
        "INSERT INTO roster VALUES ('ship1', 1, 2, 3, 's', 's', '[]', ?)", (hello.encode(),)
    )
    hello = '{"start":"s","interval":15.0}'
    con.execute(
        "INSERT INTO roster VALUES ('ship2', 1, 2, 3, 's', 's', '[]', ?)", (hello.encode(),)
    )
    for n in range(3):
        con.execute(
            "INSERT INTO error (node, level, code, text, hint, messages, count, first_at, last_at)"
            " VALUES ('ship1', 'error', 'c', ?, '', '[]', 1, 1990, 1990)",
            (f"text {n}",),
        )
    con.close()


def content(path: Path, columns: dict[str, list[str]] | None = None) -> Content:
    """Every row of every table that format 1 has, in its columns."""
    con = sqlite3.connect(path)
    try:
        names = columns or described(con)
        return {
            table: sorted(con.execute(f"SELECT {', '.join(names[table])} FROM {table}"), key=repr)
            for table in names
        }
    finally:
        con.close()


def described(con: sqlite3.Connection) -> dict[str, list[str]]:
    tables = con.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    return {
        table: [row[1] for row in con.execute(f"PRAGMA table_info({table})")]
        for (table,) in tables
        if not table.startswith("sqlite_")
    }


def old_columns(path: Path) -> dict[str, list[str]]:
    con = sqlite3.connect(path)
    try:
        return described(con)
    finally:
        con.close()


def shape(con: sqlite3.Connection) -> dict[str, Any]:
    """Tables with their columns, and indexes, as SQLite understands them."""
    found: dict[str, Any] = {}
    for table in described(con):
        found[table] = [row[1:] for row in con.execute(f"PRAGMA table_info({table})")]
        for _, name, unique, origin, partial in con.execute(f"PRAGMA index_list({table})"):
            keys = [row[2] for row in con.execute(f"PRAGMA index_info({name})")]
            found[f"{table}.{name}"] = (unique, origin, partial, keys)
    wheres = "SELECT name, substr(sql, instr(sql, 'WHERE')) FROM sqlite_master WHERE sql LIKE ?"
    found["conditions"] = dict(con.execute(wheres, ("CREATE INDEX%WHERE%",)).fetchall())
    return found


def test_an_upgraded_file_has_the_shape_of_a_new_one(tmp_path: Path) -> None:
    old_file(tmp_path / "old.db")
    old = store_file.connect_writer(tmp_path / "old.db", ME)
    new = store_file.connect_writer(tmp_path / "new.db", ME)
    try:
        assert shape(old) == shape(new)
        assert old.execute("PRAGMA user_version").fetchone() == (store_file.VERSION,)
    finally:
        old.close()
        new.close()


async def test_an_upgraded_file_keeps_all_and_knows_its_jobs(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    old_file(folder / "steward.db")
    columns = old_columns(folder / "steward.db")
    before = content(folder / "steward.db", columns)
    store = await Store.open(folder, ME, min_free=0, ballast=0)
    try:
        assert store.store_id == "the-store"
        listed = await store.read(lambda t: t.jobs.jobs()["jobs"])
        assert [(j["job"], j["messages"]) for j in listed] == [("k", 2), ("j", 2)]
        [group] = (await store.read(lambda t: t.jobs.job("k")))["groups"]
        assert group["ids"] == ["c", "e"]
        page = await store.read(lambda t: t.history.messages(NOW, problems=True))
        assert [m["id"] for m in page["messages"]] == ["d", "b"]
        assert len((await store.read(lambda t: t.records.errors(node=SHIP)))["errors"]) == 3
    finally:
        await store.close()
    after = content(folder / "steward.db", columns)
    for table in before:
        if table != "meta":
            assert after[table] == before[table], table
    con = sqlite3.connect(folder / "steward.db")
    said = "SELECT name, interval, goodbye FROM roster ORDER BY name"
    assert con.execute(said).fetchall() == [("ship1", 60.5, 1), ("ship2", 15.0, 0)]
    con.close()


KILLED = """
import os, signal, sqlite3, sys
from pathlib import Path
from steward import store_file

left = int(sys.argv[2])
def step(statement):
    global left
    left -= not statement.startswith("PRAGMA")
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)

def connect(*args, _connect=sqlite3.connect, **more):
    con = _connect(*args, **more)
    con.set_trace_callback(step)
    return con

sqlite3.connect = connect
store_file.connect_writer(Path(sys.argv[1]), "central")
"""


@pytest.mark.parametrize("steps", range(12))
def test_wherever_it_is_killed_the_file_is_the_old_or_the_new_one(
    tmp_path: Path, steps: int
) -> None:
    path = tmp_path / "steward.db"
    old_file(path)
    columns = old_columns(path)
    before = content(path, columns)
    script = [sys.executable, "-c", KILLED, str(path), str(steps)]
    done = subprocess.run(script, cwd=Path(__file__).parents[2], env=dict(os.environ), check=False)
    assert done.returncode in (0, -signal.SIGKILL)
    con = sqlite3.connect(path)
    (version,) = con.execute("PRAGMA user_version").fetchone()
    con.close()
    # It is the COMMIT alone that makes it new.
    assert version == (1 if done.returncode else store_file.VERSION)
    assert done.returncode or steps > 8
    assert content(path, columns) == before
    again = store_file.connect_writer(path, ME)
    try:
        tables = Tables(Shared(again, Identity(ME, "the-store", "start")))
        assert [j["job"] for j in tables.jobs.jobs()["jobs"]] == ["k", "j"]
        assert again.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    finally:
        again.close()
    assert content(path, columns) == before
