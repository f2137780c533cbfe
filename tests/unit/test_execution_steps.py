"""One unit of work of the executor, on a real store: what it ends and what it starts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from node.execution import Step, step
from node.schedule import Slots
from steward.store import Tables
from tests.store.conftest import arrival, at, new_sqlite


@pytest.fixture
def tables(tmp_path: Path) -> Iterator[Tables]:
    made = new_sqlite(tmp_path / "steward.db")
    yield made.tables
    made.con.close()


def taken(tables: Tables, *facts: dict[str, Any]) -> list[str]:
    """Commands of one stream are accepted; their ids."""
    arrivals = [arrival(seq, **fact) for seq, fact in enumerate(facts, 1)]
    tables.inbox.accept(arrivals, at(0))
    return [a.id for a in arrivals]


def stepped(tables: Tables, wall: float, *, is_trusted: bool = True) -> Step:
    return step(tables, [], at(wall), "boot", lambda frm, highest: is_trusted, Slots())


def test_what_stands_behind_an_expired_command_starts_in_the_same_step(tables: Tables) -> None:
    late = {"expires": at(10).wall, "deadline": at(10).wall}
    _, _, last = taken(tables, late, late, {})
    done = stepped(tables, 20)
    assert [c.id for c in done.start] == [last]
    assert len(done.results) == 1
    assert done.next_expiry is None


def test_what_is_held_back_is_looked_at_again(tables: Tables) -> None:
    expires = {"expires": at(100).wall, "deadline": at(100).wall}
    (waiting,) = taken(tables, expires)
    done = stepped(tables, 1, is_trusted=False)
    assert (done.start, done.held) == ((), True)
    done = stepped(tables, 2)
    assert ([c.id for c in done.start], done.held) == ([waiting], False)
