"""``python -m tests.bench.compare BASE [NEW]``: two runs of the benchmarks, side by side.

BASE and NEW are files that ``python -m tests.bench --json FILE`` has written; without NEW the
benchmarks run now. What has a limit is compared by its ratio to that limit, which was measured in
the same run: so most of what differs between two machines, or two hours of one, cancels. What has
none is compared as it is.
"""

from __future__ import annotations

import argparse
import math
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from tests.bench.table import Figure, shown
from tests.bench.table import lines as aligned

NOISE = 0.15
"""A smaller change of a ratio means nothing: that is how much two runs of the same code differ."""
NOISE_BARE = 0.30
"""The same of a value without a limit, which takes the machine's moods as they are."""


class Change(msgspec.Struct, frozen=True):
    """One figure in both runs. ``factor``: new by old, of the ratio, or of the bare value; None
    where one of them is missing, infinite where there was none of it before."""

    name: str
    unit: str
    base: Figure | None
    new: Figure | None
    factor: float | None = None

    @property
    def by_ratio(self) -> bool:
        return _has_ratio(self.base) and _has_ratio(self.new)

    def verdict(self, noise: float | None = None) -> str:
        """``better``, ``worse``, ``same`` (within the noise), ``new`` or ``gone``."""
        if self.base is None:
            return "new"
        if self.new is None or self.factor is None:
            return "gone"
        bound = noise if noise is not None else (NOISE if self.by_ratio else NOISE_BARE)
        if 1 / (1 + bound) <= self.factor <= 1 + bound:
            return "same"
        grows = _more_is_better(self.new)
        return "better" if (self.factor > 1) == grows else "worse"


def read(path: Path) -> list[Figure]:
    """The figures of one run. Raises ValueError: a line is none."""
    try:
        return [msgspec.json.decode(line, type=Figure) for line in path.read_bytes().splitlines()]
    except msgspec.MsgspecError as error:
        raise ValueError(f"{path} is no file of figures: {error}") from error


def compare(base: Sequence[Figure], new: Sequence[Figure]) -> list[Change]:
    """One change for each figure of either run, in the order of the new one, then what is gone."""
    before = {(figure.name, figure.unit): figure for figure in base}
    after = {(figure.name, figure.unit): figure for figure in new}
    keys = [*after, *(key for key in before if key not in after)]
    return [_change(*key, before.get(key), after.get(key)) for key in keys]


def _change(name: str, unit: str, base: Figure | None, new: Figure | None) -> Change:
    if base is None or new is None:
        return Change(name, unit, base, new)
    old, now = base.ratio, new.ratio
    if old is None or now is None:
        old, now = base.value, new.value
    if old == 0:
        return Change(name, unit, base, new, 1.0 if now == 0 else math.inf)
    return Change(name, unit, base, new, now / old)


def _has_ratio(figure: Figure | None) -> bool:
    return figure is not None and figure.ratio is not None


def _more_is_better(figure: Figure) -> bool:
    """By its goal if that says; else rates are to be high, and all else low."""
    goal = figure.goal
    if goal is not None:
        if goal.at_least is not None or goal.ratio_at_least is not None:
            return True
        if goal.at_most is not None or goal.ratio_at_most is not None:
            return False
    return figure.unit.startswith("/s")


def table(changes: Sequence[Change], noise: float | None = None) -> str:
    """What both runs measured, both ratios, and how the new one is to the old one."""
    head = ("", "base", "new", "", "base ratio", "new ratio", "change", "")
    rows = [head]
    for change in changes:
        bare = "" if change.by_ratio else " (bare)"
        rows.append(
            (
                change.name, _value(change.base), _value(change.new), change.unit,
                _ratio(change.base), _ratio(change.new),
                "" if change.factor is None else f"{(change.factor - 1) * 100:+,.0f} %",
                f"{change.verdict(noise)}{bare}",
            )
        )  # fmt: skip
    return "\n".join(aligned(rows, right={1, 2, 4, 5, 6}))


def _value(figure: Figure | None) -> str:
    return "–" if figure is None else shown(figure.value)


def _ratio(figure: Figure | None) -> str:
    return "" if figure is None or figure.ratio is None else f"{figure.ratio:.2f} ×"


def summary(changes: Sequence[Change], noise: float | None = None) -> Mapping[str, int]:
    """How many figures got which verdict."""
    counts: dict[str, int] = {}
    for change in changes:
        verdict = change.verdict(noise)
        counts[verdict] = counts.get(verdict, 0) + 1
    return counts


def run_now(arguments: Sequence[str]) -> list[Figure]:
    """The figures of a run of the benchmarks, with these arguments."""
    with tempfile.TemporaryDirectory(prefix="steward-compare-") as folder:
        path = Path(folder) / "new.jsonl"
        command = [sys.executable, "-m", "tests.bench", "--json", str(path), *arguments]
        subprocess.run(command, check=True)
        return read(path)


def main() -> int:
    """Exit status 1 if a figure is worse."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.compare", description=__doc__)
    parser.add_argument("base", type=Path)
    parser.add_argument("new", type=Path, nargs="?")
    parser.add_argument("--only", help="without NEW: run these measurements alone")
    parser.add_argument("--noise", type=float, help=f"default: {NOISE} by ratio, {NOISE_BARE} bare")
    given = parser.parse_args()
    try:
        base = read(given.base)
        new = read(given.new) if given.new else run_now(["--only", given.only] * bool(given.only))
    except (OSError, ValueError) as error:
        parser.error(str(error))
    changes = compare(base, new)
    if given.only:
        changes = [change for change in changes if change.new is not None]
    print(table(changes, given.noise))
    counts = summary(changes, given.noise)
    print(", ".join(f"{count} {verdict}" for verdict, count in counts.items()))
    return int("worse" in counts)


if __name__ == "__main__":
    sys.exit(main())
