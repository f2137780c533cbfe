"""A short run of the fuzzer, always over the same inputs; ``make fuzz`` is the long one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.campaign import run
from tests.fuzz.targets import TARGETS, shares

INPUTS = 20_000
SEED = 4


@pytest.mark.parametrize(("name", "inputs"), shares(list(TARGETS), INPUTS).items())
async def test_whatever_comes_in(name: str, inputs: int, tmp_path: Path) -> None:
    tally = await run(TARGETS[name](), inputs, SEED, tmp_path / "failures")
    assert tally.inputs == inputs
