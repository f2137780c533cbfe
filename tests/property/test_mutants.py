"""Each rule switched off as a deliberate bug: the simulator has to catch it."""

from __future__ import annotations

import pytest

from tests.property.mutants import MUTANTS
from tests.property.world import World


def caught(name: str) -> str:
    """The first broken invariant, or nothing within the mutant's seeds."""
    mutant = MUTANTS[name]
    for seed in range(mutant.seeds):
        faults = World(seed, mutant.profile, mutant.parts).run().oracle.faults
        if faults:
            return faults[0][0]
    return ""


@pytest.mark.parametrize("name", MUTANTS)
def test_the_simulator_catches(name: str) -> None:
    assert caught(name)
