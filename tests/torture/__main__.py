"""``python -m tests.torture``: a broker, central and five ships under faults, and the verdict.

Exit status 0: every promise held. The seed is printed; it gives the same faults at the same
offsets, and the same work.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
from pathlib import Path
from random import SystemRandom

from tests.torture import report
from tests.torture.checker import judge
from tests.torture.run import Run, run
from tests.torture.sabotage import BUGS

PER_SECOND = 28
"""Messages, unless --seconds says otherwise."""


def main() -> int:
    wanted = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    wanted.add_argument("--messages", type=int, default=10_000)
    wanted.add_argument("--seed", type=int, default=SystemRandom().randrange(1_000_000))
    wanted.add_argument("--seconds", type=float, help="of faults; the quiet phase comes on top")
    wanted.add_argument("--folder", type=Path, help="a new one; else a temporary one")
    wanted.add_argument("--keep", action="store_true", help="the folder, even if all is well")
    wanted.add_argument(
        "--bug",
        action="append",
        default=[],
        choices=sorted(BUGS),
        help="the daemons get it: the lab has to find it",
    )
    given = wanted.parse_args()
    folder = given.folder or Path(tempfile.mkdtemp(prefix="steward-torture-"))
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    seconds = given.seconds or max(20.0, given.messages / PER_SECOND)
    print(f"seed {given.seed}, {given.messages:,} messages, {seconds:.0f} s of faults; {folder}")
    sys.stdout.flush()
    in_time = asyncio.run(run(folder, Run(given.seed, given.messages, seconds, tuple(given.bug))))
    verdict = judge(folder)
    print(report.describe(folder))
    print(verdict.table())
    holds = in_time and not verdict.violations
    if holds and not given.keep:
        shutil.rmtree(folder)
    else:
        print(f"kept: {folder}")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
