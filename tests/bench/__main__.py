"""``python -m tests.bench [--only NAME,…] [--messages N] [--json FILE] [--folder DIR]``."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
import traceback
from functools import partial
from pathlib import Path

from tests.bench import limits
from tests.bench.console import MESSAGES, console
from tests.bench.limits import Limits
from tests.bench.measures import MEASURES, ONLY_IF_ASKED, Measure
from tests.bench.table import Figure, table


def machine(found: Limits) -> list[Figure]:
    """The machine's own limits as figures."""
    words = {
        "round_trip": ("request and reply through the broker", "ms"),
        "requests": ("the same, 64 under way", "/s"),
        "commit": ("a commit of one row on the disk", "ms"),
        "rows": ("rows, 256 a commit", "/s"),
        "handoff": ("a bare handoff, disk to disk, 256 a frame", "/s"),
        "spawns": ("posix_spawn and pidfd, one at a time", "/s"),
        "run": ("true, by the runner", "ms"),
        "runs": ("the same, 16 under way", "/s"),
        "call": ("a call over the control socket", "ms"),
        "one_command": ("the parts of one command, in all", "ms"),
    }
    return [
        Figure(name=name, value=getattr(found, field), unit=unit)
        for field, (name, unit) in words.items()
    ]


async def run(names: list[str], folder: Path, messages: int) -> tuple[list[Figure], list[str]]:
    """All figures, those of the machine first; and the measures that failed."""
    print("the machine itself …", file=sys.stderr)
    (folder / "limits").mkdir()
    found = await limits.measure(folder / "limits")
    figures = machine(found)
    measures: dict[str, Measure] = {**MEASURES, "console": partial(console, messages=messages)}
    failed: list[str] = []
    for name in names:
        print(f"{name} …", file=sys.stderr)
        try:
            figures += await measures[name](folder / name, found)
        except Exception:  # the others have taken minutes
            traceback.print_exc()
            failed.append(name)
    return figures, failed


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    asked = ", ".join(sorted(ONLY_IF_ASKED))
    parser.add_argument("--only", help=f"some of {','.join(MEASURES)}; default: all but {asked}")
    parser.add_argument(
        "--messages", type=int, default=MESSAGES, help=f"in the console's past: {MESSAGES:,}"
    )
    parser.add_argument("--json", type=Path, help="also write the figures there, one a line")
    parser.add_argument("--folder", type=Path, help="on the disk to measure; default: temporary")
    given = parser.parse_args()
    usual = [name for name in MEASURES if name not in ONLY_IF_ASKED]
    names = given.only.split(",") if given.only else usual
    if wrong := [name for name in names if name not in MEASURES]:
        parser.error(f"{wrong[0]!r} is none of {', '.join(MEASURES)}")
    folder = Path(tempfile.mkdtemp(prefix="steward-bench-", dir=given.folder))
    try:
        figures, failed = asyncio.run(run(names, folder, given.messages))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(table(figures))
    if given.json:
        given.json.write_bytes(b"".join(figure.line() for figure in figures))
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
