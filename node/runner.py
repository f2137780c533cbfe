"""The commands' parent: a socket on which the daemon asks for starts and kills.

Run as ``python -I -S runner.py STATE-DIR [grace=5] [idle=10] [limit=134217728] [foreground=0]``
(seconds, seconds, bytes a stream), by root also with ``orders=/etc/steward book=DIR socket=PATH
packages=DIR`` (see ``privileged.py``). It takes the lightest modules of the standard library alone,
for it stays in memory as long as the longest command; and it outlives the daemon, so that a daemon
that is killed or upgraded takes no command with it. ``node/runs.py`` is the daemon's side.

Exit status: 0 once it listens (it goes on in the background), 3 if another one holds the folder.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

if __name__ == "__main__":  # python -I -S finds nothing but the standard library
    sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from node.accounts import Power
from node.children import HAS_PIDFD, Book, Child, Children
from node.runner_requests import (
    Denial,
    Refusal,
    checked_command,
    checked_key,
    checked_stdin,
    checked_terms,
)
from node.runner_socket import ALREADY_RUNS, go_to_background, listen, may_ask
from node.sd_notify import notify

LONGEST_LINE = 4 << 20
LONGEST_BACKLOG = 1 << 20
DEFAULTS = {"grace": 5.0, "idle": 10.0, "limit": float(128 << 20), "foreground": 0.0}
TEXTS = ("orders", "book", "socket", "packages")


class Link:
    """One connection of a daemon."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.incoming = bytearray()
        self.outgoing = bytearray()


class Runner:
    """All connections and all children in one thread."""

    judge: Callable[[dict[str, Any]], Any] | None = None
    """Of a privileged one: what to start for a signed order, see ``warrants.py``."""

    def __init__(
        self,
        runs: int,
        listener: socket.socket,
        settings: dict[str, float],
        power: Power | None = None,
        book: Book | None = None,
    ) -> None:
        self.listener = listener
        self.idle = settings["idle"]
        self.owner = os.geteuid()
        self.selector = selectors.DefaultSelector()
        self.children = Children(
            runs,
            self.selector,
            self.on_exit,
            lambda: bool(self.links),
            grace=settings["grace"],
            limit=int(settings["limit"]),
            power=power,
            book=book,
        )
        self.links: dict[int, Link] = {}
        self.busy_at = time.monotonic()
        self.stopping = False
        self.selector.register(listener, selectors.EVENT_READ, self.on_connect)
        self.listen_to_signals()

    def listen_to_signals(self) -> None:
        """SIGTERM: a service manager stops us, or the machine goes down. What runs is not given up
        for that: its end is still recorded."""
        wake, wakened = os.pipe()
        os.set_blocking(wake, False)
        os.set_blocking(wakened, False)
        signal.set_wakeup_fd(wakened, warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, self.on_stop)
        # Whoever started us may ignore it, and then the system keeps no exit status for us.
        signal.signal(signal.SIGCHLD, signal.SIG_DFL if HAS_PIDFD else lambda *_: None)
        self.selector.register(wake, selectors.EVENT_READ, self.on_wake)

    def serve(self) -> None:
        """Until nothing is left to watch, and nobody to serve for the idle time."""
        while True:
            for entry, _ in self.selector.select(self.patience()):
                entry.data(entry.fd)
            now = time.monotonic()
            self.children.watch(now)
            if self.children.keys() or (self.links and not self.stopping):
                self.busy_at = now
            elif self.stopping or now - self.busy_at >= self.idle:
                return

    def patience(self) -> float | None:
        """Seconds until something is due; None: nothing will be by itself."""
        due = self.children.due()
        if not self.links and self.idle < float("inf"):
            idle_at = self.busy_at + self.idle
            due = idle_at if due is None else min(due, idle_at)
        return None if due is None else max(0.0, due - time.monotonic())

    def on_stop(self, *_: object) -> None:
        self.stopping = True
        if self.judge is not None:
            notify("STOPPING=1", f"STATUS=waits for {len(self.children.keys())} commands")

    def on_wake(self, wake: int) -> None:
        os.read(wake, 4096)
        self.children.reap_all()

    def on_exit(self, key: str, how: dict[str, Any]) -> None:
        for link in list(self.links.values()):
            self.tell(link, {"exited": key, "record": how})
            self.flush(link)

    def on_connect(self, _: int) -> None:
        try:
            sock, _address = self.listener.accept()
        except OSError:
            time.sleep(0.05)  # out of file descriptors: the caller waits in the backlog
            return
        if not may_ask(sock, self.owner):
            sock.close()
            return
        sock.setblocking(False)
        self.links[sock.fileno()] = Link(sock)
        self.selector.register(sock, selectors.EVENT_READ, self.on_link)

    def on_link(self, fd: int) -> None:
        link = self.links.get(fd)
        if link is None:
            return  # dropped by an earlier event of the same round
        try:
            data = link.sock.recv(1 << 16)
        except BlockingIOError:
            return self.flush(link)
        except OSError:
            return self.drop(link)
        if not data:
            return self.drop(link)
        link.incoming += data
        if b"\n" in data:
            *lines, rest = bytes(link.incoming).split(b"\n")
            link.incoming = bytearray(rest)
            for line in lines:
                self.tell(link, self.answer(line))
        elif len(link.incoming) > LONGEST_LINE:
            return self.drop(link)
        self.flush(link)

    def tell(self, link: Link, what: dict[str, Any]) -> None:
        link.outgoing += json.dumps(what).encode() + b"\n"

    def flush(self, link: Link) -> None:
        fd = link.sock.fileno()
        if fd < 0:
            return
        try:
            del link.outgoing[: link.sock.send(link.outgoing)]
        except BlockingIOError:
            pass
        except OSError:
            return self.drop(link)
        if len(link.outgoing) > LONGEST_BACKLOG:
            return self.drop(link)  # it does not read; it can ask again when it does
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if link.outgoing else 0)
        if self.selector.get_key(fd).events != wanted:
            self.selector.modify(fd, wanted, self.on_link)

    def drop(self, link: Link) -> None:
        self.selector.unregister(link.sock)
        del self.links[link.sock.fileno()]
        link.sock.close()
        if not self.links:
            self.children.sync()

    def answer(self, line: bytes) -> dict[str, Any]:
        """Exactly one answer to each line, in order: that is how the daemon pairs them."""
        key = None
        try:
            request = json.loads(line)
            if not isinstance(request, dict):
                raise Refusal("a request is an object")
            op = request.get("op")
            if op == "list":
                return {"running": self.children.keys(), "pid": os.getpid()}
            key = checked_key(request.get("key"))
            if op == "kill":
                return {"key": key, "killing": self.children.kill(key, "cancelled")}
            if op in ("start", "start on terms"):
                child = self.start(key, request)
                return {"key": key, "started": child.pid or None, "at": child.started}
            raise Refusal("op: start, start on terms, kill or list")
        except FileExistsError:
            return {"key": key, "error": "exists"}
        except Denial as denial:
            return {"key": key, "refused": str(denial)}
        except (Refusal, OSError, ValueError, RecursionError) as error:
            return {"key": key, "error": str(error)}

    def start(self, key: str, request: dict[str, Any]) -> Child:
        """Raises Denial, Refusal, FileExistsError, OSError, ValueError."""
        if self.judge is None:
            command, stdin = checked_command(request), checked_stdin(request)
            return self.children.start(key, *command, stdin, checked_terms(request))
        if self.children.is_claimed(key):
            raise FileExistsError  # asked again: the order may be spent, or not allowed any more
        if self.stopping:
            raise Refusal("the runner is being stopped and starts nothing more")
        return self.children.start(key, *self.judge(request))


def main(state: str, *words: str) -> int:
    given = {name: value for name, _, value in (word.partition("=") for word in words)}
    texts = {name: given.pop(name, "") for name in TEXTS}
    settings = DEFAULTS | {name: float(value) for name, value in given.items()}
    os.umask(0o022)  # the commands inherit it
    if texts["orders"]:
        return serve_as_root(state, settings, texts)
    os.chdir(state)
    here = os.open(".", os.O_RDONLY)
    runs = opened_runs(here)
    listener = listen()
    if listener is None:
        return ALREADY_RUNS
    if not settings["foreground"]:
        go_to_background()
    try:
        os.chdir(pwd.getpwuid(os.geteuid()).pw_dir)
    except (KeyError, OSError):
        os.chdir("/")
    Runner(runs, listener, settings).serve()
    with contextlib.suppress(FileNotFoundError):  # it may have gone with the whole folder
        os.unlink("runner.sock", dir_fd=here)
    return 0


def opened_runs(here: int) -> int:
    with contextlib.suppress(FileExistsError):
        os.mkdir("runs", mode=0o700, dir_fd=here)
    os.fsync(here)
    return os.open("runs", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=here)


def serve_as_root(state: str, settings: dict[str, float], texts: dict[str, str]) -> int:
    """As a unit of its own that root starts: it verifies each order itself, and starts it as the
    user that root's own permits name."""
    from node import privileged  # it needs more than the standard library

    unit = privileged.prepare(state, **texts)
    runs = opened_runs(unit.here)
    listener = unit.listen()
    if listener is None:
        return ALREADY_RUNS
    settings = settings | {"idle": float("inf")}
    runner = Runner(runs, listener, settings, unit.power, unit.book)
    runner.judge = unit.warrants.judge
    unit.begin()
    runner.serve()
    unit.end()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
