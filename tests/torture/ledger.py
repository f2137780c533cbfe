"""What the lab itself writes down, as JSON lines: offers, acts, faults, pulses, deaths."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import msgspec


def now() -> float:
    """Seconds on the one clock that all processes of this machine share, commands in sh, too."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Book:
    """The folder's files. Every line has ``t`` and ``wall``, those of its writing unless given."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def offer(self, **line: object) -> None:
        self._write("messages.jsonl", line)

    def act(self, **line: object) -> None:
        self._write("acts.jsonl", line)

    def fault(self, **line: object) -> None:
        self._write("faults.jsonl", line)

    def pulse(self, **line: object) -> None:
        self._write("pulse.jsonl", line)

    def death(self, **line: object) -> None:
        self._write("deaths.jsonl", line)

    def run(self, facts: dict[str, Any]) -> None:
        """What the run was: one object, in ``run.json``."""
        (self._folder / "run.json").write_bytes(msgspec.json.encode(facts))

    def _write(self, name: str, line: dict[str, object]) -> None:
        whole = {"t": now(), "wall": time.time(), **line}
        with (self._folder / name).open("ab") as file:
            file.write(msgspec.json.encode(whole) + b"\n")
