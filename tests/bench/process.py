"""What Linux tells of a process: its memory, processor time and wake-ups, over all its threads."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

MIB = 1024 * 1024


class Use(NamedTuple):
    """Since the process started. ``cpu`` in seconds; ``wakeups``: how often one of its threads had
    waited and went on."""

    cpu: float
    wakeups: float


def memory(pid: int) -> float:
    """MiB of its pages that are in memory."""
    return _field(Path(f"/proc/{pid}/status"), "VmRSS:") / 1024


def use(pid: int) -> Use:
    """All threads together. Those that have ended count no more, so ask of a quiet process."""
    tasks = list(Path(f"/proc/{pid}/task").iterdir())
    cpu = sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)
    wakeups = sum(_field(task / "status", "voluntary_ctxt_switches:") for task in tasks)
    return Use(cpu / 1e9, wakeups)


async def idle(pid: int, seconds: float) -> Use:
    """What it uses in one second, as the mean of ``seconds``."""
    before, began = use(pid), time.monotonic()
    await asyncio.sleep(seconds)
    after, passed = use(pid), time.monotonic() - began
    return Use(
        (after.cpu - before.cpu) / passed, round((after.wakeups - before.wakeups) / passed, 1)
    )


def found(folders: Mapping[str, Path], broker: Path) -> dict[str, int]:
    """The pids of the daemons with these state folders, of their runners (``ship1's runner``), and
    of the broker whose folder that is."""
    names = {str(folder): name for name, folder in folders.items()}
    pids = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            words = (entry / "cmdline").read_bytes().decode().split("\0")
        except OSError:
            continue  # it has ended
        name = next((names[word] for word in words if word in names), None)
        if any(word.startswith(str(broker)) for word in words):
            pids["broker"] = int(entry.name)
        elif name is not None and any(word.endswith("runner.py") for word in words):
            pids[f"{name}'s runner"] = int(entry.name)
        elif name is not None and "node" in words:
            pids[name] = int(entry.name)
    return pids


def _field(path: Path, name: str) -> int:
    for line in path.read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    raise LookupError(f"{path} has no {name}")
