"""What the running daemon spends its time on: stacks sampled on request, served on loopback.

``/profile?seconds=5`` answers with a list of the busiest functions and with collapsed stacks, one
a line, which flame graph tools read; ``&format=collapsed`` leaves the list out.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from types import FrameType
from urllib.parse import parse_qs, urlsplit

from steward.listener import Listener

INTERVAL = 0.005
"""Seconds between two samples."""
MOST_SECONDS = 300.0

_TOP = 30
_HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})
_DEEPEST = 200

Stack = tuple[str, ...]
"""Thread name, then functions from the outermost to the one that runs."""


def sample(seconds: float, stop: threading.Event | None = None) -> Counter[Stack]:
    """How often each stack of another thread was seen; ends early once ``stop`` is set."""
    stop = stop or threading.Event()
    seen: Counter[Stack] = Counter()
    me = threading.get_ident()
    end = time.monotonic() + seconds
    while time.monotonic() < end and not stop.is_set():
        names = {thread.ident: thread.name for thread in threading.enumerate()}
        for ident, frame in sys._current_frames().items():
            if ident != me:
                seen[(names.get(ident, "?"), *_functions(frame))] += 1
        stop.wait(INTERVAL)
    return seen


def collapsed(seen: Mapping[Stack, int]) -> str:
    """``thread;outer;inner COUNT``, the most frequent first."""
    lines = sorted(seen.items(), key=lambda item: (-item[1], item[0]))
    return "".join(f"{';'.join(stack)} {count}\n" for stack, count in lines)


def top(seen: Mapping[Stack, int]) -> str:
    """A table of the functions most often seen running, and most often seen on a stack, in percent
    of the samples of their thread."""
    samples: Counter[str] = Counter()
    own: Counter[tuple[str, str]] = Counter()
    total: Counter[tuple[str, str]] = Counter()
    for (thread, *functions), count in seen.items():
        samples[thread] += count
        own[thread, functions[-1]] += count
        for function in set(functions):
            total[thread, function] += count
    lines = ["  own%  total%  samples  thread: function"]
    for key, count in total.most_common():
        if len(lines) > _TOP:
            break
        thread, function = key
        if own[key] or count < samples[thread]:
            share = 100 / samples[thread]
            lines.append(
                f"{own[key] * share:6.1f}  {count * share:6.1f}  {count:7}  {thread}: {function}"
            )
    return "\n".join(lines) + "\n"


class ProfileServer:
    """The server behind ``--profiling-port``. It asks for no password, so it is loopback only."""

    def __init__(self, port: int) -> None:
        self._stop = threading.Event()
        busy = threading.Lock()
        attributes = {"stop": self._stop, "busy": busy}
        handler = type("ProfileHandler", (_Handler,), attributes)
        self._listener = Listener("127.0.0.1", port, handler, "profiling-port")

    @property
    def port(self) -> int:
        return self._listener.port

    def start(self) -> None:
        """Raises ConfigError if the port cannot be had."""
        self._listener.start()

    def stop(self) -> None:
        """Also ends a profile that is being taken. Takes 0.1 s."""
        self._stop.set()
        self._listener.stop()


class _Handler(BaseHTTPRequestHandler):
    stop: threading.Event
    busy: threading.Lock

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = parse_qs(url.query)
        # A web page elsewhere can make a browser here ask under a name of its own.
        host = self.headers.get("Host", "").rpartition(":")[0] or self.headers.get("Host", "")
        if host not in _HOSTS:
            self._answer(403, "only for this machine\n")
            return
        if url.path != "/profile":
            self._answer(404, "GET /profile?seconds=N&format=collapsed\n")
            return
        try:
            seconds = float(query.get("seconds", ["5"])[0])
        except ValueError:
            seconds = -1.0
        if not 0 < seconds <= MOST_SECONDS:
            self._answer(400, f"seconds: above 0, at most {MOST_SECONDS:g}\n")
            return
        if not self.busy.acquire(blocking=False):
            self._answer(409, "a profile is being taken: ask again when it is done\n")
            return
        try:
            seen = sample(seconds, self.stop)
        finally:
            self.busy.release()
        text = collapsed(seen)
        if query.get("format") != ["collapsed"]:
            text = f"{top(seen)}\n{text}"
        self._answer(200, text)

    def _answer(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Who asked is nobody's business: the log is for what the daemon does."""


def _functions(frame: FrameType | None) -> list[str]:
    functions: list[str] = []
    while frame is not None and len(functions) < _DEEPEST:
        module = frame.f_globals.get("__name__", "?")
        functions.append(f"{module}.{frame.f_code.co_qualname}")
        frame = frame.f_back
    functions.reverse()
    return functions
