"""Where a daemon asks its runner: one socket for each state folder, and who may use it.

A part of the runner: standard library alone.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import struct

ALREADY_RUNS = 3
SOCKET = "runner.sock"
_LOCK = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW


def lock() -> bool:
    """Of the current folder; False if another runner holds it."""
    held = os.open("runner.lock", _LOCK, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(held)
        return False
    return True


def listen() -> socket.socket | None:
    """A listening socket in the current folder (a whole path may be too long for an address); None
    if another runner holds the folder's lock."""
    if not lock():
        return None
    return bound(SOCKET, 0o177)


def bound(address: str, mask: int) -> socket.socket:
    """Listening, in the place of one that was left over. Raises OSError."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(address)
    listener = socket.socket(socket.AF_UNIX)
    before = os.umask(mask)
    try:
        listener.bind(address)
    finally:
        os.umask(before)
    listener.listen(64)
    listener.setblocking(False)
    return listener


def may_ask(sock: socket.socket, owner: int) -> bool:
    """Whether the other end is a process of this user's, or root's. Where the system cannot say,
    the socket's mode has to do."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    size = struct.calcsize("3i")
    _, uid, _ = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    return uid in (owner, 0)


def go_to_background() -> None:
    """Leave the daemon's session and pipes. The end of the parent tells it that we listen."""
    log = os.open("runner.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    null = os.open(os.devnull, os.O_RDWR)
    if os.fork():
        os._exit(0)
    os.setsid()
    for fd, to in ((null, 0), (null, 1), (log, 2)):
        os.dup2(fd, to)
    os.close(null)
    os.close(log)
