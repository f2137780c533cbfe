"""The doctor on the runner: commands run apart from the daemon, and somebody starts them."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

from node.checks import Level
from node.checks.runner import runner
from node.runner_link import MARKER
from steward.permit_rules import Permit


def test_a_node_with_keys_should_not_run_commands_as_their_owner(tmp_path: Path) -> None:
    [found] = runner(tmp_path, True, [])
    assert (found.level, "service install" in found.remedy) == (Level.WARNING, True)
    assert list(runner(tmp_path, False, [])) == []


def test_a_runner_that_is_installed_has_to_answer(tmp_path: Path) -> None:
    (tmp_path / MARKER).write_text("runner.sock\n")
    [found] = runner(tmp_path, True, [])
    assert (found.level, "commands wait" in found.what) == (Level.WRONG, True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "runner.sock"))
    listener.listen()

    def answer() -> None:
        for words in (b"{}\n", b""):
            with listener.accept()[0] as sock:
                sock.recv(100)
                sock.sendall(words)

    thread = threading.Thread(target=answer)
    thread.start()
    [found] = runner(tmp_path, True, [])
    assert found.level is Level.OK
    [found] = runner(tmp_path, True, [])
    assert (found.level, "does not know this user" in found.what) == (Level.WRONG, True)
    thread.join()
    listener.close()


def test_a_permit_without_a_user_lets_commands_read_the_keys(tmp_path: Path) -> None:
    (tmp_path / MARKER).write_text("runner.sock\n")
    entries = [
        Permit(("central",), ("Shell*",)),
        Permit(("central",), ("ShellCommand",), user="nobody"),
        Permit(("central",), ("TextLogging",)),
    ]
    [_, found] = runner(tmp_path, True, entries)
    assert (found.level, found.what.startswith("permit[1] without")) == (Level.WARNING, True)


def test_a_marker_that_cannot_be_read_is_wrong(tmp_path: Path) -> None:
    os.mkdir(tmp_path / MARKER)
    [found] = runner(tmp_path, True, [])
    assert found.level is Level.WRONG
