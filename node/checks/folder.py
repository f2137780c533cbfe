"""The state folder: may we write there, will it last, is there room, is the store sound?"""

from __future__ import annotations

import fcntl
import os
import pwd
import re
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from node.checks import Finding, ok, size, warning, wrong
from steward import store_check
from steward.control import doors
from steward.control.address import SOCKET_NAME
from steward.errors import StoreDamaged

_REMOTE: Final = re.compile(
    r"(fuse\.)?(nfs4?|cifs|smb3|smbfs|9p|virtiofs|ceph|glusterfs|lustre|afs|sshfs|s3fs|rclone|davfs)"
)
_BARE: Final = frozenset({"vfat", "exfat", "msdos"})
_PASSING: Final = frozenset({"tmpfs", "ramfs"})
_FEW_FILES: Final = 1000
_OCTAL: Final = re.compile(r"\\([0-7]{3})")


def existing(path: Path) -> Path:
    """``path``, or the nearest folder above it that is there."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def place(path: Path, uid: int) -> Iterator[Finding]:
    """Whether the user ``uid``, who runs this, can keep a node's state in ``path``."""
    quoted = shlex.quote(str(path))
    if not path.exists():
        above = existing(path)
        if os.access(above, os.W_OK | os.X_OK):
            yield ok(f"{path} does not exist yet: a node makes it at its first start")
        else:
            remedy = f"sudo install -d -m 750 -o {_user(uid)} {quoted}; or give --state-dir"
            yield wrong(f"{path} does not exist, and you may not write in {above}", remedy)
        return
    status = path.stat()
    if not stat.S_ISDIR(status.st_mode):
        yield wrong(f"{path} is not a folder", "give --state-dir a folder")
        return
    shown = f"{path} (owner {_user(status.st_uid)}, mode {stat.S_IMODE(status.st_mode):04o})"
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        remedy = f"run as {_user(status.st_uid)}, or: sudo chown -R {_user(uid)} {quoted}"
        yield wrong(f"you may not write in {shown}", remedy)
    elif status.st_mode & stat.S_IWOTH:
        yield wrong(f"everybody may write in {shown}", f"chmod o-rwx {quoted}")
    elif status.st_mode & stat.S_IWGRP and status.st_gid != _own_group(status.st_uid):
        what = f"the group {doors.group(status.st_gid)} may write in {shown}"
        yield wrong(what, f"chmod g-w {quoted}")
    elif status.st_mode & (stat.S_IROTH | stat.S_IXOTH):
        what = f"everybody may look into {shown}, which holds the output of commands"
        yield warning(what, f"chmod o-rwx {quoted}")
    else:
        yield ok(f"{shown} can be used")
    if status.st_uid != uid:
        yield warning(
            f"{path} belongs to {_user(status.st_uid)}, and you are {_user(uid)}",
            f"start the node as {_user(status.st_uid)}, as its files have to stay theirs",
        )


def mounts() -> str:
    """What is mounted, as Linux tells it; elsewhere empty."""
    try:
        return Path("/proc/self/mountinfo").read_text()
    except OSError:
        return ""


def file_system(path: Path, mounts: str) -> Finding:
    """``mounts``: as from the function of that name."""
    where, kind, options = _mount(path, mounts)
    there = f"{path} is on {kind or 'a file system'} at {where}"
    if not kind:
        return ok(f"what file system {path} is on is not known here")
    if _REMOTE.fullmatch(kind):
        what = f"{there}, over a network: its locks and shared memory cannot be relied on"
        return wrong(what, "give --state-dir a folder on a local disk")
    if kind in _BARE:
        what = f"{there}, which has neither sockets nor owners"
        return wrong(what, "give --state-dir a folder on ext4, xfs, btrfs or the like")
    if "ro" in options:
        return wrong(f"{there}, mounted read-only", f"mount -o remount,rw {shlex.quote(where)}")
    if kind in _PASSING:
        what = f"{there}: it is in memory, and gone when the power is"
        return warning(what, "give --state-dir a folder on a disk")
    if kind == "overlay":
        what = f"{there}: in a container it goes when the container goes"
        return warning(what, "mount a volume there")
    return ok(there)


def disk(path: Path, least: int) -> Finding:
    """``least``: free bytes below which a daemon takes nothing in (``limits.free-bytes``)."""
    at = existing(path)
    found = os.statvfs(at)
    free = found.f_bavail * found.f_frsize
    remedy = f"free some space beside {at}, or lower limits.free-bytes"
    if free < least:
        return wrong(f"{size(free)} free: below {size(least)} nothing is taken in", remedy)
    if found.f_files and found.f_favail < _FEW_FILES:
        what = f"only {found.f_favail} more files fit on the disk of {at}"
        return warning(what, "each command's output takes several: delete some others")
    if free < 4 * least:
        return warning(f"{size(free)} free: below {size(least)} nothing is taken in", remedy)
    return ok(f"{size(free)} free, {size(least)} are kept free")


def daemon_holds(folder: Path) -> int | None:
    """The process that owns the folder: 0 if none does, None if it cannot be seen."""
    try:
        lock = os.open(folder / "steward.lock", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0
    except OSError:
        return None
    try:
        # Shared, and for an instant: only a daemon that starts in this very moment could mind.
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return 0
    except BlockingIOError:
        said = os.pread(lock, 32, 0).decode(errors="replace").strip()
        return int(said) if said.isdecimal() else None
    finally:
        os.close(lock)


def store(folder: Path, node: str, now: float) -> Iterator[Finding]:
    """The store file, while no daemon runs. ``node``: who is to start here, empty if not known;
    ``now``: wall seconds."""
    path = folder / "steward.db"
    if not path.exists():
        yield ok("there is no store yet: a node makes it at its first start")
        return
    try:
        found = store_check.look(path)
    except StoreDamaged as error:
        yield wrong(error.text, error.hint)
        return
    yield ok(f"the store of the node {found.node} is sound ({size(found.bytes)})")
    if node and node != found.node:
        what = f"{folder} belongs to the node {found.node}, not to {node}"
        yield wrong(what, "give every node a --state-dir of its own")
    if found.wall > now + 60:
        what = f"the clock is {found.wall - now:,.0f} s behind the latest time in the store"
        yield warning(what, "set the clock: what is to expire meanwhile is held back")


def control_socket(folder: Path, answered: bool) -> Finding:
    path = folder / SOCKET_NAME
    try:
        status = path.lstat()
    except FileNotFoundError:
        return ok(f"there is no control socket {path}: it comes with a daemon")
    except OSError as error:
        return wrong(f"{path}: {error.strerror}", "ask as the daemon's user, or join its group")
    mode = stat.S_IMODE(status.st_mode)
    if not stat.S_ISSOCK(status.st_mode):
        return wrong(f"{path} is not a socket", "move it away: a daemon makes its own")
    if mode & stat.S_IRWXO:
        what = f"everybody on this machine may command the daemon: {path} has mode {mode:04o}"
        return wrong(what, f"chmod 660 {shlex.quote(str(path))}")
    if not answered:
        return ok(f"{path} was left behind by a daemon: the next start replaces it")
    return ok(f"the control socket has mode {mode:04o}, owner {_user(status.st_uid)}")


def _mount(path: Path, mounts: str) -> tuple[str, str, list[str]]:
    """The mount that ``path`` lies in: its point, its kind and its options."""
    lies = os.path.realpath(existing(path))
    best = ("", "", [""])
    for line in mounts.splitlines():
        left, _, right = line.partition(" - ")
        fields = left.split(" ")
        point = _OCTAL.sub(lambda code: chr(int(code[1], 8)), fields[4])
        below = lies == point or lies.startswith(point.rstrip("/") + "/")
        if below and len(point) >= len(best[0]):
            best = (point, right.split(" ")[0], fields[5].split(","))
    return best


def owner(folder: Path) -> str:
    """As whom a daemon here runs, or would: as whoever has the folder."""
    try:
        return _user(folder.stat().st_uid)
    except OSError:
        return _user(os.geteuid())


def _own_group(uid: int) -> int:
    try:
        return pwd.getpwuid(uid).pw_gid
    except KeyError:
        return os.getegid()


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
