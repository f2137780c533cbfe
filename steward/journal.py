"""``messages.jsonl``: a line when a message is accepted, and one when its end is proved.

It is written behind the database, never before it, so a line is a fact; and it is complete: what
a crash or a full disk kept from being written is written later, each line once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from steward.append_file import AppendFile
from steward.errors import NotPossible, StewardError, StoreFull
from steward.threads import in_thread

NAME = "messages.jsonl"
GATHER = 0.2
"""Seconds in which what is accepted or ends shares one write and one commit."""
MANY = 500
"""Lines in one write from which on the next one follows at once."""
RETRY = 5.0
"""Seconds until a write that failed is tried again."""


class Pending(NamedTuple):
    """What is not in the file yet: whole lines. ``offset``: the file's, as committed last;
    ``mark`` tells the store what these lines were; None: there is nothing to commit."""

    offset: int
    data: bytes = b""
    lines: int = 0
    mark: Any = None


class JournalStore(Protocol):
    """What the journal keeps in the database."""

    async def pending(self, limit: int) -> Pending:
        """What comes next, about ``limit`` lines at most: of the accepted in their order, and of
        the final only such as are among the accepted, here or earlier."""

    async def written(self, pending: Pending, offset: int) -> None:
        """Commit, together, the new offset and that these lines are in the file."""


class Journal:
    """Writes one node's ``messages.jsonl``. ``wake`` it after each commit that may have lines."""

    def __init__(
        self,
        folder: Path,
        store: JournalStore,
        report: Callable[[StewardError], None],
        *,
        max_bytes: int = 64 << 20,
        keep: int = 4,
    ) -> None:
        self._file = AppendFile(folder / NAME, max_bytes=max_bytes, keep=keep)
        self._store = store
        self._report = report
        self._wake = asyncio.Event()
        self._failing = False

    def wake(self) -> None:
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled. Raises what the store raises, except that it is full."""
        while True:
            self._wake.clear()
            try:
                lines = await self.write()
            except (StoreFull, NotPossible, OSError) as error:
                self._failed(error)
                await asyncio.sleep(RETRY)
                continue
            self._failing = False
            if not lines:
                await self._wake.wait()
            if lines < MANY:
                await asyncio.sleep(GATHER)

    async def write(self, limit: int = 1000) -> int:
        """Write what is pending; how many lines there were."""
        pending = await self._store.pending(limit)
        offset = pending.offset
        if pending.data:
            offset = await in_thread(self._file.append, offset, pending.data)
        if pending.mark is not None:
            await self._store.written(pending, offset)
        return pending.lines

    def _failed(self, error: StewardError | OSError) -> None:
        if not self._failing:
            self._failing = True
            if not isinstance(error, StewardError):
                error = NotPossible(f"{self._file.path} cannot be written: {error}")
            self._report(error)
