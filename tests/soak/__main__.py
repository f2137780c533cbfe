"""``python -m tests.soak [--minutes 30]``: work and faults, and whether anything grows meanwhile.

Central, five ships and a broker. Exit status 0: no process holds more and more memory,
descriptors, threads, tasks or log of its database, every message had its end, and no daemon ended
by itself.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
from pathlib import Path
from random import SystemRandom

from tests.soak.report import grown, rows, table
from tests.soak.run import VICTIM, Soak, soak, write

WARM = 4000
RATE = 8.0


def main() -> int:
    wanted = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    wanted.add_argument("--minutes", type=float, default=30.0, help="that are measured")
    wanted.add_argument("--seed", type=int, default=SystemRandom().randrange(1_000_000))
    wanted.add_argument("--rate", type=float, default=RATE, help="messages a second")
    wanted.add_argument("--warm", type=int, default=WARM, help="commands to each ship before")
    wanted.add_argument("--json", type=Path, help="also write the samples there, one a line")
    given = wanted.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="steward-soak-"))
    print(
        f"seed {given.seed}, {given.minutes:g} minutes, {given.rate:g} messages a second; {folder}"
    )
    sys.stdout.flush()
    what = Soak(given.seed, given.minutes * 60, given.warm, given.rate)
    try:
        found = asyncio.run(soak(folder, what))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if given.json:
        write(given.json, found)
    trends = rows(found.samples)
    print(table(trends))
    faults = ", ".join(f"{count} {kind}" for kind, count in found.faults.items())
    print(f"{found.messages:,} messages, {faults} (kills: {VICTIM} alone)")
    print("every message had its end" if found.drained else "MESSAGES ARE STILL OPEN")
    print("".join(f"{node} ENDED BY ITSELF\n" for node in found.deaths), end="")
    leaks = grown(trends)
    words = [row.word for row in trends]
    told = [f"{words.count(word)} {word}" for word in ("flat", "grows", "too short")]
    print(", ".join(told) + "".join(f"\ngrows: {leak}" for leak in leaks))
    return int(bool(leaks) or not found.is_whole)


if __name__ == "__main__":
    sys.exit(main())
