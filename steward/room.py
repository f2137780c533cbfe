"""How much room the store has: the free-space threshold, the bound on its file, the ballast."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

from steward.errors import StoreFull

MIB = 1024 * 1024
_NO_BOUND = 0xFFFFFFFE
_BYTES_TO_END = 256
"""By which a message grows, with its index entries, until it has ended."""


class Room:
    """Intake stops while there is room left, so that what was accepted can still be ended.

    First nothing new is taken in, then no results either; settling goes on to the end. The ballast
    is a file that is given up when a commit finds the disk full all the same; of a bounded database
    as much is kept free. All opens again by itself once there is room.
    """

    def __init__(self, folder: Path, *, min_free: int, ballast: int) -> None:
        self.folder = folder
        self.min_free = min_free
        """Bytes free on the disk below which nothing is taken in."""
        self.ballast = ballast
        """Bytes."""
        self.file = folder / "ballast"
        self.pages = 0
        """The most pages that the database may have; 0: no bound."""
        self.used = 0
        """Bytes in use in a bounded database, when it was last looked at."""
        self.reason = ""
        """Why intake is closed; empty: it is open."""
        self._on_reserve = False
        self._bound = -1
        self._is_whole = self.file.exists() and self.file.stat().st_size >= ballast

    def check(self) -> None:
        """Raises StoreFull while intake is closed."""
        if self.reason:
            raise StoreFull(self.reason, self._hint())

    def check_reserve(self) -> None:
        """Raises StoreFull once the reserve is in use: it is for settling alone."""
        if self._on_reserve:
            raise self.full()

    def full(self) -> StoreFull:
        """What somebody is told whose commit found no room at all."""
        return StoreFull(self.reason or "no room is left", self._hint())

    def _hint(self) -> str:
        return f"free some space for {self.folder}; messages are taken again by themselves"

    def free(self) -> int:
        """Bytes free on the disk."""
        stat = os.statvfs(self.folder)
        return stat.f_bavail * stat.f_frsize

    def look(self, con: sqlite3.Connection, open_messages: int) -> None:
        """Open or close intake as disk and file are now; in the connection's thread."""
        if self._bound != self.pages:
            con.execute(f"PRAGMA max_page_count = {self.pages or _NO_BOUND}").fetchone()
            self._bound = self.pages
        bound = self._measure(con) if self.pages else 0
        free = self.free()
        to_end = open_messages * _BYTES_TO_END
        kept = max(self.min_free, to_end)
        last = min(self.ballast, bound // 4) // 2
        self._on_reserve = (not self._is_whole and free < self.ballast) or (
            bound > 0 and self.used > bound - last
        )
        if free < kept:
            self.reason = f"{_mib(free)} free on the disk, less than the {_mib(kept)} kept"
        elif bound and self.used > bound - min(self.ballast + to_end, bound // 2):
            self.reason = f"the database has {_mib(self.used)} and may have {_mib(bound)} in all"
        else:
            self.reason = ""
            self._restore(free)

    def _measure(self, con: sqlite3.Connection) -> int:
        """See how many bytes are in use; the most that there may be."""
        (size,) = con.execute("PRAGMA page_size").fetchone()
        (pages,) = con.execute("PRAGMA page_count").fetchone()
        (unused,) = con.execute("PRAGMA freelist_count").fetchone()
        self.used = (pages - unused) * size
        return self.pages * int(size)

    def release(self) -> bool:
        """The disk is full: give up the ballast. False if that is of no use."""
        self.reason = "the disk is full" if self.free() < self.ballast else "the database is full"
        try:
            if self.free() >= self.ballast or self.file.stat().st_size == 0:
                return False
            os.truncate(self.file, 0)
            self._is_whole, self._on_reserve = False, True
        except OSError:
            return False
        return True

    def _restore(self, free: int) -> None:
        if self._is_whole or not self.ballast or free < self.min_free + 2 * self.ballast:
            return
        with contextlib.suppress(OSError):
            handle = os.open(self.file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                if os.fstat(handle).st_size < self.ballast:
                    os.posix_fallocate(handle, 0, self.ballast)
                self._is_whole = True
            finally:
                os.close(handle)


def _mib(size: int) -> str:
    return f"{size / MIB:,.1f} MiB"
