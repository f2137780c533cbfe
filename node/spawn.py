"""One command on this machine: its claim, its process, its files. Standard library alone.

A run's folder ``runs/<key>`` holds ``claim`` (who took the right to start it, and below that which
process it became), ``stdout``, ``stderr``, and ``exit``, how it ended. The runner loads this file,
so it imports no more than it must.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import stat
import time
from collections.abc import Sequence
from typing import Any

STREAMS = ("stdout", "stderr")
NOT_EXECUTABLE, NOT_FOUND = 126, 127
# Python ignores the first two; the others may be ignored in whatever started us. A command must
# find them all as a shell would give them to it.
_SIGNALS = ("PIPE", "XFSZ", "HUP", "INT", "QUIT", "TERM", "CHLD", "USR1", "USR2", "ALRM")
DEFAULT_SIGNALS = [getattr(signal, f"SIG{name}") for name in _SIGNALS]
# Whoever owns the folder may have put a link or a pipe in a file's place: it is neither followed
# nor waited for.
_PLAIN = os.O_NOFOLLOW | os.O_NONBLOCK
# Appending: a cut file goes on at its new end, without a hole.
_OUTPUT = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


def boot_id() -> str:
    """Names this boot of the machine; empty where the system has no such name."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return file.read().strip()
    except OSError:
        return ""


BOOT = boot_id()


def start_time(pid: int) -> int:
    """When the process started, in ticks since boot: with the pid it names one process of this
    boot. 0 if there is no such process, or no /proc."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[19])
    except OSError:
        return 0


def signal_group(group: int, number: int) -> bool:
    """Send a signal to a process group; False if there is none, or none that we may signal."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def claim(key: str, runs: int, **facts: Any) -> int:
    """Take the right to start the command: make its folder and its claim, and return the open
    folder. Raises FileExistsError if somebody has it, OSError if it cannot be made.

    It isn't synced: after a power cut the daemon asks in which boot it committed the start, and
    takes a missing claim of another boot for no proof.
    """
    with contextlib.suppress(FileExistsError):
        os.mkdir(key, 0o700, dir_fd=runs)
    folder = os.open(key, _FOLDER, dir_fd=runs)
    try:
        append("claim", {"wall": time.time(), "boot": BOOT} | facts, folder, os.O_EXCL)
    except BaseException:
        os.close(folder)
        raise
    return folder


def append(name: str, content: dict[str, Any], folder: int, flag: int = 0) -> None:
    """Add a line of JSON to a file in the open folder. Raises OSError, and removes a file that it
    has made."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | _PLAIN | flag
    file = os.open(name, flags, 0o600, dir_fd=folder)
    try:
        os.write(file, json.dumps(content).encode() + b"\n")
    except OSError:
        if flag & os.O_EXCL:
            os.unlink(name, dir_fd=folder)
        raise
    finally:
        os.close(file)


def sync_file_system(folder: int) -> None:
    """Make everything on the open folder's file system durable, and wait for no other one: a
    network drive that hangs is none of a runner's business."""
    try:
        import ctypes  # rarely needed, and heavy

        if ctypes.CDLL(None).syncfs(folder) == 0:
            return
    except (ImportError, OSError, AttributeError):
        pass  # not on this system
    os.sync()


def find_program(program: str, path: str) -> tuple[str, int, str]:
    """(file, 0, "") or ("", exit code, reason), the way a shell looks: PATH of the command's own
    environment, which posix_spawnp would not use."""
    places = [program]
    if program and "/" not in program:
        places = [f"{folder or '.'}/{program}" for folder in path.split(":")]
    unusable = ""
    for place in places:
        try:
            mode = os.stat(place).st_mode
        except (OSError, ValueError):
            continue
        if stat.S_ISREG(mode) and os.access(place, os.X_OK):
            return place, 0, ""
        unusable = unusable or f"{place}: {'a folder' if stat.S_ISDIR(mode) else 'not executable'}"
    if unusable:
        return "", NOT_EXECUTABLE, unusable
    return "", NOT_FOUND, f"{program!r}: program not found"


def output_file(name: str, folder: int) -> int:
    """A new file for an output, open. Raises OSError, also if there is one: it isn't ours then."""
    return os.open(name, _OUTPUT, 0o600, dir_fd=folder)


def spawn(
    argv: list[str], env: dict[str, str], folder: int, stdin: bytes = b""
) -> tuple[int, int, str]:
    """(pid, 0, "") of a process in a session of its own, or (0, exit code, reason)."""
    program, code, reason = find_program(argv[0], env.get("PATH", os.defpath))
    if code:
        return 0, code, reason
    files: list[int] = []
    try:
        for name in STREAMS:
            files.append(output_file(name, folder))
        actions: list[tuple[Any, ...]] = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)]
        actions += [(os.POSIX_SPAWN_DUP2, file, to) for to, file in enumerate(files, 1)]
        if stdin:
            files.append(input_file(stdin, folder))
            actions[0] = (os.POSIX_SPAWN_DUP2, files[-1], 0)
        pid = os.posix_spawn(
            program.encode(),
            [arg.encode() for arg in argv],
            {name.encode(): value.encode() for name, value in env.items()},
            file_actions=actions,
            setsid=True,
            setsigmask=(),
            setsigdef=DEFAULT_SIGNALS,
        )
    except FileNotFoundError:
        return 0, NOT_FOUND, f"{program}: the interpreter that it names was not found"
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        return 0, NOT_EXECUTABLE, f"{program}: cannot be started: {why}"
    finally:
        for file in files:
            os.close(file)
    return pid, 0, ""


def input_file(content: bytes, folder: int) -> int:
    """What a command is to find on its standard input: an open file without a name, at its start.
    Where the system can, it is in memory alone, and any user may open it anew by /dev/stdin, which
    is how a command that runs as another one does. Raises OSError."""
    if hasattr(os, "memfd_create"):
        file = os.memfd_create("stdin", os.MFD_CLOEXEC)
    else:
        file = os.open("stdin", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=folder)
        os.unlink("stdin", dir_fd=folder)
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(file, rest) :]
        os.lseek(file, 0, os.SEEK_SET)
    except OSError:
        os.close(file)
        raise
    return file


def name_process(pid: int, folder: int) -> None:
    """Add to the claim which process the command became: what a runner's successor may kill."""
    with contextlib.suppress(OSError):  # a full disk is no reason to give the command up
        append("claim", {"pid": pid, "start": start_time(pid)}, folder)


def write_exit(
    key: str, runs: int, how: dict[str, Any], outputs: Sequence[str] = (), *, sync: bool = True
) -> None:
    """Write the exit record, whole or not at all; with ``sync`` durably, after syncing the named
    outputs. Raises OSError, FileNotFoundError if the run's folder is gone."""
    folder = os.open(key, _FOLDER, dir_fd=runs)
    try:
        for name in outputs if sync else ():
            _write(name, folder, os.O_RDONLY, b"", sync)
        new = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        _write("exit.new", folder, new, json.dumps(how).encode(), sync)
        os.rename("exit.new", "exit", src_dir_fd=folder, dst_dir_fd=folder)
        if sync:
            os.fsync(folder)
            os.fsync(runs)
    finally:
        os.close(folder)


def _write(name: str, folder: int, flags: int, content: bytes, sync: bool) -> None:
    file = os.open(name, flags | _PLAIN, 0o600, dir_fd=folder)
    try:
        if content:
            os.write(file, content)
        if sync:
            os.fsync(file)
    finally:
        os.close(file)


def cut(name: str, folder: int, limit: int) -> int:
    """Cut the file to ``limit`` bytes if it is longer; the size that it had, 0 without a file."""
    try:
        size = os.stat(name, dir_fd=folder).st_size
        if size > limit:
            file = os.open(name, os.O_WRONLY | _PLAIN, dir_fd=folder)
            os.ftruncate(file, limit)
            os.close(file)
    except OSError:
        return 0
    return size
