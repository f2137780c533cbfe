"""A store with a past, as the benchmark fills it: its lists are those of a plain look."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from steward import outbox_choice, store_file
from steward.handoff.state import Now
from steward.ledger import Identity, Shared
from steward.store import Store, Tables
from steward.subjects import NodeName
from tests.bench.history import Past, fill
from tests.store.conftest import ME

PAST = Past(messages=30_000, nodes=40, jobs=3000, errors=3000)
NOW = Now(2e9, 100.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("past") / "state"
    fill(made, ME, PAST)
    return made


@pytest.fixture(scope="module")
def con(folder: Path) -> Iterator[sqlite3.Connection]:
    opened = store_file.connect_reader(folder / "steward.db")
    yield opened
    opened.close()


@pytest.fixture
def tables(con: sqlite3.Connection) -> Tables:
    return Tables(Shared(con, Identity(ME, "", "")))


def listed(tables: Tables, **filters: Any) -> tuple[list[str], int]:
    """All pages of a list, and how many there were."""
    found: list[str] = []
    cursor, pages = None, 0
    while True:
        page = tables.history.messages(NOW, limit=1000, cursor=cursor, **filters)
        found += [message["id"] for message in page["messages"]]
        cursor, pages = page["cursor"], pages + 1
        if cursor is None:
            return found, pages


def test_its_sums_are_right(con: sqlite3.Connection) -> None:
    counted = "SELECT lane, state, count(*) FROM message GROUP BY lane, state"
    told = "SELECT lane, state, count FROM tally"
    assert set(con.execute(told)) == set(con.execute(counted))
    assert con.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    (jobs,) = con.execute("SELECT count(DISTINCT job) FROM message").fetchone()
    assert con.execute("SELECT count(*) FROM job").fetchone() == (jobs,)
    assert jobs > 2000


async def test_a_store_opens_on_it(folder: Path) -> None:
    store = await Store.open(folder, ME, min_free=0, ballast=0)
    try:
        page = await store.read(lambda t: t.history.messages(NOW, all=True))
        assert page["total"] == PAST.messages
    finally:
        await store.close()


@pytest.mark.parametrize(
    ("filters", "where"),
    [
        ({}, "1"),
        ({"states": ["failed"]}, "state = 'failed'"),
        ({"states": ["interrupted", "unknown"]}, "state IN ('interrupted', 'unknown')"),
        ({"states": ["published"]}, "state = 'published'"),
        ({"states": ["queued", "refused"]}, "state IN ('queued', 'refused')"),
        ({"nodes": ["ship00007"]}, "node = 'ship00007'"),
        (
            {"nodes": ["ship00007"], "states": ["failed", "queued"]},
            "node = 'ship00007' AND state IN ('failed', 'queued')",
        ),
        ({"methods": ["TextLogging"]}, "method = 'TextLogging'"),
        ({"job": "big-job"}, "job = 'big-job'"),
        ({"job": "big-job", "states": ["failed"]}, "job = 'big-job' AND state = 'failed'"),
        (
            {"problems": True},
            "state NOT IN ('queued', 'sent', 'delivered', 'running', 'succeeded', 'published',"
            " 'cancelled')",
        ),
        ({"text": "UPTIME"}, "CAST(body AS TEXT) LIKE '%uptime%'"),
        ({"text": "not permitted"}, "reason = 'not permitted'"),
        ({"text": "line 29", "nodes": ["ship00007"]}, None),
    ],
)
def test_lists_are_those_of_a_plain_look(
    con: sqlite3.Connection,
    tables: Tables,
    monkeypatch: pytest.MonkeyPatch,
    filters: dict[str, Any],
    where: str | None,
) -> None:
    if where is None:
        where = "node = 'ship00007' AND CAST(body AS TEXT) LIKE '%line 29%'"
    plain = [
        id
        for (id,) in con.execute(
            "SELECT id FROM message m JOIN lane ON lane.key = m.lane JOIN body USING (n)"
            f" WHERE hidden = 0 AND {where} ORDER BY n DESC"
        )
    ]
    assert plain
    assert listed(tables, **filters)[0] == plain
    assert listed(tables, sort="accepted", **filters)[0] == plain[::-1]
    # However little time there is for a page, nothing is left out, and nothing comes twice.
    monkeypatch.setattr(outbox_choice, "_SECONDS", 0.0)
    found, pages = listed(tables, **filters)
    assert (found, pages > 1) == (plain, True)


def test_a_job_of_thousands_names_them_all(tables: Tables) -> None:
    job = tables.jobs.job("big-job")
    assert job["messages"] == PAST.messages // 4
    assert sum(group["messages"] for group in job["groups"]) == job["messages"]
    sizes = [group["messages"] for group in job["groups"]]
    assert sizes == sorted(sizes, reverse=True)
    assert all(len(g["ids"]) == len(g["nodes"]) == g["messages"] for g in job["groups"])


def test_loads_of_some_nodes_are_those_of_all(tables: Tables) -> None:
    every = tables.outbox.loads()
    names = [*list(every)[:3], NodeName("nobody")]
    assert tables.outbox.loads(names) == {name: every[name] for name in names if name in every}
    assert tables.outbox.nodes(names) == {*names} - {"nobody"}
    assert tables.outbox.oldest(names[0]) == every[names[0]].oldest
    counts = tables.outbox.counts()
    assert counts["queued"] == sum(load.queued for load in every.values())


def test_errors_are_those_of_a_plain_look_whatever_the_time(
    con: sqlite3.Connection, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    from steward import records_errors

    monkeypatch.setattr(records_errors, "_SECONDS", 0.0)
    monkeypatch.setattr(records_errors, "_STRIDE", 100)
    for filters, where in (
        ({"node": "ship00001"}, "node = 'ship00001'"),
        ({"levels": ["error"]}, "level = 'error'"),
        ({"levels": ["error", "warning"], "node": "ship00002"}, "node = 'ship00002'"),
        ({"text": "RECEIPT"}, "1"),
        ({"text": "bad_frame"}, "code = 'bad_frame'"),
    ):
        plain = [n for (n,) in con.execute(f"SELECT n FROM error WHERE {where} ORDER BY n DESC")]
        found: list[int] = []
        cursor: str | None = None
        while True:
            page = tables.records.errors(limit=70, cursor=cursor, **filters)
            found += [error["n"] for error in page["errors"]]
            cursor = page["cursor"]
            if cursor is None:
                break
        assert found == plain
