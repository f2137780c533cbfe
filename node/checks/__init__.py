"""What the doctor looks at, one file a subject, and what a finding is."""

from __future__ import annotations

import enum

import msgspec


class Level(enum.StrEnum):
    """How bad it is. A warning is for somebody to know; something wrong is for somebody to do."""

    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"


class Finding(msgspec.Struct, frozen=True):
    """``what`` was found, as a sentence, and the ``remedy``, if there is need of one."""

    level: Level
    what: str
    remedy: str = ""


def ok(what: str, remedy: str = "") -> Finding:
    return Finding(Level.OK, what, remedy)


def warning(what: str, remedy: str) -> Finding:
    return Finding(Level.WARNING, what, remedy)


def wrong(what: str, remedy: str) -> Finding:
    return Finding(Level.WRONG, what, remedy)


def size(count: int) -> str:
    """Bytes for people."""
    return f"{count / 2**30:,.1f} GiB" if count >= 2**30 else f"{count / 2**20:,.1f} MiB"
