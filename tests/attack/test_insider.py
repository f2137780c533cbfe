"""Rules 9 and 10 rest on signatures: a ship that lies with its own true key ends only its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.attack.harbour import until
from tests.attack.insider import LIES, Insider, Lie
from tests.attack.lab import lab
from tests.attack.papers import SHIP1, SHIP2, SHIP3
from tests.attack.people import identities

ROUNDS = 6


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.__name__)
async def test_a_ship_that_answers_with_lies_harms_nobody_else(lie: Lie, tmp_path: Path) -> None:
    """Nothing is renewed, nobody else's message is touched or waits, nothing is done twice."""
    async with lab(tmp_path, seed=3) as fleet:
        here = fleet.here
        [who] = [one for one in identities(here.papers) if one.name == SHIP2]
        await here.stop(SHIP2)
        before = await fleet.facts()
        async with Insider(here, fleet.intruder, who, lie) as insider:
            for _ in range(ROUNDS):
                short = here.command(SHIP2, ttl=1.0, timeout=0.2)
                await here.submit(here.command(SHIP2, timeout=0.2), short)
                await here.work([SHIP1, SHIP3])

            async def answered() -> bool:
                return insider.answered > 0 or lie.__name__ == "silent"

            await until(answered, "he has lied")
            assert await fleet.judge(lie.__name__, before, SHIP2) == []
        assert here.strange_lines() == []
