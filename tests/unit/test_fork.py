"""A child that does not become the command in time: it is ended, and it never was the command."""

from __future__ import annotations

import os
import selectors
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from node import fork
from node.accounts import Power
from node.children import Children
from node.fork import Terms

TERMS = Terms(limits={"files": 64})
KEY = "0" * 16


def stops(*_: object) -> Any:
    """As the user of the command may do it between ``become`` and the exec."""
    os.kill(os.getpid(), signal.SIGSTOP)


@pytest.fixture
def children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Children:
    monkeypatch.setattr(fork, "START_WITHIN", 0.2)
    runs = os.open(tmp_path, os.O_RDONLY)
    selector = selectors.DefaultSelector()
    return Children(runs, selector, lambda *_: None, lambda: False, grace=1, limit=1 << 20)


def test_one_that_is_stopped_before_it_is_the_command_is_not_waited_for(
    children: Children, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fork, "_execute", stops)
    began = time.monotonic()
    command = ["touch", str(tmp_path / "proof")]
    child = children.start(KEY, command, {"PATH": os.defpath}, None, b"", TERMS)
    assert (child.pid, time.monotonic() - began < 5) == (0, True)
    record = (tmp_path / KEY / "exit").read_text()
    assert '"exitCode": 126' in record
    assert "touch: cannot be started: it was not ready within 0.2 s" in record
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
    monkeypatch.undo()
    with pytest.raises(FileExistsError):
        children.start(KEY, command, {"PATH": os.defpath}, None, b"", TERMS)
    assert not (tmp_path / "proof").exists()


def test_one_that_cannot_even_be_killed_is_reaped_later(
    children: Children, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a home folder that hangs."""
    with monkeypatch.context() as hung:
        hung.setattr(fork, "_execute", lambda *_: time.sleep(1))
        hung.setattr(fork, "_DIES_WITHIN", 0.1)
        hung.setattr(os, "kill", lambda *_: None)
        assert children.start(KEY, ["true"], {"PATH": os.defpath}, None, b"", TERMS).pid == 0
    time.sleep(1.5)
    after = children.start(KEY[::-1] + "1", ["true"], {"PATH": os.defpath}, None, b"", TERMS)
    assert os.waitpid(after.pid, 0) == (after.pid, 0)
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_one_that_became_the_command_just_then_counts_as_started() -> None:
    words, told = os.pipe()
    pid = os.fork()
    if not pid:
        os.execv("/bin/sleep", ["sleep", "60"])
    os.close(told)
    assert os.read(words, 1) == b""  # it is the command
    os.close(words)
    assert fork._give_up(pid, "sleep", Power()) == (pid, 0, "")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
