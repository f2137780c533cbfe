"""``inmsg.txt`` as a file: taken away whole, read once nobody writes to it, removed.

It may come from anybody who can write in its folder, so it is judged as it was opened: a regular
file without another name, of an owner who may command this node, not too large.

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
from steward.control import doors
from steward.errors import NotPossible
from steward.folders import make_folder, sync_folder

NAME = "inmsg.txt"
SETTLED = 2.0
"""Seconds without a change that stand in for a lease."""
LATE_WRITERS = 1.0
"""Seconds for which a claimed file stays although it was read: a writer that looked its name up
before the claim may open it after."""

_PREPARED = ".inmsg.new"
_CLAIM = re.compile(r"inmsg-(\d{13})-[0-9a-f]{8}\.claimed")
_LEASES = hasattr(fcntl, "F_SETLEASE")
_KINDS = {stat.S_IFLNK: "a symbolic link", stat.S_IFIFO: "a FIFO", stat.S_IFDIR: "a folder"}


class Unsafe(NotPossible):
    """A file that is not taken, whatever it holds."""


@dataclass(frozen=True)
class Rules:
    """Whose ``inmsg.txt`` is taken, beside root's and the daemon's own: ``owners``, uids; up to
    ``most`` bytes. ``group``: which may append to it, None: as it is."""

    owners: frozenset[int] = frozenset()
    most: int = 64 << 20
    group: int | None = None

    def check(self, found: os.stat_result) -> None:
        """Raises Unsafe."""
        kind = stat.S_IFMT(found.st_mode)
        if kind != stat.S_IFREG:
            what = _KINDS.get(kind, "a special file")
            raise Unsafe(f"it is {what}, not a regular file", "make none there")
        if not self.is_owner(found.st_uid):
            raise Unsafe(
                f"it belongs to {doors.user(found.st_uid)}, who may not command this node",
                "append to the file that the daemon has made, or name its owner in intake-owners",
            )
        if found.st_nlink > 1:
            raise Unsafe("it has another name, a hard link", "copy instead of linking")
        if found.st_size > self.most:
            raise Unsafe(
                f"it has {found.st_size:,} bytes, more than {self.most:,}",
                "hand it in in parts, or raise limits.intake-bytes",
            )

    def is_owner(self, uid: int) -> bool:
        return uid in (0, os.geteuid()) or uid in self.owners


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
    """An open claimed file. ``closed``: nobody can be writing to it. Raises Unsafe."""

    def __init__(self, claim: Claim, rules: Rules) -> None:
        self._claim = claim
        rules.check(os.lstat(claim.path))  # to open a device may do something
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        self._fd = os.open(claim.path, flags)
        self._leased = False
        try:
            rules.check(os.fstat(self._fd))
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
    """Whether ``inmsg.txt`` is there and holds nothing: a single ``lstat``, not worth a thread."""
    try:
        return _holds_nothing(os.lstat(folder / NAME))
    except FileNotFoundError:
        return False


def _holds_nothing(found: os.stat_result) -> bool:
    return stat.S_ISREG(found.st_mode) and found.st_size == 0


def take(folder: Path, later_than: int, rules: Rules) -> Path | None:
    """Claim ``inmsg.txt`` if it holds anything, with an empty file in its place. What is no file is
    claimed too: whoever opens it finds that out, and it is out of the way.

    ``later_than``: the stamp of the claim before.
    """
    path = folder / NAME
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        replace(folder, rules)
        return None
    if _holds_nothing(found):
        return None
    _prepare(folder, found, rules)
    now = max(time.time_ns() // 1_000_000, later_than + 1)
    target = folder / f"inmsg-{now:013d}-{secrets.token_hex(4)}.claimed"
    os.rename(path, target)
    _put(folder)
    return target


def replace(folder: Path, rules: Rules) -> None:
    """Make ``inmsg.txt`` where there is none, like the newest claimed file if there is one.

    The claims that are there are synced: who made them may have been killed before that, and one
    that a power cut undoes would be taken again under another name.
    """
    (folder / _PREPARED).unlink(missing_ok=True)
    if os.path.lexists(folder / NAME):
        _give_to_group(folder / NAME, rules)
        sync_folder(folder)
        return
    older = claimed(folder)
    _prepare(folder, os.lstat(older[-1]) if older else None, rules)
    _put(folder)


def _give_to_group(path: Path, rules: Rules) -> None:
    """One that was made before there was a group. What is no such file is judged once claimed."""
    if rules.group is None or not stat.S_ISREG(os.lstat(path).st_mode):
        return
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        with contextlib.suppress(Unsafe, PermissionError):
            rules.check(os.fstat(fd))
            os.fchown(fd, -1, rules.group)
    finally:
        os.close(fd)


def set_aside(path: Path) -> Path:
    """Move a claimed file that is not taken to where nobody looks for one; where it is now."""
    kept = path.parent / "rejected" / f"{path.name.removesuffix('.claimed')}.refused"
    make_folder(kept.parent, 0o700)
    os.rename(path, kept)
    sync_folder(kept.parent)
    sync_folder(path.parent)
    return kept


def _prepare(folder: Path, like: os.stat_result | None, rules: Rules) -> None:
    """An empty file, ready to be linked, with the mode and owner of the one before if that was
    one of ours: whoever may append now, may append to it from the first moment."""
    prepared = folder / _PREPARED
    prepared.unlink(missing_ok=True)
    fd = os.open(prepared, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    mode, uid, gid = 0o660, -1, -1 if rules.group is None else rules.group
    if like is not None and stat.S_ISREG(like.st_mode) and rules.is_owner(like.st_uid):
        mode, uid = like.st_mode & 0o666, like.st_uid
        gid = like.st_gid if rules.group is None else gid
    try:
        with contextlib.suppress(PermissionError):
            os.fchown(fd, uid, gid)
        os.fchmod(fd, mode)
    finally:
        os.close(fd)


def _put(folder: Path) -> None:
    prepared = folder / _PREPARED
    # A link, like O_EXCL, leaves alone what a writer has created in the meantime.
    with contextlib.suppress(FileExistsError):
        os.link(prepared, folder / NAME)
    os.unlink(prepared)
    sync_folder(folder)
