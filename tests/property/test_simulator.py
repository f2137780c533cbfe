"""The real core in thousands of seeded worlds: no promise of DESIGN.md section 9 may break."""

from __future__ import annotations

import multiprocessing
import os
from collections import Counter
from collections.abc import Iterator
from multiprocessing.pool import Pool

import pytest

from tests.property.profiles import PROFILES
from tests.property.world import World

SEEDS = 300
"""For each profile; STEWARD_SEEDS asks for more, STEWARD_FIRST_SEED for others."""


def faults_of(profile: str, seed: int) -> list[tuple[str, ...]]:
    """What the oracle says of one world."""
    return World(seed, PROFILES[profile]).run().oracle.faults


@pytest.fixture(scope="module")
def workers() -> Iterator[Pool]:
    with multiprocessing.get_context("spawn").Pool(min(4, os.cpu_count() or 1)) as pool:
        yield pool


@pytest.mark.timeout(600)
@pytest.mark.parametrize("profile", PROFILES)
def test_no_invariant_breaks(profile: str, workers: Pool) -> None:
    count = int(os.environ.get("STEWARD_SEEDS", SEEDS))
    first = int(os.environ.get("STEWARD_FIRST_SEED", 0))
    seeds = range(first, first + count)
    found = workers.starmap(faults_of, [(profile, seed) for seed in seeds], chunksize=10)
    broken = {seed: faults for seed, faults in zip(seeds, found, strict=True) if faults}
    assert not broken, f"python -m tests.property.sweep trace {profile} {min(broken)}"


def test_the_worlds_are_as_wild_as_they_claim() -> None:
    """What a profile is for happens in it."""
    stats = {
        name: sum((World(seed, PROFILES[name]).run().stats for seed in range(20)), start=Counter())
        for name in PROFILES
    }
    for name, seen in stats.items():
        assert min(seen["kill -9"], seen["power cuts"], seen["runner killed"]) > 0, name
        assert min(seen["command succeeded"], seen["event succeeded"]) > 20, name
        assert seen["command cancelled"] > 20, name
    assert min(stats["wiped"]["S wiped"], stats["wiped"]["R wiped"]) > 3
    assert min(stats["restored"]["S restored"], stats["restored"]["R restored"]) > 2
    assert stats["restored"]["renewed"] > 6
