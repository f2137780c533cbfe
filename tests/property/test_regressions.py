"""Histories that must never fail again, each by its name, over real databases.

Each was a failure once: of a draft of the handoff, of the product, or of a deliberate bug that
random histories meet too seldom. Those that need no database are in ``tests/unit``
(``test_another_store.py``, ``test_renewal.py``, ``test_expiry.py``, ``test_attempts.py``,
``test_shortened_frames.py``). A history that ``model.py`` finds is written down here in its words.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.property.model_histories import HISTORIES, History
from tests.property.model_mutants import MUTANTS
from tests.property.model_town import Town
from tests.property.model_verdict import heal, judge


def tell(history: History, folder: Path, mutant: str = "") -> None:
    """The history, then a healthy world, then the verdict."""
    town = Town(folder, ("A", "B"), parts=MUTANTS[mutant] if mutant else None)
    try:
        history(town, town.ends["A"], town.ends["B"])
        heal(town)
        judge(town)
    finally:
        town.close()


@pytest.mark.parametrize("history", HISTORIES, ids=lambda history: history.__name__)
def test_history(history: History, tmp_path: Path) -> None:
    tell(history, tmp_path)


@pytest.mark.parametrize(
    ("history", "mutant"), [(h, m) for h, mutants in HISTORIES.items() for m in mutants]
)
def test_it_catches(history: History, mutant: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        tell(history, tmp_path, mutant)
