"""Scenes of the files beside the database: appended to, taken in, left by commands."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from node import claimed_file, intake, spawn
from node.file_intake import FileIntake
from steward.append_file import AppendFile
from steward.config import load
from steward.errors import StewardError
from steward.store import Store
from tests.power.children import Tell
from tests.power.scenes import opened
from tests.power.steps import Steps, never_sync

LINES = 12
TURN = 40
"""Bytes after which the appended file is rotated: every fourth line."""
LOG = "log"


def line(n: int) -> bytes:
    return b"line %05d\n" % n


def append(tell: Tell, disk: Path, folder: Path, at: int, names_first: bool, syncs: bool) -> None:
    """Lines behind the committed offset; each is told once the next offset is committed."""
    if not syncs:
        never_sync()
    steps = Steps(disk, at, names_first)
    asyncio.run(_append(tell, folder, steps))


async def _append(tell: Tell, folder: Path, steps: Steps) -> None:
    store = await opened(folder)
    file = AppendFile(folder / LOG, max_bytes=TURN, keep=LINES)
    steps.count()
    for n in range(LINES):
        offset = await store.read(lambda t: t.records.append_offset(LOG))
        after = file.append(offset, line(n))
        await store.write(lambda t, o=after: t.records.set_append_offset(LOG, o))  # type: ignore[misc]
        tell(n)
    await store.close()


def take_in(tell: Tell, disk: Path, folder: Path, at: int, names_first: bool) -> None:
    """``inmsg.txt`` of the folder, until nothing is left of it."""
    asyncio.run(taken_in(folder, Steps(disk, at, names_first)))


async def taken_in(folder: Path, steps: Steps | None = None) -> None:
    claimed_file.LATE_WRITERS = 0.0
    intake.BATCH = 2  # more than one commit
    store = await opened(folder)
    try:
        if steps is not None:
            steps.count()
        await _taken_in(folder, store)
    finally:
        await store.close()


async def _taken_in(folder: Path, store: Store) -> None:
    settings = load({"node": "central", "state_dir": str(folder)})
    intake_store = FileIntake(settings, store, store.clock.now, lambda _: None)
    reports: list[StewardError] = []
    looking = intake.Intake(folder, intake_store, intake_store.check, reports.append)
    try:
        while not (claimed_file.is_empty(folder) and not claimed_file.claimed(folder)):
            assert await looking.look() < 60
            assert looking.status.open, looking.status
        await looking.look()
    finally:
        looking.close()


def leave_exit(tell: Tell, disk: Path, folder: Path, at: int, names_first: bool) -> None:
    """A command's claim, output and synced exit record, as the runner leaves them where no daemon
    hears of it."""
    runs = os.open(folder, os.O_RDONLY)
    Steps(disk, at, names_first).count()
    run = spawn.claim("key", runs)
    for name in spawn.STREAMS:
        file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600, dir_fd=run)
        os.write(file, name.encode())
        os.close(file)
    tell("claimed")
    spawn.write_exit("key", runs, {"exitCode": 3, "started": 1, "ended": 2}, spawn.STREAMS)
    tell("ended")
