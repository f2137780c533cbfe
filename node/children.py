"""The commands that run: their deadlines, kills, output limits and exit records.

A part of the runner (``runner.py``): standard library alone, one thread. Times are monotonic
seconds where not said otherwise.
"""

from __future__ import annotations

import os
import selectors
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

from node import fork, spawn
from node.accounts import Power
from node.fork import PLAIN, Terms

SYNCED_OUTPUT = 1 << 20
CUT_EVERY, CUT_FAST, GROUP_EVERY = 0.5, 0.05, 0.1
HAS_PIDFD = hasattr(os, "pidfd_open")


class Child:
    """A command that runs, or one that ended while others of its group go on."""

    def __init__(self, key: str, limit: int) -> None:
        self.key = key
        self.pid = 0
        self.pidfd = -1
        self.started = time.time()
        self.deadline: float | None = None
        self.kill_at: float | None = None
        self.killed: str | None = None
        self.limits = [limit, limit]
        self.sizes = [0, 0]
        self.lost = [0, 0]


class Book:
    """What a privileged runner remembers, see ``order_book.py``; an ordinary one nothing."""

    def spend(self, order: bytes) -> None:
        """The order has been carried out. Raises OSError: then it must not be."""

    def lives(self, key: str, pid: int) -> None:
        """A command has become this process."""

    def ended(self, key: str) -> None:
        """It has ended."""


class Children:
    """All of them. ``told`` is called with a key and its exit record once that is written.

    It is synced first unless ``is_heard`` says that a daemon hears of it: then the daemon's commit
    makes the end durable, and whoever loses the daemon calls ``sync``.
    """

    def __init__(
        self,
        runs: int,
        selector: selectors.BaseSelector,
        told: Callable[[str, dict[str, Any]], None],
        is_heard: Callable[[], bool],
        *,
        grace: float,
        limit: int,
        power: Power | None = None,
        book: Book | None = None,
    ) -> None:
        self.runs = runs
        self.power = power or Power()
        self.signal_group = self.power.signal_group
        self.book = book or Book()
        self.selector = selector
        self.told = told
        self.is_heard = is_heard
        self.unsynced = False
        self.grace = grace
        self.limit = limit
        self.running: dict[str, Child] = {}
        self.leftovers: dict[str, Child] = {}
        self.unsaved: dict[str, dict[str, Any]] = {}
        self.next_look = 0.0

    def keys(self) -> list[str]:
        """Those without an exit record yet."""
        return [*self.running, *self.unsaved]

    def due(self) -> float | None:
        """When ``watch`` has to be called next."""
        due = [self.next_look] if self.running or self.leftovers or self.unsaved else []
        for child in self.running.values():
            due += [at for at in (child.deadline, child.kill_at) if at is not None]
        return min(due, default=None)

    def is_claimed(self, key: str) -> bool:
        """Whether somebody has taken the right to start it already."""
        try:
            os.stat(f"{key}/claim", dir_fd=self.runs, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def start(
        self,
        key: str,
        argv: list[str],
        env: dict[str, str],
        limit: float | None,
        stdin: bytes = b"",
        terms: Terms = PLAIN,
    ) -> Child:
        """Claim it and start it, to be ended after ``limit`` seconds. A program that cannot be
        started has ended already: its pid is 0. Raises FileExistsError if it is claimed, OSError
        if it cannot be."""
        folder = spawn.claim(key, self.runs)
        try:
            self.spend(terms.order, folder)
            child = Child(key, self.limit)
            child.pid, code, reason = fork.start(argv, env, folder, stdin, terms, self.power)
            if not child.pid:
                self.ended(child, {"exitCode": code, "reason": reason})
                return child
            spawn.name_process(child.pid, folder)
            self.book.lives(key, child.pid)
        finally:
            os.close(folder)
        self.running[key] = child
        if limit is not None:
            child.deadline = time.monotonic() + limit
        try:
            child.pidfd = os.pidfd_open(child.pid)
        except (AttributeError, OSError):
            return child  # macOS, or out of file descriptors: it is polled
        self.selector.register(child.pidfd, selectors.EVENT_READ, lambda _: self.reap(child))
        return child

    def spend(self, order: bytes, folder: int) -> None:
        """The claim is ours. Raises OSError, and gives it up again: nothing was started yet."""
        try:
            if order:
                self.book.spend(order)
        except OSError:
            os.unlink("claim", dir_fd=folder)
            raise

    def kill(self, key: str, why: str) -> bool:
        """SIGTERM to its group now, SIGKILL after the grace; False if it ended by itself first."""
        child = self.running.get(key)
        if child:
            self.reap(child)
        if not child or key not in self.running:
            return False
        if child.killed is None:
            child.killed = why
            child.kill_at = time.monotonic() + self.grace
            self.signal_group(child.pid, signal.SIGTERM)
            self.signal_group(child.pid, signal.SIGCONT)
        return True

    def reap(self, child: Child) -> None:
        """Record its end, if it has ended."""
        pid, status, usage = os.wait4(child.pid, os.WNOHANG)
        if not pid:
            return
        if child.pidfd >= 0:
            self.selector.unregister(child.pidfd)
            os.close(child.pidfd)
        del self.running[child.key]
        self.book.ended(child.key)
        self.cut(child)
        code = os.waitstatus_to_exitcode(status)
        how = {
            "exitCode": code if code >= 0 else None,
            "signal": -code if code < 0 else None,
            "cpuSeconds": round(usage.ru_utime + usage.ru_stime, 6),
            "maxRssBytes": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        }
        self.ended(child, how)
        if self.signal_group(child.pid, 0):
            child.limits = list(child.sizes)
            self.leftovers[child.key] = child

    def reap_all(self) -> None:
        for child in list(self.running.values()):
            self.reap(child)

    def ended(self, child: Child, how: dict[str, Any]) -> None:
        how |= {"started": child.started, "ended": time.time(), "killed": child.killed}
        for i, name in enumerate(spawn.STREAMS):
            how |= {f"{name}Size": child.sizes[i], f"{name}Lost": child.lost[i]}
        self.unsaved[child.key] = how
        self.save(child.key)

    def save(self, key: str) -> None:
        """Write the exit record, then tell. It stays in ``unsaved`` while the disk is full."""
        how = self.unsaved[key]
        small = [name for name in spawn.STREAMS if 0 < how[f"{name}Size"] <= SYNCED_OUTPUT]
        is_heard = self.is_heard()
        try:
            spawn.write_exit(key, self.runs, how, small, sync=not is_heard)
            self.unsynced |= is_heard
        except FileNotFoundError:
            pass  # the folder was deleted: nobody can ask for this any more
        except OSError:
            return
        del self.unsaved[key]
        self.told(key, how)

    def sync(self) -> None:
        """Make durable what was told to a daemon that may not have committed it any more."""
        if self.unsynced:
            self.unsynced = False
            spawn.sync_file_system(self.runs)

    def watch(self, now: float) -> None:
        """Deadlines at once; what can only be polled (outputs' sizes above all) when it is due."""
        for child in list(self.running.values()):
            if child.deadline is not None and now >= child.deadline:
                child.deadline = None
                self.kill(child.key, "timed_out")
            if child.kill_at is not None and now >= child.kill_at:
                child.kill_at = now + 1.0
                self.signal_group(child.pid, signal.SIGKILL)
        if now < self.next_look:
            return
        if not HAS_PIDFD or any(child.pidfd < 0 for child in self.running.values()):
            self.reap_all()
        waits = [CUT_FAST if self.cut(child) else CUT_EVERY for child in self.running.values()]
        waits += [self.watch_leftover(child, now) for child in list(self.leftovers.values())]
        for key in list(self.unsaved):
            self.save(key)
        self.next_look = now + min(waits, default=CUT_EVERY)

    def watch_leftover(self, child: Child, now: float) -> float:
        """The rest of a group whose leader has ended. What it writes is nobody's output any more;
        told to end, it has the grace. The next look is so soon that the group's number cannot have
        become another's."""
        if child.kill_at is not None and now >= child.kill_at:
            self.signal_group(child.pid, signal.SIGKILL)
        if not self.signal_group(child.pid, 0):
            del self.leftovers[child.key]
        self.cut(child)
        return CUT_EVERY if child.kill_at is None else GROUP_EVERY

    def cut(self, child: Child) -> bool:
        """Cut what grew past its limit; True if an output grows so fast that the next look has to
        be soon. What is written between a look and its cut is lost without being counted."""
        soon = False
        for i, name in enumerate(spawn.STREAMS):
            size = spawn.cut(f"{child.key}/{name}", self.runs, child.limits[i])
            soon |= size > self.limit // 4 and size != child.sizes[i]
            child.lost[i] += max(0, size - child.limits[i])
            child.sizes[i] = min(size, child.limits[i])
        return soon
