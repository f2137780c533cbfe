"""Sees every exception that escapes: in tasks, threads, callbacks, or only into the log."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.fuzz.inputs import Finding

BUGS = ("handler_failed", "process_failed", "process_terminated")
"""Codes of errors that tell of a bug, not of bad input."""


class Watch(logging.Handler):
    """``check`` raises what was seen."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.seen: list[str] = []
        self.lines = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.lines += 1
        text = record.getMessage()
        if record.exc_info or text.startswith(BUGS):
            what = logging.Formatter().formatException(record.exc_info) if record.exc_info else ""
            self.seen.append(f"{record.name}: {text[:500]}\n{what[-2500:]}")

    def check(self) -> None:
        """Raises Finding."""
        if self.seen:
            seen, self.seen = self.seen, []
            raise Finding(f"{len(seen)} escaped, first: {seen[0]}")

    def unhandled(self, _loop: object, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self.seen.append(f"unhandled: {context.get('message')}: {error!r}")


@contextmanager
def watching() -> Iterator[Watch]:
    """While it is entered, nothing is printed and nothing is missed; in a running loop."""
    watch, root, loop = Watch(), logging.getLogger(), asyncio.get_running_loop()
    handlers, level = root.handlers[:], root.level
    hook = threading.excepthook

    def died(args: threading.ExceptHookArgs) -> None:
        watch.seen.append(f"thread {args.thread} died of {args.exc_value!r}")

    root.handlers[:] = [watch]
    root.setLevel(logging.WARNING)
    loop.set_exception_handler(watch.unhandled)
    threading.excepthook = died
    try:
        yield watch
    finally:
        threading.excepthook = hook
        loop.set_exception_handler(None)
        root.handlers[:] = handlers
        root.setLevel(level)
