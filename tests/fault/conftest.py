"""A fresh fleet for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fault.fleet import Fleet, fleet


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Fleet]:
    async with fleet(tmp_path) as here:
        yield here
