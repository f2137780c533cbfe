"""``steward console``: where it finds its settings, and what it says of wrong ones."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import tui.cli
from steward.errors import ConfigError, UsageError


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What a console would have been opened with."""
    found: dict[str, Any] = {}

    class Opened:
        def __init__(self, connect: Any, **more: Any) -> None:
            found.update(more)

    monkeypatch.setattr(tui.cli, "Console", Opened)
    monkeypatch.setattr(tui.cli, "save", lambda *_: None)
    monkeypatch.delenv("STEWARD_CONFIG", raising=False)
    monkeypatch.delenv("STEWARD_STATE_DIR", raising=False)
    return found


def run(*words: str, env: dict[str, str] | None = None) -> Any:
    return CliRunner().invoke(tui.cli.console, ["--picture", "x.svg", *words], env=env)


def test_the_file_is_named_by_flag_or_environment(tmp_path: Path, opened: dict[str, Any]) -> None:
    file = tmp_path / "steward.toml"
    file.write_text(f'state-dir = "{tmp_path}/state"\n[console]\nread-only = true\ntheme = "light"')
    assert run("--config", str(file)).exit_code == 0
    assert opened["settings"].theme == "light"
    assert opened["read_only"]
    assert opened["socket"] == f"{tmp_path}/state/steward.sock"
    opened.clear()
    assert run(env={"STEWARD_CONFIG": str(file)}).exit_code == 0
    assert opened["read_only"]


def test_a_flag_says_more_than_the_file(tmp_path: Path, opened: dict[str, Any]) -> None:
    file = tmp_path / "steward.toml"
    file.write_text(f'state-dir = "{tmp_path}/state"')
    assert run("--config", str(file), "--state-dir", str(tmp_path / "other")).exit_code == 0
    assert opened["socket"] == f"{tmp_path}/other/steward.sock"
    assert not opened["read_only"]
    assert run("--config", str(file), env={"STEWARD_STATE_DIR": "/nowhere"}).exit_code == 0
    assert opened["socket"] == "/nowhere/steward.sock"


def test_a_key_that_may_not_arrive_is_said_before(tmp_path: Path, opened: dict[str, Any]) -> None:
    file = tmp_path / "steward.toml"
    file.write_text('[console.keys]\n"node.hold" = "ctrl+b"')
    done = run("--config", str(file))
    assert "may never arrive: tmux's prefix" in done.stderr


def test_wrong_settings_end_it_before_it_opens(tmp_path: Path, opened: dict[str, Any]) -> None:
    file = tmp_path / "steward.toml"
    file.write_text('[console.keys]\n"node.hold" = "ctrl+enter"')
    assert isinstance(run("--config", str(file)).exception, ConfigError)
    assert isinstance(run("--config", str(tmp_path / "none")).exception, ConfigError)
    file.write_text('state-dir = "~nobody-is-here/x"')
    assert isinstance(run("--config", str(file)).exception, ConfigError)
    assert isinstance(run("--config", "~nobody-is-here/x").exception, UsageError)
    assert opened == {}


def test_to_the_shell_it_is_status_2_and_a_remedy(tmp_path: Path) -> None:
    file = tmp_path / "steward.toml"
    file.write_text('[console.keys]\n"node.hodl" = "x"')
    command = [sys.executable, "-m", "steward.cli", "console", "--config", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ})
    assert done.returncode == 2
    assert f'{file}: console.keys: "node.hodl" is no action' in done.stderr
    assert "did you mean 'node.hold'?" in done.stderr
