"""Hypothesis plays the handoff between real databases: nothing breaks, and deliberate bugs do.

``STEWARD_HISTORIES`` asks for more histories, ``STEWARD_FIRST_SEED`` for others.
"""

from __future__ import annotations

import os
import sqlite3
from collections import Counter

import pytest

from tests.property.model import run
from tests.property.model_machine import HandoffModel
from tests.property.model_mutants import MUTANTS

HISTORIES = 100
MUTANT_HISTORIES = 60

OFTEN_CAUGHT = (
    "no duplicate detection",
    "a time window instead of last",
    "re-run after a crash",
    "raw expiry on a skewed clock",
    "receipt before commit",
    "bound only when receipted",
    "tombstone final before its receipt",
    "verdicts not repeated",
    "voided although started",
    "out-of-order start",
    "caches outlive a rollback",
    "tallies are not written",
    "a result in another commit",
)
"""Within few random histories. ``test_regressions.py`` has a history for most others. Neither has
``no probe`` and ``a shortened frame believed whole``: those are directed tests of ``tests/unit``.
An expiry not checked at the start takes some hundred; the simulator catches it, as all of its."""

SEEN = (
    "frames", "questions", "receipts", "tombstones", "starts", "handles", "cancelled",
    "voided while it waited", "unknown", "told again", "kill -9", "power cuts", "runner killed",
    "clock set", "wiped", "restored", "pruned", "recovery: FINISH", "recovery: POWER_LOST",
    "recovery: RUNNER_LOST", "recovery: WATCH", "command succeeded", "command failed",
    "command refused", "command expired", "command cancelled", "command interrupted",
    "command undelivered", "command unknown", "event succeeded", "event refused", "event expired",
    "event cancelled", "event undelivered", "no room",
)  # fmt: skip
"""What must have happened, or the histories were not worth much."""


@pytest.mark.timeout(600)
def test_no_promise_breaks_and_what_is_feared_did_happen() -> None:
    count = int(os.environ.get("STEWARD_HISTORIES", HISTORIES))
    first = int(os.environ.get("STEWARD_FIRST_SEED", 0))
    HandoffModel.seen.clear()
    run(count, first_seed=first)
    seen: Counter[str] = HandoffModel.seen
    if not first:
        assert not [what for what in SEEN if not seen[what]]


@pytest.mark.parametrize("mutant", OFTEN_CAUGHT)
def test_random_histories_catch(mutant: str) -> None:
    class Mutant(HandoffModel):
        parts = MUTANTS[mutant]

    with pytest.raises((AssertionError, sqlite3.IntegrityError)):
        run(MUTANT_HISTORIES, Mutant, shrinks=False)
