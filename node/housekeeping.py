"""What goes on beside the messages' way: the journal's rows, what ended badly, and what is old."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from node.error_reports import ErrorReports
from node.execution import key_of
from node.runs import RunKey, Runs
from steward.config import Retention
from steward.handoff.state import Now
from steward.journal import NAME, Pending
from steward.message import State
from steward.records_journal import IllEnd, Journal
from steward.store import Store, Tables
from steward.supervisor import Process, ProcessState

SHARE = 0.1
"""Seconds for which the journal's progress may wait for another commit to share."""
BUSY = 100
"""Lines in one go from which on more are likely to wait."""
EVERY = 60.0
"""Seconds between two looks for what is old."""

TELLING = {
    State.UNDELIVERED: "was given up: no receipt in all its attempts",
    State.UNKNOWN: "has an end that nobody can know: its node's store was lost or replaced",
    State.REFUSED: "was refused",
    State.INTERRUPTED: "was interrupted",
}
"""Ends that are an error of the system, not of the command, and what central is told of them."""


class StoreJournal:
    """``JournalStore`` on this node's store; reports each message that ended badly, once."""

    def __init__(
        self,
        store: Store,
        report: ErrorReports,
    ) -> None:
        self._store = store
        self._report = report

    async def pending(self, limit: int) -> Pending:
        return await self._store.read(lambda t: self._pending(t, limit))

    def _pending(self, tables: Tables, limit: int) -> Pending:
        offset = tables.records.append_offset(NAME)
        journal = tables.records.journal(limit)
        if journal is None:
            return Pending(offset)
        return Pending(offset, journal.data, journal.lines, journal)

    async def written(self, pending: Pending, offset: int) -> None:
        journal: Journal = pending.mark

        def written(tables: Tables) -> None:
            tables.records.journaled(journal)
            tables.records.set_append_offset(NAME, offset)

        # Nothing waits for it, unless there is more to write.
        within = SHARE if pending.lines < BUSY else 0.0
        await self._store.queue(written, within=within)
        for end in journal.ill:
            self._tell(end)

    def _tell(self, end: IllEnd) -> None:
        why = TELLING.get(end.state)
        if why is not None:
            reason = f": {end.reason}" if end.reason else ""
            text = f"message {end.id} to {end.to} {why}{reason}"
            self._report(end.state, text, f"steward messages show {end.id}", message_id=end.id)


class Housekeeping:
    """Deletes what is too old or too much, a little at a time."""

    def __init__(
        self, store: Store, runs: Runs, retention: Retention, now: Callable[[], Now]
    ) -> None:
        self._store = store
        self._runs = runs
        self._retention = retention
        self._now = now
        self._wiped = asyncio.Event()

    def wiped(self) -> None:
        """Something secret has ended: what it wrote is to go now."""
        self._wiped.set()

    async def run(self, process: Process) -> None:
        await self._strangers()
        while True:
            process.enter(ProcessState.RUNNING)
            await self._history()
            await self._outputs()
            process.enter(ProcessState.WAITING)
            until = asyncio.get_running_loop().time() + EVERY
            while await self._is_wiped(until):
                await self._outputs()

    async def _is_wiped(self, until: float) -> bool:
        """Whether something secret has ended, as soon as it has; False once it is time to look at
        everything."""
        with suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                await self._wiped.wait()
                self._wiped.clear()
                return True
        return False

    async def _history(self) -> None:
        keep = self._retention
        while await self._store.write(
            lambda t: t.outbox.prune(self._now(), keep.history_age, keep.history_messages)
        ):
            await asyncio.sleep(0.05)
        await self._store.write(lambda t: t.records.prune_errors(self._now()))

    async def _strangers(self) -> None:
        """Folders that the database doesn't know: of a store that was lost, or of a crash between
        forgetting a run and removing it. First the folders, then who knows them."""
        folders = await self._runs.folders()
        known = await self._store.read(
            lambda t: {*t.inbox.run_keys(), *(key_of(c) for c in t.inbox.started_rows())}
        )
        await self._runs.prune([key for key in folders if key not in known])

    async def _outputs(self) -> None:
        keep = self._retention
        gone = await self._store.write(
            lambda t: t.inbox.forget_runs(self._now(), keep.output_age, keep.output_bytes)
        )
        await self._runs.prune([RunKey(key) for key in gone])
