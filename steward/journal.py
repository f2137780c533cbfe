"""``messages.jsonl``: a line when a message is accepted, and one when its end is proved.

It is written behind the database, never before it, so a line is a fact; and it is complete: what
a crash or a full disk kept from being written is written later, each line once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgspec

from steward.append_file import AppendFile
from steward.errors import NotPossible, StewardError, StoreFull
from steward.message import FIELDS
from steward.threads import in_thread

NAME = "messages.jsonl"
GATHER = 0.2
"""Seconds in which what is accepted or ends shares one write and one commit."""
RETRY = 5.0
"""Seconds until a write that failed is tried again."""


class Pending(NamedTuple):
    """What is not in the file yet, as message JSON. ``offset``: the file's, as committed last;
    ``mark`` tells the store what these messages were; None: there is nothing to commit."""

    offset: int
    accepted: Sequence[Mapping[str, Any]]
    final: Sequence[Mapping[str, Any]]
    mark: Any = None


class JournalStore(Protocol):
    """What the journal keeps in the database."""

    async def pending(self, limit: int) -> Pending:
        """What comes next, at most ``limit`` messages of each: the accepted in their order, and of
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
                while await self.write():
                    pass
            except (StoreFull, NotPossible, OSError) as error:
                self._failed(error)
                await asyncio.sleep(RETRY)
                continue
            self._failing = False
            await self._wake.wait()
            await asyncio.sleep(GATHER)

    async def write(self, limit: int = 1000) -> int:
        """Write what is pending, at most ``limit`` lines of each kind; how many there were."""
        pending = await self._store.pending(limit)
        lines = [accepted_line(m) for m in pending.accepted]
        lines += [final_line(m) for m in pending.final]
        if lines:
            data = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
            offset = await in_thread(self._file.append, pending.offset, data)
            await self._store.written(pending, offset)
        elif pending.mark is not None:
            await self._store.written(pending, pending.offset)
        return len(lines)

    def _failed(self, error: StewardError | OSError) -> None:
        if not self._failing:
            self._failing = True
            if not isinstance(error, StewardError):
                error = NotPossible(f"{self._file.path} cannot be written: {error}")
            self._report(error)


def accepted_line(message: Mapping[str, Any]) -> dict[str, Any]:
    """Of message JSON: all that is needed to send it again."""
    keys = ("id", "fromNode", *(key for key in FIELDS if key != "id"), "job", "retryOf", "uid")
    line = {"event": "accepted", "time": message["times"]["accepted"]}
    return line | {key: message[key] for key in keys}


def final_line(message: Mapping[str, Any]) -> dict[str, Any]:
    """Of message JSON: its proved end, without what the command wrote."""
    result = message["result"] or {}
    keys = ("id", "toNode", "method", "state", "attempts", "reason")
    line = {"event": "final", "time": message["times"]["ended"]}
    return line | {key: message[key] for key in keys} | {"exitCode": result.get("exitCode")}


def replayable(line: Mapping[str, Any]) -> dict[str, Any] | None:
    """The fields that send the message of an accepted line again, as a new one; None for a line of
    another kind."""
    if line.get("event") != "accepted":
        return None
    return {key: value for key, value in line.items() if key in FIELDS and key != "id"}
