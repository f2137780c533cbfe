"""The socket's file: how a path of any length is reached, and who is at the other end."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

SOCKET_NAME: Final = "steward.sock"
_LONGEST: Final = 100
"""Bytes of a path that every system takes for a socket (Linux 107, macOS 103)."""


class Caller(NamedTuple):
    """The process at the other end of a connection; ``pid`` 0: the system doesn't say."""

    uid: int
    pid: int


@contextlib.contextmanager
def reachable(path: Path) -> Iterator[str]:
    """A name for ``path`` that is short enough to bind or connect to while this is open.
    Raises OSError: no such folder, or too long a path on a system without /proc."""
    if len(os.fsencode(path)) <= _LONGEST:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def caller(connection: socket.socket) -> Caller:
    """Who is at the other end of a connected unix socket, as the kernel says it."""
    if hasattr(socket, "SO_PEERCRED"):
        packed = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        pid, uid, _gid = struct.unpack("iII", packed)
        return Caller(uid, pid)
    # macOS: LOCAL_PEERCRED of level SOL_LOCAL (0) is a struct xucred: version, uid, …
    _version, uid = struct.unpack("II", connection.getsockopt(0, 1, 76)[:8])
    return Caller(uid, 0)
