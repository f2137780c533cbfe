"""What a process holds at a moment: memory, descriptors, threads; a daemon also tasks and files."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from pathlib import Path

import msgspec

MIB = 1024 * 1024
PATIENCE = 2.0


class Sample(msgspec.Struct, frozen=True, omit_defaults=True):
    """``t`` on the clock of CLOCK_MONOTONIC. MiB: ``rss`` all of its pages, ``pss`` those that it
    shares counted in part, ``uss`` its own alone; ``wal`` and ``store``: its database's files.
    None: not known."""

    t: float
    process: str
    pid: int
    rss: float
    pss: float
    uss: float
    fds: int
    threads: int
    tasks: float | None = None
    wal: float | None = None
    store: float | None = None


async def look(t: float, process: str, pid: int, folder: Path | None, port: int) -> Sample | None:
    """None: it has ended. ``folder`` and ``port``: a daemon's state folder, and the port of its
    metrics; None and 0 for others."""
    try:
        memory = _numbers(Path(f"/proc/{pid}/smaps_rollup"))
        threads = _numbers(Path(f"/proc/{pid}/status"))["Threads:"]
        fds = len(os.listdir(f"/proc/{pid}/fd"))
    except (OSError, KeyError):
        return None
    own = memory["Private_Clean:"] + memory["Private_Dirty:"]
    return Sample(
        t=t, process=process, pid=pid, fds=fds, threads=threads,
        rss=memory["Rss:"] / 1024, pss=memory["Pss:"] / 1024, uss=own / 1024,
        tasks=await _tasks(port) if port else None,
        wal=_size(folder, "steward.db-wal"), store=_size(folder, "steward.db"),
    )  # fmt: skip


def _numbers(path: Path) -> dict[str, int]:
    rows = (line.split() for line in path.read_text().splitlines())
    return {row[0]: int(row[1]) for row in rows if len(row) > 1 and row[1].isdecimal()}


def _size(folder: Path | None, name: str) -> float | None:
    if folder is None:
        return None
    with suppress(FileNotFoundError):
        return (folder / name).stat().st_size / MIB
    return None


async def _tasks(port: int) -> float | None:
    """As the daemon's metrics tell it, if they do; None also while it is stopped."""
    with suppress(OSError, TimeoutError, ValueError):
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(b"GET /metrics HTTP/1.0\r\n\r\n")
                text = (await reader.read()).decode()
            finally:
                writer.close()
        for line in text.splitlines():
            name, _, value = line.partition(" ")
            if name == "steward_tasks":
                return float(value)
    return None
