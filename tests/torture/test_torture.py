"""``make test``'s share of the laboratory: 1,000 messages, five ships, one seed, a verdict."""

from pathlib import Path

import pytest

from tests.torture import report
from tests.torture.checker import judge
from tests.torture.run import Run, run

SEED = 4


@pytest.mark.timeout(300)
async def test_a_thousand_messages_under_faults_keep_every_promise(tmp_path: Path) -> None:
    in_time = await run(tmp_path, Run(seed=SEED, messages=1000, seconds=100))
    verdict = judge(tmp_path)
    told = f"{report.describe(tmp_path)}\n{verdict.table()}"
    assert in_time, told
    assert not verdict.violations, told
