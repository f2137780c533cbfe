"""``python -m tests.torture.clocks FILE node …``: a daemon whose clock is wrong by what FILE says.

FILE holds seconds, to be added to the machine's time; it is read again whenever it has changed.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from steward.cli import main
from steward.tables import Clock


class Shift:
    """The seconds in a file; 0 while there is none."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_at = 0
        self._seconds = 0.0

    def __call__(self) -> float:
        try:
            changed_at = self._path.stat().st_mtime_ns
            if changed_at != self._read_at:
                self._seconds = float(self._path.read_text() or 0)
                self._read_at = changed_at
        except FileNotFoundError:
            self._seconds = 0.0
        return self._seconds


def shift_clock(path: Path) -> None:
    """All stores of this process take the machine's time plus what the file says."""
    shift = Shift(path)

    def wall(_: Clock) -> float:
        return time.time() + shift()

    setattr(Clock, "wall", wall)  # noqa: B010 - for mypy a method is no variable


if __name__ == "__main__":
    shift_clock(Path(sys.argv[1]))
    main(sys.argv[2:])
