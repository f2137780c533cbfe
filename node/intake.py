"""Messages from ``inmsg.txt`` into the outbox: none lost, none twice, wherever a crash falls.

A look is a ``stat`` twice a second. What is found is claimed, parsed element by element, and
committed in batches: messages and how far the claimed file is handled, together. So a repetition
after a crash begins where the last commit ended, and messages without an id get the same ones
again. What cannot be taken is written to ``rejected/`` behind the size committed before.
Files are handled in the order in which they were claimed. A full queue or disk makes them wait.
"""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec

from node import claimed_file
from node.claimed_file import Claim, Reader, Rules, Unsafe
from node.intake_parser import Element, Garbage, Position
from node.intake_reading import Item, Progress, Reading
from node.rejected import Reject, write_rejects
from steward.errors import InvalidMessage, NotPossible, QueueFull, StewardError, StoreFull
from steward.message import Message, Operator
from steward.operators import operator
from steward.threads import in_thread

POLL = 0.5
"""Seconds between looks."""
WRITER_POLL = 0.05
"""Seconds between looks while somebody is writing to a claimed file."""
EARLY = 5.0
"""Seconds after which a file that somebody keeps open is read up to its last whole document."""
BATCH = 256
"""Elements in one commit, at most."""

_OURS = Rules()

Check = Callable[[object, str | None, Operator], Message]
"""(decoded element, job, whose file it is) → message. Raises InvalidMessage."""


class IntakeStore(Protocol):
    """What the intake keeps in the database. ``progress`` is opaque text."""

    async def claims(self) -> Mapping[str, str]:
        """Claim name → the progress committed last."""

    async def take(
        self, claim: str, progress: str, messages: Sequence[Message]
    ) -> Mapping[int, StewardError]:
        """Commit progress and messages together and return {}; a message that is there already
        with the same id and content counts as taken. If some can never be taken (an id used for
        something else), commit nothing and return why, by index. Raises QueueFull or StoreFull,
        nothing committed, for what can be taken later."""

    async def forget(self, claim: str) -> None:
        """The claimed file is gone: drop its progress."""


class Status(NamedTuple):
    """Whether messages are taken from the file, and if not, or not all, why."""

    open: bool = True
    reason: str = ""


class Intake:
    """Watches one state folder. ``report`` is given what an operator should know of."""

    def __init__(
        self,
        folder: Path,
        store: IntakeStore,
        check: Check,
        report: Callable[[StewardError], None],
        rules: Rules = _OURS,
    ) -> None:
        self._folder = folder
        self._rules = rules
        self._store = store
        self._check = check
        self._report = report
        self._claims: list[Claim] = []
        self._readings: dict[str, Reading] = {}
        self._last_stamp = 0
        self._recovered = False
        self._batch = BATCH
        self._status = Status()

    @property
    def status(self) -> Status:
        return self._status

    async def run(self) -> None:
        """Until cancelled. Raises what the store raises, except that it is full."""
        try:
            while True:
                delay = await self.look()
                await asyncio.sleep(delay)
        finally:
            self.close()

    def close(self) -> None:
        """Close all files; the next look begins with what the store knows."""
        self._recovered = False
        while self._readings:
            self._readings.popitem()[1].reader.close()

    async def look(self) -> float:
        """Handle what is there; the seconds until it is worth looking again."""
        try:
            if not self._recovered:
                await self._recover()
            for claim in list(self._claims):
                if not await self._advance(claim):
                    return WRITER_POLL
            path = None
            if not claimed_file.is_empty(self._folder):
                path = await in_thread(
                    claimed_file.take, self._folder, self._last_stamp, self._rules
                )
        except (NotPossible, QueueFull, StoreFull, OSError) as error:
            if isinstance(error, OSError):
                self.close()  # a file may have been claimed in spite of it: it is found again
            self._wait_because(error)
            return POLL
        held = next((claim.name for claim in self._claims if claim.held_since is not None), None)
        self._status = Status(True, f"somebody keeps {held} open for writing" if held else "")
        if path is None:
            return POLL
        self._add(path, Progress())
        return 0.0

    def _wait_because(self, error: StewardError | OSError) -> None:
        if not isinstance(error, StewardError):
            error = NotPossible(f"{claimed_file.NAME} cannot be taken: {error}")
        status = Status(False, str(error))
        if status != self._status:
            self._status = status
            self._report(error)

    async def _recover(self) -> None:
        known = await self._store.claims()
        paths = claimed_file.claimed(self._folder)
        for gone in known.keys() - {path.name for path in paths}:
            await self._store.forget(gone)
        self._claims.clear()
        for path in paths:
            text = known.get(path.name)
            self._add(path, msgspec.json.decode(text, type=Progress) if text else Progress())
        await in_thread(claimed_file.replace, self._folder, self._rules)
        self._recovered = True

    def _add(self, path: Path, progress: Progress) -> None:
        at = Position(progress.offset, progress.element, progress.line)
        self._claims.append(Claim(path, at, progress.rejected))
        self._last_stamp = max(self._last_stamp, claimed_file.stamp(path))

    async def _advance(self, claim: Claim) -> bool:
        """Take what can be taken from the file; False if what is behind it has to wait."""
        try:
            reading = self._readings.get(claim.name) or Reading(claim, self._rules)
        except Unsafe as error:
            await self._refuse(claim, error)
            return True
        except FileNotFoundError:
            text = f"somebody has removed {claim.path}"
            self._report(NotPossible(text, "leave claimed files to Steward"))
            await self._done(claim)
            return True
        self._readings[claim.name] = reading
        try:
            settled = await self._take_all(claim, reading)
        except (QueueFull, StoreFull):
            raise  # what was parsed stays: a large file is not parsed again for every try
        except BaseException:
            self._close(claim)
            raise
        self._close(claim)
        return settled

    async def _refuse(self, claim: Claim, why: Unsafe) -> None:
        """It is out of the way, for somebody to look at; what is behind it goes on."""
        kept = await in_thread(claimed_file.set_aside, claim.path)
        text = f"{claimed_file.NAME} was not taken: {why.text}"
        self._report(NotPossible(text, f"{why.hint}; it is kept as {kept}"))
        await self._done(claim)

    async def _take_all(self, claim: Claim, reading: Reading) -> bool:
        """Commit batch after batch up to the end, and remove the file if that was all."""
        reader = reading.reader
        if reader.closed:
            claim.held_since = None
        elif claim.held() < EARLY:
            return False
        while await in_thread(reading.fill, BATCH):
            # What a writer has left half-written only seems to be garbage while it is writing.
            if reader.closed and not reader.still_closed():
                return False
            batch = reading.parsed[: self._batch]
            await self._commit(claim, reader, batch)
            del reading.parsed[: len(batch)]
        if reader.closed:
            claim.read_to = reading.size
            if await in_thread(reader.remove):
                await self._done(claim)
        return True

    async def _commit(self, claim: Claim, reader: Reader, batch: Sequence[Item]) -> None:
        """Messages, rejects and progress. Raises QueueFull or StoreFull: nothing has happened."""
        owner = await operator(reader.owner)
        messages: dict[int, Message] = {}
        rejects: dict[int, Reject] = {}
        for n, item in enumerate(batch):
            if isinstance(item, Garbage):
                rejects[n] = Reject(item.start, item.end, item.line, item.reason)
                continue
            try:
                messages[n] = self._message(claim, item, owner)
            except InvalidMessage as error:
                rejects[n] = _reject(item, error)
        after = batch[-1].after
        path = self._folder / "rejected" / f"{claim.name}.jsonl"
        while True:
            ordered = [rejects[n] for n in sorted(rejects)]
            rejected = await in_thread(write_rejects, path, claim.rejected, reader.read, ordered)
            progress = msgspec.json.encode(Progress(*after, rejected)).decode()
            numbers = list(messages)
            try:
                refused = await self._store.take(claim.name, progress, list(messages.values()))
            except (QueueFull, StoreFull):
                # Fewer may fit; one message alone shows that nothing does.
                self._batch = max(1, len(batch) // 2)
                raise
            if not refused:
                break
            for index, refusal in refused.items():
                rejects[numbers[index]] = _reject(batch[numbers[index]], refusal)
                del messages[numbers[index]]
        claim.at, claim.rejected = after, rejected
        self._batch = min(BATCH, 2 * self._batch)
        if ordered:
            first, more = ordered[0], f" ({len(ordered)} in all)" if len(ordered) > 1 else ""
            text = f"{claimed_file.NAME} line {first.line} rejected: {first.reason}{more}"
            self._report(InvalidMessage(text, f"see {path}"))

    def _message(self, claim: Claim, element: Element, owner: Operator) -> Message:
        job = None if element.count == 1 else derived_id(claim.path, element.document, -1)
        value = element.value
        if isinstance(value, dict) and value.get("id") is None:
            value = {**value, "id": derived_id(claim.path, element.document, element.index)}
        return self._check(value, job, owner)

    async def _done(self, claim: Claim) -> None:
        await self._store.forget(claim.name)
        self._claims.remove(claim)

    def _close(self, claim: Claim) -> None:
        if reading := self._readings.pop(claim.name, None):
            reading.reader.close()


def derived_id(claim: Path, document: int, element: int) -> str:
    """The same id for the same place in the same claimed file: a UUIDv7 of the time of the claim
    whose random part is a hash. ``element`` -1: the id of the whole document, as a job."""
    place = f"{claim.name}:{document}:{element}".encode()
    tail = int.from_bytes(hashlib.blake2b(place, digest_size=10).digest(), "big")
    value = claimed_file.stamp(claim) << 80 | 0x7 << 76 | (tail >> 68) << 64
    return str(uuid.UUID(int=value | 0b10 << 62 | tail & (1 << 62) - 1))


def _reject(item: Item, error: StewardError) -> Reject:
    value = item.value if isinstance(item, Element) else None
    secret = isinstance(value, dict) and value.get("secret", False) is not False
    return Reject(item.start, item.end, item.line, error.text, error.hint, secret)
