"""Who may come in: the state folder, its group, and callers as the kernel names them."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import shlex
import socket
import stat
import struct
from pathlib import Path
from typing import Final

from steward.control.address import Caller
from steward.errors import ConfigError

_PEERGROUPS: Final = 59
"""Linux: SO_PEERGROUPS, which Python has no name for."""
_MOST: Final = 1024
"""Bytes that Python lets a socket option have: 256 groups."""


def refuse_unsafe(folder: Path) -> None:
    """Nobody but root and the user who runs this may own or change a state folder: whoever can,
    commands the node. One that is not there yet is fine. Raises ConfigError."""
    with contextlib.suppress(FileNotFoundError):
        status = folder.stat()
        me, quoted = os.geteuid(), shlex.quote(str(folder))
        if status.st_uid not in (0, me):
            raise ConfigError(
                f"{folder} belongs to {user(status.st_uid)}, and this runs as {user(me)}",
                f"start it as {user(status.st_uid)}, or give a --state-dir of its own",
            )
        by_group = status.st_mode & stat.S_IWGRP and status.st_gid != os.getegid()
        if status.st_mode & stat.S_IWOTH or by_group:
            who = f"the group {group(status.st_gid)}" if by_group else "everybody"
            raise ConfigError(f"{who} may write in {folder}", f"chmod go-w {quoted}")


def open_to(folder: Path, gid: int) -> None:
    """Let the group reach what its folder has for it; it may change nothing there. Raises
    ConfigError."""
    status = folder.stat()
    mode = stat.S_IMODE(status.st_mode) & ~0o022 | 0o010
    try:
        if status.st_gid != gid:
            os.chown(folder, -1, gid)
        if stat.S_IMODE(status.st_mode) != mode:
            os.chmod(folder, mode)
    except PermissionError:
        raise ConfigError(
            f"socket-group: {folder} cannot be given to the group {group(gid)}",
            f"{user(os.geteuid())} has to be a member of it",
        ) from None


def group_of(name: str) -> int:
    """The gid of a group's name, or of digits. Raises ConfigError."""
    if name.isascii() and name.isdigit():
        return int(name)
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise ConfigError(f"socket-group: no group {name!r} here", "make it: groupadd") from None


def user_of(name: str) -> int:
    """The uid of a user's name, or of digits. Raises ConfigError."""
    if name.isascii() and name.isdigit():
        return int(name)
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        raise ConfigError(f"intake-owners: no user {name!r} here", "names or uids") from None


def user(uid: int) -> str:
    """Its name, or else the number."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def group(gid: int) -> str:
    """The same of a group."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return f"gid {gid}"


def may_call(connection: socket.socket, who: Caller, gid: int) -> bool:
    """Whether the process at the other end is root's, our own user's, or in the socket's group.
    The socket's mode says so already; it can be changed, or lost where a folder is mounted."""
    return who.uid in (0, os.geteuid()) or gid in groups(connection, who)


def groups(connection: socket.socket, who: Caller) -> frozenset[int]:
    """The groups of the process at the other end, as the kernel has them."""
    if not hasattr(socket, "SO_PEERCRED"):
        # macOS: a struct xucred: version, uid, how many groups, 16 groups
        _version, _uid, count, *found = struct.unpack("IIhxx16I", connection.getsockopt(0, 1, 76))
        return frozenset(found[: max(0, min(count, 16))])
    _pid, _uid, gid = struct.unpack(
        "iII", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    )
    try:
        packed = connection.getsockopt(socket.SOL_SOCKET, _PEERGROUPS, _MOST)
    except OSError:  # more of them, or a kernel before 4.13
        with contextlib.suppress(KeyError):
            return frozenset({gid, *os.getgrouplist(pwd.getpwuid(who.uid).pw_name, gid)})
        return frozenset({gid})
    return frozenset({gid, *struct.unpack(f"{len(packed) // 4}I", packed)})
