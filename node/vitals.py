"""What this process takes of its machine: memory, CPU time, threads."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

_STATUS = Path("/proc/self/status")


def vitals() -> dict[str, Any]:
    """Of the daemon itself, not of its commands: ``pid``, ``rssBytes``, ``cpuSeconds``,
    ``threads``; None where the system has no /proc to tell it."""
    facts = _facts()
    kib, threads = facts.get("VmRSS"), facts.get("Threads")
    return {
        "pid": os.getpid(),
        "rssBytes": None if kib is None else int(kib.split()[0]) * 1024,
        "cpuSeconds": time.process_time(),
        "threads": None if threads is None else int(threads),
    }


def _facts() -> dict[str, str]:
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError:
        return {}
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
