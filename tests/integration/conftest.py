"""Worlds of real nodes for the integration tests: a fresh one, or one that a file shares."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.fault.fleet import Fleet, fleet
from tests.integration.shell import Shell


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Fleet]:
    """A broker, and nothing else yet."""
    async with fleet(tmp_path) as here:
        yield here


@pytest.fixture
def steward(world: Fleet) -> Shell:
    """The command line beside that world's central."""
    return Shell(world.folder / "central")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Fleet]:
    """Central, ship1 and ship2, running, for all tests of one file: none of them may stop a node,
    or leave its queue held."""
    async with fleet(tmp_path_factory.mktemp("town")) as here:
        await here.start("central")
        for ship in ("ship1", "ship2"):
            await here.start(ship, "--label", "kind=ship")
        for ship in ("ship1", "ship2"):
            await here.sees(ship, "online")
        yield here


@pytest.fixture(scope="module")
def typed(town: Fleet) -> Shell:
    """The command line beside the town's central."""
    return Shell(town.folder / "central")
