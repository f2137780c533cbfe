"""The lab against daemons with planted bugs: it finds each, or its silence proves nothing."""

from pathlib import Path

import pytest

from tests.torture.checker import judge, verdicts
from tests.torture.run import Run, run

SEED = 126
"""Kills four ships within 40 s, while commands run."""
# ``guesser`` would hide ``again``: it is for ``make torture ARGS="--bug guesser"``.
BUGS = {
    "liar": verdicts.LOST,
    "again": verdicts.TWICE,
    "hasty": verdicts.ORDER,
    "late": verdicts.EXPIRY,
    "garbler": verdicts.DIGEST,
}


@pytest.mark.timeout(300)
async def test_planted_bugs_are_found(tmp_path: Path) -> None:
    await run(tmp_path, Run(seed=SEED, messages=600, seconds=40, bugs=tuple(BUGS)))
    verdict = judge(tmp_path)
    found = {violation.kind for violation in verdict.violations}
    assert set(BUGS.values()) <= found, verdict.table()
