"""Every identity and every attack, in small; ``python -m tests.attack`` is the whole matrix."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.attack import broker, forged_receipts
from tests.attack.lab import lab
from tests.attack.matrix import BY_PEOPLE, BY_THE_BROKER, Matrix, try_all
from tests.attack.people import identities

MOST_ERRORS = 200
"""Rows of the error log after tens of thousands of attempts."""


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forged_receipts, "FLOOD", 200)
    monkeypatch.setattr(broker, "MOST_EVERYWHERE", 15)
    monkeypatch.setattr(broker, "MOST_FLIPPED", 1)
    monkeypatch.setattr(broker, "MOST_CHANGED", 600)


def check(matrix: Matrix) -> None:
    assert matrix.holds, matrix.table()
    assert matrix.errors < MOST_ERRORS


@pytest.mark.timeout(240)  # thousands of attempts, on a machine that others use, too
@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("part", range(3))
async def test_nobody_who_must_not_makes_the_fleet_do_anything(part: int, tmp_path: Path) -> None:
    async with lab(tmp_path, seed=part) as fleet:
        people = [one.title for one in identities(fleet.here.papers)][part::3]
        matrix = await try_all(fleet, who=people, steps=())
        check(matrix)
    assert len(matrix.cells) == len(people) * len(BY_PEOPLE)
    assert all(cell.tried for cell in matrix.cells.values())


@pytest.mark.timeout(240)
@pytest.mark.usefixtures("small")
async def test_whoever_owns_the_broker_can_only_be_silent(tmp_path: Path) -> None:
    async with lab(tmp_path, seed=2) as fleet:
        matrix = await try_all(fleet, people=())
        check(matrix)
    assert len(matrix.cells) == len(BY_THE_BROKER)
    assert "0 unauthorised starts, 0 effects" in matrix.table()
