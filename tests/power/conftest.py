"""A disk for each test, and the figures of all of them at the end."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.power.disk import Disk

_FIGURES: list[str] = []


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """Not mounted yet. Its image is a file of this machine's disk, so that a sync takes its time:
    a cut at any moment falls into one as often as not."""
    made = Disk(tmp_path / "disk.img", tmp_path / "disk")
    yield made
    made.remove()


@pytest.fixture
def disk_in_memory(tmp_path: Path) -> Iterator[Disk]:
    """For cuts at given steps, many of them: its image is in memory."""
    memory = tmp_path / "memory"
    memory.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", memory], check=True)
    try:
        made = Disk(memory / "disk.img", tmp_path / "disk")
        yield made
        made.remove()
    finally:
        subprocess.run(["umount", "--lazy", memory], check=True)


@pytest.fixture
def chance(figure: Callable[[str], None]) -> random.Random:
    """When the power goes; its seed is among the figures."""
    seed = int(os.environ.get("POWER_SEED", "0")) or random.randrange(1, 1 << 31)
    figure(f"POWER_SEED={seed}")
    return random.Random(seed)


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Tells one at the end of the run."""
    return lambda text: _FIGURES.append(f"{request.node.name}: {text}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.section("power cuts")
    for line in _FIGURES:
        terminalreporter.write_line(line)
