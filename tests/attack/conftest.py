"""A fleet with keys, and somebody on its broker."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.attack.harbour import Harbour, harbour
from tests.attack.intruder import Intruder


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Harbour]:
    async with harbour(tmp_path) as fleet:
        yield fleet


@pytest.fixture
async def intruder(here: Harbour) -> AsyncIterator[Intruder]:
    async with Intruder(here) as somebody:
        yield somebody
