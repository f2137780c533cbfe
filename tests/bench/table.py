"""PURE: figures, their ratios to the machine's own limits, and the table that shows them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set

import msgspec


class Goal(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a figure has to reach; what is None is not asked for. ``ratio_…``: to its limit."""

    at_most: float | None = None
    at_least: float | None = None
    ratio_at_most: float | None = None
    ratio_at_least: float | None = None

    def is_met(self, value: float, ratio: float | None) -> bool:
        """Whether all of it is reached; a ratio that there is not reaches nothing."""
        asked = ((value, self.at_most, self.at_least), (ratio, *self._ratios))
        return all(_within(what, most, least) for what, most, least in asked)

    @property
    def _ratios(self) -> tuple[float | None, float | None]:
        return self.ratio_at_most, self.ratio_at_least

    def __str__(self) -> str:
        words = [
            f"{sign} {shown(bound)}{times}"
            for sign, bound, times in (
                ("≤", self.at_most, ""),
                ("≥", self.at_least, ""),
                ("≤", self.ratio_at_most, " ×"),
                ("≥", self.ratio_at_least, " ×"),
            )
            if bound is not None
        ]
        return ", ".join(words)


class Figure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One measured value. ``limit``: the machine's own, measured in the same run, and ``of`` what
    it is; ``goal`` None: it is only told."""

    name: str
    value: float
    unit: str
    limit: float | None = None
    of: str = ""
    goal: Goal | None = None

    @property
    def ratio(self) -> float | None:
        """The value, in limits."""
        return self.value / self.limit if self.limit else None

    @property
    def verdict(self) -> str:
        """``met``, ``short``, or nothing where there is no goal."""
        if self.goal is None:
            return ""
        return "met" if self.goal.is_met(self.value, self.ratio) else "short"

    def line(self) -> bytes:
        """As a line of JSON, by which two runs are compared."""
        facts = msgspec.to_builtins(self) | {"ratio": self.ratio, "verdict": self.verdict}
        return msgspec.json.encode(facts) + b"\n"


def _within(value: float | None, most: float | None, least: float | None) -> bool:
    if most is None and least is None:
        return True
    if value is None:
        return False
    return (most is None or value <= most) and (least is None or value >= least)


def shown(value: float) -> str:
    """Three digits that count, thousands apart."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}"


HEAD = ("", "measured", "", "of the machine's own", "", "goal", "")


def table(figures: Iterable[Figure]) -> str:
    """One line a figure, columns aligned: numbers to the right, words to the left."""
    return "\n".join(lines([HEAD, *(_row(figure) for figure in figures)], right={1, 4}))


def _row(figure: Figure) -> tuple[str, ...]:
    limit = f"{shown(figure.limit)} {figure.of}" if figure.limit is not None else ""
    ratio = "" if figure.ratio is None else f"{figure.ratio:.2f} ×"
    goal = "" if figure.goal is None else str(figure.goal)
    return (figure.name, shown(figure.value), figure.unit, limit, ratio, goal, figure.verdict)


def lines(rows: Sequence[Sequence[str]], right: Set[int]) -> list[str]:
    """The rows with their columns aligned, those in ``right`` to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(_cells(row, widths, right)).rstrip() for row in rows]


def _cells(row: Sequence[str], widths: Sequence[int], right: Set[int]) -> Iterator[str]:
    for i, (cell, width) in enumerate(zip(row, widths, strict=True)):
        yield cell.rjust(width) if i in right else cell.ljust(width)
