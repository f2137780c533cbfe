"""What was said once outside every stream, and is said again by whoever has captured it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from steward.handoff.state import Now
from steward.records_trust import FIRST_WITHIN, REGRESSES, TrustRecords
from steward.subjects import NodeName
from tests.store.conftest import new_sqlite

SHIP = NodeName("ship1")
NOW = Now(wall=1_800_000_000.0, steady=1.0)
HELLO, SHELL = "EventNACK.SayHello", "CommandNACK.ShellCommand"


class Ear:
    """Asks of letters by their start and their sender's steady time."""

    def __init__(self, records: TrustRecords) -> None:
        self.records = records

    def hears(
        self, start: str, *times: float, said: str = HELLO, store: str = "s", age: float = 0.0
    ) -> list[bool]:
        return [self.records.is_news(SHIP, store, said, start, at, age, NOW) for at in times]


@pytest.fixture
def ear(tmp_path: Path) -> Iterator[Ear]:
    ledger = new_sqlite(tmp_path / "steward.db")
    yield Ear(ledger.tables.trust)
    ledger.con.close()


def test_what_goes_on_is_news_and_its_repetition_is_not(ear: Ear) -> None:
    assert ear.hears("a", 1, 2, 3) == [True, True, True]
    assert ear.hears("a", 1, 2, 3) == [False, False, False]
    assert ear.hears("a", 4) == [True]
    assert ear.hears("a", 1, said=SHELL) == [True], "another sort has a line of its own"
    assert ear.hears("a", 1, store="t") == [True]


def test_a_start_that_was_replaced_says_no_more(ear: Ear) -> None:
    """Also where its steady time fell back a little at the crash between them."""
    assert ear.hears("a", 1000, 1100) == [True, True]
    assert ear.hears("b", 1040, 1050) == [True, True]
    assert ear.hears("a", 1000, 1100, 1200) == [False, False, False]
    assert ear.hears("c", 1050 - REGRESSES - 1) == [False]
    assert ear.hears("b", 1051) == [True]


def test_a_command_from_before_this_store_is_none_and_one_of_its_own_time_is(ear: Ear) -> None:
    """Its earlier life may have started it: it was lost, or a backup was put back."""
    ear.records.begin_trusting(NOW._replace(wall=NOW.wall - 30))
    assert ear.hears("a", 1, said=SHELL, age=31) == [False]
    assert ear.hears("b", 2, said=SHELL, age=29) == [True]
    assert ear.hears("a", 1, said=SHELL, age=31) == [False], "of a start that was not heard yet"
    assert ear.hears("b", 3, said=SHELL, age=31) == [True], "its clock is known"


def test_an_old_command_is_none_for_a_store_that_remembers_nothing(ear: Ear) -> None:
    assert ear.hears("a", 1, said=SHELL, age=FIRST_WITHIN + 1) == [False]
    assert ear.hears("a", 1, said=SHELL, age=-FIRST_WITHIN - 1) == [False]
    assert ear.hears("a", 1, said=SHELL, age=60) == [True]
    assert ear.hears("a", 2, said=SHELL, age=FIRST_WITHIN + 1) == [True], "its clock is known"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(data=st.data())
def test_nothing_counts_twice(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Whatever is captured of a node that starts again and again, and is told in whatever order."""
    ledger = new_sqlite(tmp_path_factory.mktemp("r") / "steward.db")
    try:
        ear, at, told = Ear(ledger.tables.trust), 1000.0, []
        for start in range(data.draw(st.integers(1, 5))):
            at -= data.draw(st.floats(0, 300))
            for _ in range(data.draw(st.integers(1, 4))):
                at += data.draw(st.floats(0.001, 500))
                told.append((str(start), at))
                assert ear.hears(*told[-1]) == [True]
                for captured in data.draw(st.lists(st.sampled_from(told), max_size=4)):
                    assert ear.hears(*captured) == [False]
    finally:
        ledger.con.close()
