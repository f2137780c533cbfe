"""A daemon that notes how often it calls each of its functions, and the processor's time in them.

Run as ``python -m tests.bench.traced node …`` in the place of ``steward``. At SIGUSR1 it writes all
that it knows by then to ``traced.json`` in its state folder. It costs time itself, most of it in
small functions: read shares, not speed.
"""

from __future__ import annotations

import cProfile
import json
import signal
import sys
import threading
import time
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from steward.cli import main

FILE = "traced.json"
_profiles: list[tuple[str, cProfile.Profile]] = []


def _profile(thread: str) -> None:
    """This thread from now on. The clock is the thread's own: waiting takes no time."""
    profile = cProfile.Profile(time.thread_time_ns, 1e-9)
    _profiles.append((thread, profile))
    profile.enable()


def _first_event(_frame: FrameType, _event: str, _arg: object) -> None:
    """Of a new thread, whose own profile takes the place of this."""
    _profile(threading.current_thread().name)


def told() -> list[tuple[str, str, int, float]]:
    """(thread, function as ``file:name``, calls, seconds), with what it calls in C."""
    lines = []
    for thread, profile in _profiles:
        for entry in profile.getstats():
            if isinstance(entry.code, CodeType) and entry.code.co_filename != __file__:
                name = f"{entry.code.co_filename}:{entry.code.co_qualname}"
                lines.append((thread, name, entry.callcount, _own(entry)))
    return lines


def _own(entry: Any) -> float:
    in_c = sum(call.inlinetime for call in entry.calls or () if isinstance(call.code, str))
    return float(entry.inlinetime + in_c)


def _write(folder: Path) -> None:
    fresh = folder / f"{FILE}.new"
    fresh.write_text(json.dumps(told()))
    fresh.replace(folder / FILE)


if __name__ == "__main__":
    state_dir = Path(sys.argv[sys.argv.index("--state-dir") + 1])
    signal.signal(signal.SIGUSR1, lambda *_: _write(state_dir))
    threading.setprofile(_first_event)
    _profile("MainThread")
    main()
