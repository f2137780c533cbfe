"""Rows: who; columns: how; each cell: how often it was tried, and how often it took effect."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from tests.attack import broker, forged_papers, forged_receipts, requests
from tests.attack.lab import Lab
from tests.attack.people import Identity, identities

Attack = Callable[[Lab, Identity], Awaitable[None]]

BY_PEOPLE: Final[Mapping[str, Attack]] = {
    "own name": requests.in_his_own_name,
    "other names": requests.in_another_s_name,
    "unsigned": requests.unsigned,
    "hellos": requests.hellos,
    "older copy": requests.older_copies,
    "papers": forged_papers.certificates_shown,
    "trust": forged_papers.words_of_trust,
    "receipts": forged_receipts.receipts,
    "output": forged_receipts.outputs,
    "clocks": forged_receipts.clocks,
    "flood": forged_receipts.flood,
}
BY_THE_BROKER: Final = broker.ATTACKS


class Cell(NamedTuple):
    tried: int
    effects: int
    reported: int


@dataclass
class Matrix:
    """``cells`` by (who, how)."""

    cells: dict[tuple[str, str], Cell] = field(default_factory=dict)
    effects: list[str] = field(default_factory=list)
    unauthorised: list[str] = field(default_factory=list)
    """Lines of the ledger that no order explains."""
    errors: int = 0
    """Rows of central's error log at the end."""
    seconds: float = 0.0

    @property
    def tried(self) -> int:
        return sum(cell.tried for cell in self.cells.values())

    @property
    def holds(self) -> bool:
        return not self.effects and not self.unauthorised

    def table(self) -> str:
        """For a terminal."""
        lines = []
        for columns in (tuple(BY_PEOPLE), tuple(BY_THE_BROKER)):
            rows = dict.fromkeys(who for who, how in self.cells if how in columns)
            if not rows:
                continue
            lines.append(f"{'tried/took effect':18}" + "".join(f"{c:>15}" for c in columns))
            for who in rows:
                cells = (self.cells.get((who, how)) for how in columns)
                shown = (f"{c.tried}/{c.effects}" if c else "-" for c in cells)
                lines.append(f"{who:18}" + "".join(f"{text:>15}" for text in shown))
            lines.append("")
        return "\n".join([*lines, *(f"  {effect}" for effect in self.effects), self.sum_line()])

    def sum_line(self) -> str:
        starts, effects = len(self.unauthorised), len(self.effects)
        return (
            f"{self.tried:,} attempts, {starts} unauthorised starts, {effects} effects"
            f" ({self.seconds:.0f} s)"
        )


async def try_all(
    lab: Lab,
    *,
    who: Collection[str] = (),
    people: Collection[str] = tuple(BY_PEOPLE),
    steps: Collection[str] = tuple(BY_THE_BROKER),
) -> Matrix:
    """Every attack by everybody, one after another; after each the fleet has to do its work.
    ``who``: of whom alone, by their titles."""
    matrix, began = Matrix(), time.monotonic()
    for one in identities(lab.here.papers):
        for how in people if not who or one.title in who else ():
            await _cell(lab, matrix, one.title, how, BY_PEOPLE[how](lab, one), one)
    for how in steps:
        await BY_THE_BROKER[how].prepare(lab)
        await _cell(lab, matrix, "the broker", how, BY_THE_BROKER[how].attack(lab), None)
    matrix.effects = lab.effects
    matrix.unauthorised = lab.here.strange_lines()
    matrix.errors = len((await lab.here.ask("errors", limit=1000))["errors"])
    matrix.seconds = time.monotonic() - began
    return matrix


async def _cell(
    lab: Lab, matrix: Matrix, title: str, how: str, attack: Awaitable[None], who: Identity | None
) -> None:
    intruder, spare = lab.intruder, who.name if who and who.accepted else None
    before, tried, complaints = await lab.facts(), intruder.tried, lab.complaints()
    known = len(lab.effects)
    intruder.listens = who is None
    await attack
    await lab.judge(f"{title}, {how}", before, spare)
    intruder.listens = True
    if spare:
        await lab.here.ask("release", nodes=[spare])
    reported = lab.complaints() - complaints
    tried = intruder.tried - tried
    is_his_right = spare is not None and how == "hellos"
    if tried and not reported and not is_his_right:
        lab.effects.append(f"{title}, {how}: nobody has complained")
    matrix.cells[title, how] = Cell(tried, len(lab.effects) - known, reported)
