"""As root: what is made in a daemon's folder is that daemon's, and no link leads root elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

NOBODY = 65534


def steward(*args: str, state: Path) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "steward.cli", *args, "--state-dir", str(state)]
    return subprocess.run(line, capture_output=True, text=True, check=False)


def owned(folder: Path) -> Path:
    folder.mkdir()
    os.chown(folder, NOBODY, NOBODY)
    return folder


def test_keys_that_root_makes_belong_to_the_folders_owner(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    for parent in list(tmp_path.parents)[:3]:
        parent.chmod(0o755)
    state = owned(tmp_path / "state")
    done = steward("keys", "init", "--broker", "tls://central:4222", state=state)
    assert done.returncode == 0, done.stderr
    made = {state / "keys", *(state / "keys").iterdir()}
    assert {path.stat().st_uid for path in made} == {NOBODY}
    assert steward("keys", "show", state=state).returncode == 0
    other, elsewhere = owned(tmp_path / "other"), tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    (other / "keys").symlink_to(elsewhere)
    done = steward("keys", "init", "--broker", "tls://central:4222", state=other)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert list(elsewhere.iterdir()) == []
