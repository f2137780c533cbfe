"""Many seeds: ``python -m tests.property.sweep PROFILE|all [N] [FIRST] | trace PROFILE SEED``."""

from __future__ import annotations

import sys
import time
from collections import Counter

from tests.property.profiles import PROFILES
from tests.property.world import World


def sweep(name: str, count: int, first: int = 0) -> list[int]:
    """Seeds that fail, with a summary printed."""
    began = time.perf_counter()
    failing, kinds, stats = [], Counter[str](), Counter[str]()
    for seed in range(first, first + count):
        world = World(seed, PROFILES[name]).run()
        stats += world.stats + world.posted
        if world.oracle.faults:
            failing.append(seed)
            kinds.update(dict.fromkeys(f[0] for f in world.oracle.faults))
    spent = time.perf_counter() - began
    print(
        f"{name:10} {count} seeds, {len(failing)} failing {failing[:6]} {dict(kinds)} {spent:.1f} s"
    )
    print("   ", dict(stats.most_common()))
    return failing


def trace(name: str, seed: int) -> None:
    world = World(seed, PROFILES[name]).run()
    for t, who, what in world.oracle.journal:
        print(f"{t:9.2f} {who:7} {what}")
    print(*world.oracle.faults, sep="\n")


if __name__ == "__main__":
    if sys.argv[1] == "trace":
        trace(sys.argv[2], int(sys.argv[3]))
    else:
        for profile in PROFILES if sys.argv[1] == "all" else [sys.argv[1]]:
            sweep(profile, *map(int, sys.argv[2:4]))
