"""Logging: one line an event; for people on a terminal, JSON otherwise. Standard logging below.

What belongs to an event goes into ``extra``: ``log.info("accepted", extra={"message_id": id})``.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import traceback
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any, Final, TextIO

from steward.text import safe

_OWN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_COLOURS: Final = {"WARNING": "33", "ERROR": "31", "CRITICAL": "31;1"}


def set_up(
    level: str = "info", stream: TextIO | None = None, as_json: bool | None = None
) -> logging.Handler:
    """Send everything from ``level`` up to ``stream`` (stderr), and return what does so, for
    ``logging.getLogger().removeHandler``. ``as_json`` None: unless the stream is a terminal.
    Raises ValueError for an unknown level."""
    stream = stream or sys.stderr
    terminal = stream.isatty()
    human = terminal if as_json is None else not as_json
    colour = terminal and not os.environ.get("NO_COLOR")
    handler = logging.StreamHandler(stream)
    handler.setFormatter(Human(colour) if human else Json())
    root = logging.getLogger()
    root.setLevel(level.upper())
    root.addHandler(handler)
    # Its INFO lines tell of every selector and debug flag; a node's log has nothing to gain.
    logging.getLogger("asyncio").setLevel(max(root.level, logging.WARNING))
    logging.captureWarnings(True)
    return handler


class Json(logging.Formatter):
    """``{"time": …, "level": …, "logger": …, "event": …, "message_id": …, …}``; time in UTC."""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, Any] = {
            "time": time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **_extras(record),
        }
        if record.exc_info and record.exc_info[1]:
            line["error"] = _named(record.exc_info[1])
            line["traceback"] = "".join(traceback.format_exception(record.exc_info[1]))
        # ASCII alone: a reader of the log may be a terminal, and JSON escapes whatever is hostile.
        return json.dumps(line, default=str)


class Human(logging.Formatter):
    """``12:03:04.123 warning bus: link lost (message 0199…) key=value``; local time."""

    def __init__(self, colour: bool = False) -> None:
        super().__init__()
        self.colour = colour

    def format(self, record: logging.LogRecord) -> str:
        extras = _extras(record)
        time = datetime.fromtimestamp(record.created).strftime("%H:%M:%S.%f")[:-3]
        name = record.name.rpartition(".")[2]
        text = f"{time} {record.levelname.lower():<7} {name}: {record.getMessage()}"
        if message_id := extras.pop("message_id", None):
            text += f" (message {message_id})"
        text += "".join(f" {key}={value}" for key, value in extras.items())
        if record.exc_info and (error := record.exc_info[1]):
            text += f": {_named(error)}"
            if frames := traceback.extract_tb(error.__traceback__):
                text += f" at {PurePath(frames[-1].filename).name}:{frames[-1].lineno}"
        text = safe(text)
        if self.colour and (code := _COLOURS.get(record.levelname)):
            return f"\x1b[{code}m{text}\x1b[0m"
        return text


def _extras(record: logging.LogRecord) -> dict[str, Any]:
    return {k: v for k, v in vars(record).items() if k not in _OWN and v is not None}


def _named(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
