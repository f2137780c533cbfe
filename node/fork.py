"""Starts a command as another user or within bounds: what ``posix_spawn`` cannot.

A part of the runner: standard library alone, one thread, so that the child of a fork may run Python
until it becomes the command. Why it could not comes back through a pipe that ends with the exec.
Before that it is the command's user's already, who may stop it, and whose home folder may hang: it
is not waited for without end.
"""

from __future__ import annotations

import contextlib
import os
import resource
import select
import signal
import struct
import time
from collections.abc import Mapping
from typing import NamedTuple, NoReturn

from node import spawn
from node.accounts import Account, Power, become

BOUNDS = {
    "memory": resource.RLIMIT_AS,
    "processes": resource.RLIMIT_NPROC,
    "files": resource.RLIMIT_NOFILE,
    "cpu": resource.RLIMIT_CPU,
    "file-size": resource.RLIMIT_FSIZE,
}
"""What a permit may bound: bytes of address space of each process, processes of its user, open
files, seconds of CPU of each process, bytes of a file that it writes."""
START_WITHIN = 10.0
"""Seconds for a child to become the command; nothing else is done meanwhile."""
_DIES_WITHIN = 1.0
_NEVER_EXECED = 0x40  # PF_FORKNOEXEC
_AFTER_CPU = 5
"""Seconds of CPU between SIGXCPU, which a program may handle, and SIGKILL."""
_ACL_TAGS = {"owner": 1, "user": 2, "group": 4, "mask": 16, "other": 32}
_NO_ID = 0xFFFFFFFF
_MOST_WORDS = 4096


class Terms(NamedTuple):
    """``account``: as whom it runs, None: as whoever starts it; ``limits``: see ``BOUNDS``;
    ``order``: what the order for it is remembered by, empty: it needs none."""

    account: Account | None = None
    limits: Mapping[str, int] = {}
    order: bytes = b""


PLAIN = Terms()
_stuck: list[int] = []
"""Children that have been killed, and end when what they wait for lets them."""


def start(
    argv: list[str],
    env: dict[str, str],
    folder: int,
    stdin: bytes,
    terms: Terms,
    power: Power,
) -> tuple[int, int, str]:
    """As ``spawn.spawn``, on these terms."""
    _stuck[:] = [pid for pid in _stuck if not os.waitpid(pid, os.WNOHANG)[0]]
    if terms.account is None and not terms.limits:
        return spawn.spawn(argv, env, folder, stdin)
    files: list[int] = []
    try:
        try:
            if stdin:
                files.append(spawn.input_file(stdin, folder))
            else:
                files.append(os.open(os.devnull, os.O_RDONLY))
            for name in spawn.STREAMS:
                files.append(spawn.output_file(name, folder))
                if terms.account is not None:
                    share(files[-1], terms.account.uid)
            words, told = os.pipe()
        except OSError as error:
            return 0, spawn.NOT_EXECUTABLE, f"{argv[0]}: cannot be started: {error.strerror}"
        try:
            pid = os.fork()
        except OSError as error:
            os.close(words)
            os.close(told)
            return 0, spawn.NOT_EXECUTABLE, f"{argv[0]}: cannot be started: {error.strerror}"
        if not pid:
            _become_command(argv, env, files, told, terms)
        os.close(told)
    finally:
        for file in files:
            os.close(file)
    try:
        poll = select.poll()
        poll.register(words)
        if not poll.poll(START_WITHIN * 1000):
            return _give_up(pid, argv[0], power)
        complaint = os.read(words, _MOST_WORDS)
    finally:
        os.close(words)
    if not complaint:
        return pid, 0, ""
    os.waitpid(pid, 0)
    code, _, reason = complaint.decode(errors="replace").partition(" ")
    return 0, int(code), reason


def _give_up(pid: int, program: str, power: Power) -> tuple[int, int, str]:
    """Kill a child that is late. One that became the command in that very moment counts as
    started, for it may have done something: its exit record says how it ended."""
    with power.root():  # it may be another user's already
        os.kill(pid, signal.SIGKILL)
        if not _never_execed(pid):
            return pid, 0, ""
    # Whatever it does in the system now: with that signal it comes back to no program any more.
    until = time.monotonic() + _DIES_WITHIN
    while not os.waitpid(pid, os.WNOHANG)[0]:
        if time.monotonic() >= until:
            _stuck.append(pid)
            break
        time.sleep(0.01)
    why = f"it was not ready within {START_WITHIN:g} s: its user stopped it, or its home hangs"
    return 0, spawn.NOT_EXECUTABLE, f"{program}: cannot be started: {why}"


def _never_execed(pid: int) -> bool:
    """False also where the system doesn't say."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return bool(int(file.read().rpartition(b")")[2].split()[6]) & _NEVER_EXECED)
    except OSError:
        return False


def _become_command(
    argv: list[str],
    env: dict[str, str],
    files: list[int],
    told: int,
    terms: Terms,
) -> NoReturn:
    """In the child: nothing of it ever returns into the runner."""
    code, reason = spawn.NOT_EXECUTABLE, ""
    try:
        os.setsid()
        for to, file in enumerate(files):
            os.dup2(file, to)
        for number in spawn.DEFAULT_SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        if terms.account is not None:
            _leave_runner(terms.account)
        program, code, reason = spawn.find_program(argv[0], env.get("PATH", os.defpath))
        if program:
            code, reason = _execute(program, argv, env, terms.limits)
    except BaseException as error:
        reason = f"{argv[0]}: cannot be started: {getattr(error, 'strerror', None) or error}"
    words = f"{code or spawn.NOT_EXECUTABLE} {reason}".encode(errors="replace")
    with contextlib.suppress(BaseException):
        os.write(told, words[:_MOST_WORDS])
    os._exit(spawn.NOT_EXECUTABLE)


def _leave_runner(account: Account) -> None:
    os.seteuid(0)  # the file is root's
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("0")  # the runner is spared when memory runs out, not its commands
    become(account)
    try:
        os.chdir(account.home)
    except OSError:
        os.chdir("/")


def _execute(
    program: str, argv: list[str], env: dict[str, str], limits: Mapping[str, int]
) -> tuple[int, str]:
    """(exit code, reason), if it comes back at all."""
    words = [arg.encode() for arg in argv]
    facts = {name.encode(): value.encode() for name, value in env.items()}
    try:
        for name, bound in limits.items():  # last: they are the command's, not ours
            _lower(BOUNDS[name], bound)
        os.execve(program.encode(), words, facts)
    except FileNotFoundError:
        return spawn.NOT_FOUND, f"{program}: the interpreter that it names was not found"
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        return spawn.NOT_EXECUTABLE, f"{program}: cannot be started: {why}"


def _lower(what: int, bound: int) -> None:
    """A bound only ever lowers what the system allows."""
    hard = resource.getrlimit(what)[1]
    top = bound + (_AFTER_CPU if what == resource.RLIMIT_CPU else 0)
    top = top if hard == resource.RLIM_INFINITY else min(top, hard)
    resource.setrlimit(what, (min(bound, top), top))


def share(file: int, uid: int) -> None:
    """Let this user open the file anew through ``/dev/stdout``, and nobody else. A file system
    without access lists can do without."""
    entries = [("owner", 6, _NO_ID), ("user", 6, uid), ("group", 0, _NO_ID)]
    entries += [("mask", 6, _NO_ID), ("other", 0, _NO_ID)]
    packed = [struct.pack("<HHI", _ACL_TAGS[tag], mode, id) for tag, mode, id in entries]
    with contextlib.suppress(OSError, AttributeError):
        os.setxattr(file, "system.posix_acl_access", struct.pack("<I", 2) + b"".join(packed))
