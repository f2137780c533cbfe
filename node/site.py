"""The node as its methods and its executor see it: who it is, whom it tells, what it can show."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from node import presence
from node.enrolment import Enrolment
from node.error_reports import ErrorReports
from node.execution import key_of
from node.methods import Event
from node.outcomes import Started, tell
from node.output import IN_CHUNK, IN_RESULT
from node.presence import Roster
from node.registrar import Registrar
from node.runs import RunKey, Runs
from node.tails import Tail, Tails
from steward import frames
from steward.bus import Bus
from steward.config import Settings
from steward.errors import BusError, FrameError, StewardError, StoreFull, UnknownId
from steward.frames import Notice
from steward.handoff.state import Now, Work
from steward.inbox import Command
from steward.mailbox import Incoming
from steward.message import Body, Kind, MessageId, is_secret, new_id
from steward.store import Store, Tables
from steward.subjects import NodeName, Subject, subject
from steward.supervisor import Supervisor

log = logging.getLogger(__name__)

BESIDES = 8192
"""Bytes that a result may have beside its output, which takes up a third more than it is."""


class NodeSite:
    """Implements ``methods.Site``, ``executor.Surroundings`` and ``publisher.Owner``."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        bus: Bus,
        runs: Runs,
        supervisor: Supervisor,
        report: ErrorReports,
    ) -> None:
        self.name = settings.node
        self.state_dir = settings.state_dir
        self.text_log_bytes = settings.retention.textlog_bytes
        self.text_log_files = settings.retention.textlog_files
        self.keeps_errors = settings.central_error_logger
        self.settings = settings
        self.started = time.monotonic()
        self.report = report
        self.wake: Callable[[Iterable[Subject]], None] = lambda lanes: None
        self.has_queued: Callable[[Subject], object] = lambda lane: None
        self.wake_soon: Callable[[Iterable[Subject]], None] = lambda lanes: None
        self.roster: Roster
        self.tails: Tails
        self.enrolment: Enrolment | None = None
        self.registrar: Registrar | None = None
        self.intake: Callable[[], tuple[bool, str]]
        self.dropped: Callable[[], int] = lambda: 0
        self.permits: Callable[[], dict[str, Any]]
        self._store = store
        self._bus = bus
        self._runs = runs
        self._supervisor = supervisor
        self._loop = asyncio.get_running_loop()

    def now(self) -> Now:
        return self._store.clock.now()

    # ---------------------------------------------------------------- methods.Site

    def processes(self) -> list[dict[str, Any]]:
        """Every supervised process, as ``steward processes`` shows it."""
        return [
            {
                "name": p.name,
                "role": p.role,
                "subject": p.subject,
                "state": p.state,
                "restarts": p.restarts,
                "queue": p.queue(),
                "lastError": p.last_error,
                "since": p.since,
            }
            for p in self._supervisor.processes()
        ]

    def start_process(self, name: str) -> None:
        self._supervisor.start(name)

    def on_hello(self, tables: Tables, event: Event) -> None:
        self.roster.heard(tables, event, self.now())

    def watch_output(self, tables: Tables, id: MessageId, frm: NodeName, token: str) -> None:
        """``frm`` watches what its command writes, if it runs. Called in the store's thread."""
        command = tables.inbox.started(id, frm)
        if command is not None and not is_secret(command.body):
            watched = Tail(frm, id, key_of(command), token)
            self._loop.call_soon_threadsafe(self.tails.watch, watched)

    async def read_output(self, id: str, frm: str, stream: str, offset: int, limit: int) -> bytes:
        """A piece of what a command of ``frm`` wrote. Raises UnknownId, NotPossible."""
        key = await self._store.read(lambda t: t.inbox.run_key(MessageId(id), NodeName(frm)))
        if key is None:
            raise UnknownId(f"no output of {id} is kept here", "it is kept for 7 days or 1 GiB")
        return await self._runs.read(RunKey(key), stream, offset, min(limit, self._room(IN_CHUNK)))

    def room_in_result(self) -> int:
        """Bytes of output that a result may hold, so that it fits the broker."""
        return self._room(IN_RESULT)

    def _room(self, most: int) -> int:
        if self._bus.max_payload is None:
            return most
        return max(0, min(most, (self._bus.max_payload - BESIDES) * 3 // 4))

    def take_groups(self, groups: Mapping[str, tuple[str, ...]]) -> None:
        """The settings were read again: of them, groups are looked at here."""
        self.settings = msgspec.structs.replace(self.settings, groups=groups)

    @property
    def standing(self) -> str:
        """Why this node does not belong yet, or no longer; empty: it does, or there are no keys."""
        return self.enrolment.standing if self.enrolment is not None else ""

    # ---------------------------------------------------------------- telling others

    async def tell_running(self, command: Command, started: float) -> None:
        facts = Started(about=command.id, started=started)
        await self.say(command.frm, "Running", tell(facts))

    async def say_hello(self, to_all: bool, more: Collection[NodeName], goodbye: bool) -> None:
        """To central and ``more``, or to every peer that this node shares a stream with."""
        facts, peers = await self._store.read(
            lambda t: (
                presence.facts(t, self.settings, self._store.start, self.started, self.now(),
                               goodbye=goodbye),
                t.records.peers(),
            )
        )  # fmt: skip
        names = (self.settings.central, *more, *(peers if to_all else ()))
        for name in dict.fromkeys(names):
            await self.say(name, "SayHello", tell(facts))

    async def say(self, to: NodeName, method: str, data: Sequence[str]) -> None:
        """Publish a fact once, unstored: whoever misses it hears the next one."""
        now = self.now()
        letter = Notice(
            frm=self.name,
            store=self._store.store_id,
            start=self._store.start,
            to=to,
            subject=subject(to, Kind.EVENT_NACK, method),
            clock=now.wall,
            steady=now.steady,
            id=new_id(),
            body=frames.raw(msgspec.json.encode(Body(data=tuple(data)))),
        )
        try:
            await self._bus.publish(letter.subject, self._bus.wire.seal(letter, letter.subject, to))
        except BusError as error:
            log.warning("a %s could not be sent: %s", method, error)

    # ---------------------------------------------------------------- what goes wrong

    def undelivered(self, work: Work) -> None:
        for id in work.gave_up:
            text = f"message {id} got no receipt in all its attempts; it may have arrived"
            self.report("undelivered", text, f"steward messages show {id}", message_id=id)

    def store_full(self, error: StoreFull) -> None:
        self.report("store_full", error.text, error.hint)

    def unsendable(self, subject: str, error: BusError) -> None:
        self.report("unsendable", f"on {subject}: {error.text}", error.hint)

    def not_taken(self, arrived: Incoming, error: FrameError) -> None:
        text = f"what came on {arrived.subject} ({len(arrived.payload):,} bytes): {error.text}"
        self.report(error.code, text, error.hint, level="warning")

    def not_accepted(self, error: StewardError) -> None:
        self.report(error.code, error.text, error.hint, level="warning")
