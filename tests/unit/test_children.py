"""Exit records: on disk before anybody is told, unless a daemon hears of the end and commits it."""

from __future__ import annotations

import os
import selectors
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from node import spawn
from node.children import Children

KEY = "0" * 32


class Parent:
    """The runner's loop, for one child."""

    def __init__(self, runs: int, *, heard: bool) -> None:
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.selector = selectors.DefaultSelector()
        self.children = Children(
            runs,
            self.selector,
            lambda key, how: self.told.append((key, how)),
            lambda: heard,
            grace=1.0,
            limit=1 << 20,
        )

    def run(self, *argv: str) -> None:
        self.children.start(KEY, list(argv), {"PATH": os.defpath}, None)
        while not self.told:
            for entry, _ in self.selector.select(5.0):
                entry.data(entry.fd)


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[int]:
    fd = os.open(tmp_path, os.O_RDONLY)
    yield fd
    os.close(fd)


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was synced: names of files, and ``everything``."""
    names: list[str] = []
    fsync = os.fsync

    def one(fd: int) -> None:
        names.append(Path(os.readlink(f"/proc/self/fd/{fd}")).name)
        fsync(fd)

    monkeypatch.setattr(os, "fsync", one)
    monkeypatch.setattr(spawn, "sync_file_system", lambda _: names.append("everything"))
    return names


def test_an_end_that_nobody_hears_of_is_synced_first(
    runs: int, tmp_path: Path, synced: list[str]
) -> None:
    parent = Parent(runs, heard=False)
    parent.run("sh", "-c", "echo out")
    assert synced == ["stdout", "exit.new", KEY, tmp_path.name]
    parent.children.sync()
    assert synced[-1] != "everything"


def test_one_file_system_is_synced_and_no_other(runs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sync", lambda: pytest.fail("a drive that hangs would be waited for"))
    spawn.sync_file_system(runs)


def test_an_end_that_a_daemon_hears_of_is_synced_only_if_the_daemon_is_lost(
    runs: int, tmp_path: Path, synced: list[str]
) -> None:
    parent = Parent(runs, heard=True)
    parent.run("sh", "-c", "echo out; exit 3")
    assert (tmp_path / KEY / "exit").exists()
    assert parent.told[0][1]["exitCode"] == 3
    assert synced == []
    parent.children.sync()
    parent.children.sync()
    assert synced == ["everything"]
