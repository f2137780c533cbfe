"""A matrix that finds nothing has to be one that would: each bug is found where it shows."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from node.output import read_claim
from tests.attack.bugs import BUGS, planted
from tests.attack.lab import lab
from tests.attack.matrix import try_all

WHERE: dict[str, tuple[str, str]] = {
    "credulous": ("stranger", "papers"),
    "unaddressed": ("the broker", "everywhere"),
    "forgetful": ("the broker", "wiped"),
    "obedient": ("ship2, stolen", "older copy"),
    "open_door": ("ship2, stolen", "own name"),
    "ventriloquist": ("ship3, one method", "other names"),
    "merciful": ("revoked", "own name"),
    "meddler": ("ship2, stolen", "own name"),
}


def commands(folder: Path) -> list[int]:
    claims = map(read_claim, folder.glob("*/runs/*"))
    return [claim.pid for claim in claims if claim and claim.pid]


def ends(pid: int) -> bool:
    until = time.monotonic() + 5
    while time.monotonic() < until:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize("bug", BUGS)
async def test_the_matrix_finds(bug: str, tmp_path: Path) -> None:
    who, how = WHERE[bug]
    people, steps = ((), (how,)) if who == "the broker" else ((how,), ())
    with planted(bug):
        async with lab(tmp_path, seed=1) as fleet:
            fleet.here.patience = 5.0
            matrix = await try_all(fleet, who=(who,), people=people, steps=steps)
    assert [pid for pid in commands(tmp_path) if not ends(pid)] == []
    assert not matrix.holds
    assert matrix.cells[who, how].effects
