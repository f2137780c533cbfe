"""``python -m tests.attack``: everybody who must not tries everything, and the matrix of it.

Exit status 0: nothing was started that nobody had ordered, and nothing else took effect.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import tempfile
from pathlib import Path
from random import SystemRandom

from tests.attack.bugs import BUGS, planted
from tests.attack.harbour import PATIENCE
from tests.attack.lab import lab
from tests.attack.matrix import Matrix, try_all


async def attack(folder: Path, seed: int, patience: float) -> Matrix:
    async with lab(folder, seed) as fleet:
        fleet.here.patience = patience
        return await try_all(fleet)


def main() -> int:
    wanted = argparse.ArgumentParser(prog="python -m tests.attack", description=__doc__)
    wanted.add_argument("--seed", type=int, default=SystemRandom().randrange(1_000_000))
    wanted.add_argument("--bug", choices=sorted(BUGS), help="the nodes get it: it has to be found")
    given = wanted.parse_args()
    logging.basicConfig(level=logging.CRITICAL)
    print(f"seed {given.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="steward-attack-") as folder, planted(given.bug):
        matrix = asyncio.run(attack(Path(folder), given.seed, 3.0 if given.bug else PATIENCE))
    print(matrix.table())
    return 0 if matrix.holds else 1


if __name__ == "__main__":
    sys.exit(main())
