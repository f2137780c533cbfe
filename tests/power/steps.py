"""The power goes before a given step of a process: a call that changes files, or an SQL statement.

What SQLite does to its files happens in C, between two of these steps; to that belong the cuts at
any moment in ``test_store.py``.
"""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.power.disk import cut_power

_CALLS = (
    "write", "pwrite", "fsync", "rename", "replace", "link", "unlink", "mkdir", "ftruncate"
)  # fmt: skip


class Steps:
    """Counts the steps of this process from ``count`` on; the power of the disk goes before number
    ``at`` of them. ``names_first``: whatever was created and renamed until then had just become
    durable by itself, but not what was written, as happens when somebody else syncs a file."""

    def __init__(self, folder: Path, at: int, names_first: bool) -> None:
        self.done = 0
        self._folder = folder
        self._at = at
        self._names_first = names_first

    def count(self) -> None:
        for name in _CALLS:
            self._watch(name, lambda *_: True)
        self._watch("open", lambda path, flags, *_: bool(flags & os.O_CREAT))
        connect = sqlite3.connect

        def traced(*args: Any, **more: Any) -> sqlite3.Connection:
            con: sqlite3.Connection = connect(*args, **more)
            con.set_trace_callback(self._sql)
            return con

        sqlite3.connect = traced  # type: ignore[assignment]

    def _watch(self, name: str, counts: Callable[..., bool]) -> None:
        call = getattr(os, name)

        def watched(*args: Any, **more: Any) -> Any:
            if counts(*args):
                self._step()
            return call(*args, **more)

        setattr(os, name, watched)

    def _sql(self, statement: str) -> None:
        if not statement.startswith(("SELECT", "PRAGMA", "BEGIN", "--")):
            self._step()

    def _step(self) -> None:
        self.done += 1
        if self.done == self._at:
            if self._names_first:
                self._sync_names()
            cut_power(self._folder)
            os.kill(os.getpid(), signal.SIGKILL)

    def _sync_names(self) -> None:
        self._at = 0
        fd = os.open(self._folder / "other", os.O_WRONLY | os.O_CREAT)
        os.write(fd, b"x")
        os.fsync(fd)
        os.close(fd)


def never_sync() -> None:
    """The negative control: this process's own calls of ``fsync`` do nothing; SQLite's do."""
    os.fsync = lambda fd: None
