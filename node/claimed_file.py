"""``inmsg.txt`` as a file: taken away whole, read once nobody writes to it, removed.

A claimed file is removed only while a read lease proves that nobody has it open for writing and
nothing was appended since it was read. Where there are no leases (macOS, some file systems) a
file whose size has not changed for two seconds is taken to be complete.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import secrets
import signal
import stat
import time
from dataclasses import dataclass, field
from pathlib import Path

from node.intake_parser import Position
from steward.errors import NotPossible
from steward.folders import sync_folder

NAME = "inmsg.txt"
SETTLED = 2.0
"""Seconds without a change that stand in for a lease."""
LATE_WRITERS = 1.0
"""Seconds for which a claimed file stays although it was read: a writer that looked its name up
before the claim may open it after."""

_PREPARED = ".inmsg.new"
_CLAIM = re.compile(r"inmsg-(\d{13})-[0-9a-f]{8}\.claimed")
_LEASES = hasattr(fcntl, "F_SETLEASE")


@dataclass
class Claim:
    """A file that was ``inmsg.txt``, handled up to ``at``, with ``rejected`` bytes of rejects.

    Its name is never used twice. Times are monotonic seconds, ``read_to`` is the size at which
    everything in it was read.
    """

    path: Path
    at: Position
    rejected: int
    since: float = field(default_factory=time.monotonic)
    read_to: int = 0
    held_since: float | None = None
    _size: int = -1
    _changed: float = 0.0

    @property
    def name(self) -> str:
        return self.path.name

    def held(self) -> float:
        """Seconds for which somebody has been seen to have it open for writing."""
        now = time.monotonic()
        if self.held_since is None:
            self.held_since = now
        return now - self.held_since

    def changed(self, size: int) -> float:
        """Monotonic time since when the file has had this size."""
        if size != self._size:
            self._size, self._changed = size, time.monotonic()
        return self._changed


class Reader:
    """An open claimed file. ``closed``: nobody can be writing to it."""

    def __init__(self, claim: Claim) -> None:
        self._claim = claim
        refuse_unless_regular(claim.path)
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        self._fd = os.open(claim.path, flags)
        self._leased = False
        try:
            self.closed = self._settle()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """A lease ends with it."""
        os.close(self._fd)

    def read(self, offset: int, size: int) -> bytes:
        return os.pread(self._fd, size, offset)

    @property
    def owner(self) -> int:
        """The uid. Who has appended to it, nobody can tell."""
        return os.fstat(self._fd).st_uid

    def size(self) -> int:
        return os.fstat(self._fd).st_size

    def still_closed(self) -> bool:
        """Whether what ``closed`` said holds yet: a writer that opens the file breaks the lease."""
        if self._leased:
            return fcntl.fcntl(self._fd, fcntl.F_GETLEASE) == fcntl.F_RDLCK
        return self.closed

    def remove(self) -> bool:
        """Delete the file for good if it was read to its end; False: not yet."""
        young = time.monotonic() - self._claim.since < LATE_WRITERS
        if young or self.size() != self._claim.read_to or not self.still_closed():
            return False
        self._claim.path.unlink(missing_ok=True)
        sync_folder(self._claim.path.parent)
        return True

    def _settle(self) -> bool:
        if _LEASES:
            try:
                # A broken lease is told by a signal; SIGIO, the default, would end the process.
                fcntl.fcntl(self._fd, fcntl.F_SETSIG, signal.SIGURG)
                fcntl.fcntl(self._fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
            except OSError as error:
                if error.errno == errno.EAGAIN:
                    return False
            else:
                self._leased = True
                return True
        return time.monotonic() - self._claim.changed(self.size()) >= SETTLED


def stamp(path: Path) -> int:
    """Milliseconds since 1970 when the file was claimed; later claims have higher ones."""
    match = _CLAIM.fullmatch(path.name)
    return int(match[1]) if match else 0


def claimed(folder: Path) -> list[Path]:
    """The files that an earlier daemon had claimed and not finished, oldest first."""
    return sorted(p for p in folder.iterdir() if _CLAIM.fullmatch(p.name))


def is_empty(folder: Path) -> bool:
    """Whether ``inmsg.txt`` is there and holds nothing: a single ``lstat``, not worth a thread.
    Raises NotPossible unless it is a regular file."""
    try:
        return refuse_unless_regular(folder / NAME).st_size == 0
    except FileNotFoundError:
        return False


def take(folder: Path, later_than: int) -> Path | None:
    """Claim ``inmsg.txt`` if it holds anything, with an empty file in its place.

    ``later_than``: the stamp of the claim before. Raises NotPossible unless it is a regular file.
    """
    path = folder / NAME
    try:
        if refuse_unless_regular(path).st_size == 0:
            return None
    except FileNotFoundError:
        replace(folder)
        return None
    _prepare(folder, os.lstat(path))
    now = max(time.time_ns() // 1_000_000, later_than + 1)
    target = folder / f"inmsg-{now:013d}-{secrets.token_hex(4)}.claimed"
    os.rename(path, target)
    _put(folder)
    return target


def replace(folder: Path) -> None:
    """Make ``inmsg.txt`` where there is none, like the newest claimed file if there is one.

    The claims that are there are synced: who made them may have been killed before that, and one
    that a power cut undoes would be taken again under another name.
    """
    (folder / _PREPARED).unlink(missing_ok=True)
    if os.path.lexists(folder / NAME):
        sync_folder(folder)
        return
    older = claimed(folder)
    _prepare(folder, os.lstat(older[-1]) if older else None)
    _put(folder)


def refuse_unless_regular(path: Path) -> os.stat_result:
    """Its status. Raises NotPossible for a symbolic link, a FIFO, a folder, a device, a socket."""
    status = os.lstat(path)
    if not stat.S_ISREG(status.st_mode):
        what = {stat.S_IFLNK: "a symbolic link", stat.S_IFIFO: "a FIFO", stat.S_IFDIR: "a folder"}
        found = what.get(stat.S_IFMT(status.st_mode), "a special file")
        raise NotPossible(f"{path} is {found}, not a regular file", "remove it")
    return status


def _prepare(folder: Path, like: os.stat_result | None) -> None:
    """An empty file with its mode and owner, ready to be linked: whoever may append now, may
    append to it from the first moment."""
    prepared = folder / _PREPARED
    prepared.unlink(missing_ok=True)
    fd = os.open(prepared, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        if like is not None:
            with contextlib.suppress(PermissionError):
                os.fchown(fd, like.st_uid, like.st_gid)
        os.fchmod(fd, stat.S_IMODE(like.st_mode) if like is not None else 0o660)
    finally:
        os.close(fd)


def _put(folder: Path) -> None:
    prepared = folder / _PREPARED
    # A link, like O_EXCL, leaves alone what a writer has created in the meantime.
    with contextlib.suppress(FileExistsError):
        os.link(prepared, folder / NAME)
    os.unlink(prepared)
    sync_folder(folder)
