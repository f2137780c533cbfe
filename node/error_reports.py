"""The error kernel's voice: whatever fails on this node becomes an ErrorLog for central.

Equal errors (one code) within a minute are counted, not repeated: the first goes at once, one
more with their number and messages goes at the end of the minute.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from node.outcomes import MOST_ERROR_IDS, ErrorFacts
from steward.errors import StewardError
from steward.message import MessageId
from steward.supervisor import Process, ProcessState

log = logging.getLogger(__name__)

WINDOW = 60.0
"""Seconds in which equal errors are counted before they travel."""
OWN_WINDOW = 1.0
"""The same where they are only written down."""
MOST_WAITING = 1000
MOST_LOGGED = 50
"""Lines a window about equal errors: a stranger's garbage must not fill the disk with its log."""

Deliver = Callable[[ErrorFacts], Awaitable[None]]


@dataclass
class _Repeats:
    until: float
    last: ErrorFacts | None = None
    count: int = 0
    ids: list[MessageId] = field(default_factory=list)


class ErrorReports:
    """Takes errors from anywhere; ``run`` hands them to ``deliver``, one at a time,
    again and again until it takes them."""

    def __init__(self, deliver: Deliver, *, window: float = WINDOW) -> None:
        self._deliver = deliver
        self._window = window
        self._loop = asyncio.get_running_loop()
        self._waiting: asyncio.Queue[ErrorFacts] = asyncio.Queue(MOST_WAITING)
        self._repeats: dict[str, _Repeats] = {}

    def __call__(
        self,
        code: str,
        text: str,
        hint: str = "",
        *,
        level: str = "error",
        message_id: MessageId | None = None,
    ) -> None:
        """Report once, from any thread. Never raises, never blocks."""
        facts = ErrorFacts(
            code=code,
            text=text,
            level=level,
            hint=hint,
            time=time.time(),
            message_ids=[message_id] if message_id else [],
        )
        repeats = self._repeats.get(code)
        if repeats is None or repeats.count < MOST_LOGGED:
            log.log(
                logging.getLevelNamesMapping()[level.upper()],
                "%s: %s",
                code,
                text,
                extra={"message_id": message_id} if message_id else None,
            )
        self._loop.call_soon_threadsafe(self._take, facts)

    def _take(self, facts: ErrorFacts) -> None:
        repeats = self._repeats.get(facts.code)
        if repeats is not None and time.monotonic() < repeats.until:
            repeats.last, repeats.count = facts, repeats.count + 1
            repeats.ids = [*repeats.ids, *facts.message_ids][:MOST_ERROR_IDS]
            return
        self._close(facts.code)
        self._repeats[facts.code] = _Repeats(time.monotonic() + self._window)
        self._put(facts)

    async def run(self, process: Process) -> None:
        while True:
            process.enter(ProcessState.WAITING)
            try:
                async with asyncio.timeout(self._left()):
                    facts = await self._waiting.get()
            except TimeoutError:
                self._close_due()
                continue
            process.enter(ProcessState.RUNNING)
            await self._deliver_at_last(facts)

    async def close(self) -> None:
        """Hand over what is known so far; what the store does not take now is in the log alone."""
        for code in list(self._repeats):
            self._close(code)
        while not self._waiting.empty():
            try:
                await self._deliver(self._waiting.get_nowait())
            except StewardError as error:
                log.error("an error could not be kept: %s", error)

    async def _deliver_at_last(self, facts: ErrorFacts) -> None:
        while True:
            try:
                await self._deliver(facts)
            except StewardError as error:
                log.warning("an error waits to be kept: %s", error)
                await asyncio.sleep(1.0)
            else:
                return

    def _left(self) -> float | None:
        """Seconds until the first window ends: what is counted in it wakes nobody."""
        ends = [repeats.until for repeats in self._repeats.values()]
        return max(0.0, min(ends) - time.monotonic()) if ends else None

    def _close_due(self) -> None:
        for code in [c for c, r in self._repeats.items() if time.monotonic() >= r.until]:
            self._close(code)

    def _close(self, code: str) -> None:
        repeats = self._repeats.pop(code, None)
        if repeats is None or repeats.last is None:
            return
        last = repeats.last
        if repeats.count > MOST_LOGGED:
            log.warning("%s: %d more, not all of them logged", code, repeats.count)
        self._put(
            ErrorFacts(
                code=code,
                text=last.text,
                level=last.level,
                hint=last.hint,
                time=last.time,
                message_ids=repeats.ids,
                count=repeats.count,
            )
        )

    def _put(self, facts: ErrorFacts) -> None:
        try:
            self._waiting.put_nowait(facts)
        except asyncio.QueueFull:
            log.error("too many errors wait: %s is in this log alone", facts.code)
