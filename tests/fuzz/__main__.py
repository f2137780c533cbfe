"""``python -m tests.fuzz [--inputs N] [--seed N] [--only wire,…] [--kept DIR]``: mutated inputs, a
million of them unless told otherwise. The same seed makes the same inputs."""

from __future__ import annotations

import argparse
import asyncio
import secrets
import sys
import tempfile
from pathlib import Path

from tests.fuzz.campaign import Failed, Tally, run
from tests.fuzz.targets import TARGETS, shares

KEPT = Path(tempfile.gettempdir()) / "steward-fuzz-failures"
_LINE = "{:<8} {:>9,} inputs {:>7.1f} s {:>7,.0f}/s   memory {:>4.0f} → {:>4.0f} MiB   {}"


def shown(tally: Tally) -> str:
    """One line of the table."""
    figures = ", ".join(f"{name} {value:,.0f}" for name, value in tally.figures.items() if value)
    return _LINE.format(
        tally.target, tally.inputs, tally.seconds, tally.rate, tally.memory_early,
        tally.memory_late, figures,
    )  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=1_000_000, help="of all targets together")
    parser.add_argument("--seed", type=int, help="default: a random one, which is printed")
    parser.add_argument("--only", help=f"some of {','.join(TARGETS)}")
    parser.add_argument(
        "--kept", type=Path, default=KEPT, help=f"where failures go; default: {KEPT}"
    )
    given = parser.parse_args()
    names = given.only.split(",") if given.only else list(TARGETS)
    if unknown := set(names) - set(TARGETS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    seed = secrets.randbelow(2**31) if given.seed is None else given.seed
    print(f"seed {seed}", flush=True)
    failed = 0
    for name, inputs in shares(names, given.inputs).items():
        try:
            print(shown(asyncio.run(run(TARGETS[name](), inputs, seed, given.kept))), flush=True)
        except Failed as failure:
            failed += 1
            print(failure, flush=True)
    print("nothing escaped" if not failed else f"{failed} targets failed: seed {seed}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
