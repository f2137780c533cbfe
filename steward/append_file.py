"""A file that grows by exactly what is committed: the database stores how far it is valid.

Whoever appends passes the stored offset, and commits the new one afterwards. What an append wrote
whose commit never came is cut off, or its rotation undone, by the next append. So every line is
there once, however often a crash makes somebody write it again. A new database that finds files
of an earlier one keeps them as if rotated.
"""

from __future__ import annotations

import errno
import glob
import os
import stat
from pathlib import Path

from steward.errors import NotPossible, StoreFull
from steward.folders import sync_folder

_GENERATION = 40
_IN_FILE = (1 << _GENERATION) - 1
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class AppendFile:
    """``path``, rotated to ``path.0``, ``path.1``, … before it would grow past ``max_bytes``
    (0: never); the newest ``keep`` of these stay. ``unique``: no two databases ever use this path,
    so what is found there at offset 0 was not committed.

    An offset is opaque, 0 for a file that was never written: its upper bits count the rotations,
    which is how a rotation without a commit is recognised.
    """

    def __init__(
        self,
        path: Path,
        *,
        max_bytes: int = 64 << 20,
        keep: int = 8,
        mode: int = 0o600,
        unique: bool = False,
    ) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._unique = unique
        self._begun = path.with_name(f".{path.name}.begun")
        self._keep = keep
        self._mode = mode

    def append(self, offset: int, data: bytes) -> int:
        """Write ``data`` behind ``offset``, sync it, and return the offset to commit.

        Whoever shortened or removed the file meanwhile has lost those lines, no later ones.
        Raises StoreFull (what was written of ``data`` does not count), NotPossible where the path
        is not a regular file, OSError otherwise.
        """
        if not data:
            return offset
        try:
            if offset == 0 and not self._unique:
                return self._append(self._begin(), 0, data)
            self._begun.unlink(missing_ok=True)
            return self._append(offset >> _GENERATION, offset & _IN_FILE, data)
        except OSError as error:
            if error.errno in _FULL:
                raise StoreFull(f"no room to write {self.path}", "free some disk space") from error
            raise

    def files(self, offset: int) -> list[Path]:
        """Every file that is there, oldest first, for somebody who reads it all."""
        generation = offset >> _GENERATION
        older = (self._rotated(g) for g in range(max(0, generation - self._keep), generation))
        return [path for path in (*older, self.path) if path.exists()]

    def _begin(self) -> int:
        """The generation that a database's first append belongs to. The mark tells the file of a
        first append that was not committed from one that another database has left."""
        names = (path.name.removeprefix(self.path.name + ".") for path in self._all_rotated())
        generation = 1 + max((int(n) for n in names if n.isdecimal()), default=-1)
        if not self._begun.exists():
            if self.path.exists():
                os.replace(self.path, self._rotated(generation))
                generation += 1
            self._begun.touch(self._mode)
        sync_folder(self.path.parent)  # always: who made it may have been killed before this
        return generation

    def _append(self, generation: int, size: int, data: bytes) -> int:
        rotated = self._rotated(generation)
        if rotated.exists():
            os.replace(rotated, self.path)
            sync_folder(self.path.parent)
        fd = self._open()
        try:
            size = min(size, os.fstat(fd).st_size)
            os.ftruncate(fd, size)
            if 0 < self._max_bytes < size + len(data) and size > 0:
                os.fsync(fd)
                os.close(fd)
                fd = -1
                os.replace(self.path, rotated)
                self._drop(generation - self._keep)
                generation, size = generation + 1, 0
                fd = self._open()
            _write(fd, data, size)
            os.fsync(fd)
        finally:
            if fd >= 0:
                os.close(fd)
        if size == 0:  # it may be new, made by us or by a process that was killed right here
            sync_folder(self.path.parent)
        return generation << _GENERATION | (size + len(data))

    def _open(self) -> int:
        flags = os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            fd = os.open(self.path, flags | os.O_CREAT, self._mode)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENXIO, errno.EISDIR):
                raise self._not_a_file() from error
            raise
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise self._not_a_file()
        return fd

    def _not_a_file(self) -> NotPossible:
        return NotPossible(f"{self.path} is not a regular file", "move it away")

    def _rotated(self, generation: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{generation}")

    def _all_rotated(self) -> list[Path]:
        return list(self.path.parent.glob(glob.escape(self.path.name) + ".*"))

    def _drop(self, generation: int) -> None:
        self._rotated(generation).unlink(missing_ok=True)


def _write(fd: int, data: bytes, at: int) -> None:
    rest = memoryview(data)
    while rest:
        written = os.pwrite(fd, rest, at)
        rest, at = rest[written:], at + written
