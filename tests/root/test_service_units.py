"""With systemd's own tools: the units are valid, and the daemon's sandbox is tight."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from steward.cli import main

EXPOSURE = 1.5
"""Of 10, as ``systemd-analyze security`` reckons."""


@pytest.fixture
def units(tmp_path: Path) -> Path:
    with pytest.raises(SystemExit):
        main(["service", "install", "--root", str(tmp_path), "--node", "central", "--broker"])
    return tmp_path / "etc/systemd/system"


def test_systemd_takes_the_units(units: Path) -> None:
    paths = [str(path) for path in units.iterdir()]
    assert len(paths) == 3
    done = subprocess.run(
        ["systemd-analyze", "verify", *paths], capture_output=True, text=True, check=False
    )
    mine = [line for line in done.stderr.splitlines() if "steward" in line]
    assert (done.returncode, mine) == (0, [])


@pytest.mark.parametrize("name", ["steward", "steward-broker"])
def test_daemon_and_broker_may_nearly_nothing(units: Path, name: str) -> None:
    path = str(units / f"{name}.service")
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", path],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    level = re.search(r"exposure level for .*: ([0-9.]+)", done.stdout)
    assert level is not None, done.stdout + done.stderr
    assert float(level[1]) <= EXPOSURE
