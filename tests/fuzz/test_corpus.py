"""Every input that ever failed, once more."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.campaign import replay
from tests.fuzz.inputs import CORPUS, load
from tests.fuzz.targets import TARGETS

FILES = sorted(CORPUS.glob("*.json"))


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
async def test_what_failed_once(path: Path) -> None:
    target, inputs = load(path)
    await replay(TARGETS[target](), inputs)
