"""What a store has committed is there after a power cut; with ``synchronous=NORMAL`` it isn't."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.power import scenes
from tests.power.children import Child
from tests.power.disk import HARSH, Disk

STORES = 6
"""That are written to at each cut: each is cut off at a point of its own."""


def ids_in(folder: Path) -> list[str]:
    """None, where not even the tables have survived."""
    with closing(sqlite3.connect(folder / "steward.db")) as con:
        assert con.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        if not con.execute("SELECT 1 FROM sqlite_master WHERE name = 'message'").fetchone():
            return []
        return [id for (id,) in con.execute("SELECT id FROM message ORDER BY n")]


def cut_again_and_again(disk: Disk, chance: random.Random, cuts: int, relaxed: bool) -> list[str]:
    """Accepted messages that are lost, over all cuts. It says how many were accepted in all."""
    folders = [disk.folder / f"store{i}" for i in range(STORES)]
    accepted: list[set[str]] = [set() for _ in folders]
    lost: list[str] = []
    for cut in range(cuts):
        disk.restore(HARSH if cut % 2 else "") if cut else disk.mount()
        child = Child(scenes.fill, folders, f"run{cut}", relaxed)
        child.hear()
        child.listen(chance.uniform(0.0, 0.4))
        child.cut(disk)
        for told in child.told[1:]:
            accepted[told[0]].add(told[1])
        disk.restore()
        for folder, known in zip(folders, accepted, strict=True):
            found = ids_in(folder)
            assert len(found) == len(set(found))
            lost += known.difference(found)
            known.intersection_update(found)
    return [*lost, f"{sum(map(len, accepted))} kept"]


@pytest.mark.timeout(120)
def test_what_is_committed_survives(
    disk: Disk, chance: random.Random, figure: Callable[[str], None]
) -> None:
    *lost, kept = cut_again_and_again(disk, chance, 20, relaxed=False)
    figure(f"{disk.cuts} cuts x {STORES} stores, {kept}, {len(lost)} lost")
    assert lost == []


def test_the_control_with_synchronous_normal_loses_commits(
    disk: Disk, chance: random.Random, figure: Callable[[str], None]
) -> None:
    *lost, kept = cut_again_and_again(disk, chance, 4, relaxed=True)
    figure(f"{disk.cuts} cuts x {STORES} stores, {kept}, {len(lost)} lost")
    assert len(lost) > 0
