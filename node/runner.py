"""The commands' parent: a socket on which the daemon asks for starts and kills.

Run as ``python -I -S runner.py STATE-DIR [grace=5] [idle=10] [limit=134217728] [foreground=0]``
(seconds, seconds, bytes a stream). It takes the lightest modules of the standard library alone,
for it stays in memory as long as the longest command; and it outlives the daemon, so that a daemon
that is killed or upgraded takes no command with it. ``node/runs.py`` is the daemon's side.

Exit status: 0 once it listens (it goes on in the background), 3 if another one holds the folder.
"""

from __future__ import annotations

import binascii
import contextlib
import fcntl
import json
import os
import pwd
import selectors
import signal
import socket
import sys
import time
from typing import Any

if __name__ == "__main__":  # python -I -S finds nothing but the standard library
    sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from node.children import HAS_PIDFD, Children

ALREADY_RUNS = 3
LONGEST_LINE = 4 << 20
LONGEST_BACKLOG = 1 << 20
KEY_LETTERS = frozenset("0123456789abcdef")
DEFAULTS = {"grace": 5.0, "idle": 10.0, "limit": float(128 << 20), "foreground": 0.0}


class Refusal(Exception):
    """What is wrong with a request."""


class Link:
    """One connection of a daemon."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.incoming = bytearray()
        self.outgoing = bytearray()


class Runner:
    """All connections and all children in one thread."""

    def __init__(self, runs: int, listener: socket.socket, settings: dict[str, float]) -> None:
        self.listener = listener
        self.idle = settings["idle"]
        self.selector = selectors.DefaultSelector()
        self.children = Children(
            runs,
            self.selector,
            self.on_exit,
            lambda: bool(self.links),
            grace=settings["grace"],
            limit=int(settings["limit"]),
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
        if not self.links:
            idle_at = self.busy_at + self.idle
            due = idle_at if due is None else min(due, idle_at)
        return None if due is None else max(0.0, due - time.monotonic())

    def on_stop(self, *_: object) -> None:
        self.stopping = True

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
            if op == "start":
                command, stdin = checked_command(request), checked_stdin(request)
                child = self.children.start(key, *command, stdin)
                return {"key": key, "started": child.pid or None, "at": child.started}
            raise Refusal("op: start, kill or list")
        except FileExistsError:
            return {"key": key, "error": "exists"}
        except (Refusal, OSError, ValueError, RecursionError) as error:
            return {"key": key, "error": str(error)}


def checked_key(key: object) -> str:
    if not isinstance(key, str) or not 16 <= len(key) <= 64 or not KEY_LETTERS.issuperset(key):
        raise Refusal("key: 16 to 64 hexadecimal digits")
    return key


def checked_command(request: dict[str, Any]) -> tuple[list[str], dict[str, str], float | None]:
    argv, env, deadline = request.get("argv"), request.get("env", {}), request.get("deadline")
    if not isinstance(argv, list) or not argv or not all(isinstance(a, str) for a in argv):
        raise Refusal("argv: a list of strings, at least one")
    if not isinstance(env, dict) or not all(isinstance(v, str) for v in env.values()):
        raise Refusal("env: an object of strings")
    if deadline is None:
        return argv, env, None
    if isinstance(deadline, bool) or not isinstance(deadline, int | float) or not deadline >= 0:
        raise Refusal("deadline: 0 or more seconds, or null")
    return argv, env, float(min(deadline, 1e9))


def checked_stdin(request: dict[str, Any]) -> bytes:
    """What the command reads, which comes in Base64; nothing: it finds an end there."""
    coded = request.get("stdin", "")
    if not isinstance(coded, str):
        raise Refusal("stdin: Base64")
    try:
        return binascii.a2b_base64(coded, strict_mode=True) if coded else b""
    except ValueError:
        raise Refusal("stdin: Base64") from None


def listen() -> socket.socket | None:
    """A listening socket in the current folder (a whole path may be too long for an address); None
    if another runner holds the folder's lock."""
    lock = os.open("runner.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return None
    if os.path.lexists("runner.sock"):
        os.unlink("runner.sock")
    listener = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)
    listener.bind("runner.sock")
    os.umask(before)
    listener.listen(64)
    listener.setblocking(False)
    return listener


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


def main(state: str, *words: str) -> int:
    given = (word.partition("=") for word in words)
    settings = DEFAULTS | {name: float(value) for name, _, value in given}
    os.umask(0o022)  # the commands inherit it
    os.chdir(state)
    here = os.open(".", os.O_RDONLY)
    os.makedirs("runs", mode=0o700, exist_ok=True)
    os.fsync(here)
    runs = os.open("runs", os.O_RDONLY)
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


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
