"""The only door to the daemon: keeps what the screens want fresh, and reconnects by itself."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import islice
from typing import Any

from steward.errors import NoDaemon, StewardError
from tui import events, reading, rows
from tui.pace import MESSAGES, Pace
from tui.wants import Client, Connect, Note, Query, Wants

TOPICS = ["messages", "nodes", "errors", "status"]
STATUS_EVERY = 1.0
AGE_EVERY = 30.0
NODES = 500
"""Nodes that are read at a time when they have changed."""
RETRY = (0.25, 2.0)
"""Seconds until the first and between the later attempts to reach a daemon that is gone."""


class Link:
    """One daemon's client. ``tell`` gets every event, in order."""

    def __init__(self, connect: Connect, tell: Callable[[events.Heard], object]) -> None:
        self._connect = connect
        self._tell = tell
        self._client: Client | None = None
        self._wants = Wants()
        self._pace = Pace()
        self._follows = False
        self._decides = False
        self._changed_nodes: set[str] = set()
        self._roster: str | None = ""
        self._asking = 0
        self._ageing: set[str] = set()
        self._aged = time.monotonic()
        self._wake = asyncio.Event()

    async def run(self) -> None:
        """Stay connected until cancelled."""
        pause = RETRY[0]
        while True:
            lost: StewardError
            try:
                async with self._connect() as client:
                    await self._serve(client)
                lost = NoDaemon("the daemon closed the connection", "it comes back by itself")
            except* (StewardError, OSError, EOFError) as group:
                lost = _first(group)
            if self._client is not None:
                self._client, pause = None, RETRY[0]
            self._tell(events.Lost(time.time(), lost.text, lost.hint))
            await asyncio.sleep(pause)
            pause = RETRY[1]

    async def _serve(self, client: Client) -> None:
        status = rows.read(rows.Status, await client.call("status"))
        await client.call("watch", topics=TOPICS)
        self._client = client
        self._tell(events.Connected())
        self._tell(events.StatusRead(status))
        self._roster = ""
        self._follows = self._wants.follow is None
        self._decides = status.decides
        self._pace.anew(*self._wants.topics(), reading.PENDING)
        async with asyncio.TaskGroup() as tasks:
            fresh = tasks.create_task(self._keep_fresh(client), name="console-refresh")
            tasks.create_task(self._listen(client, fresh), name="console-listen")

    async def _listen(self, client: Client, fresh: asyncio.Task[None]) -> None:
        async for note in client.notifications():
            self._note(note)
        fresh.cancel()

    def _note(self, note: Note) -> None:
        changed = note.params
        if note.method == "output":
            self._tell(events.OutputCame(rows.read(rows.Output, changed)))
            return
        if changed.get("status"):
            self._pace.again("status")
        ids = changed.get("messages", [])
        if ids != []:
            self._note_messages(ids)
        if names := changed.get("nodes"):
            self._changed_nodes.update(names)
            self._pace.again("nodes")
            if self._wants.pending:
                self._pace.again(reading.PENDING)
            else:
                self._pace.beside(reading.PENDING)
            if self._wants.node in names:
                self._pace.again("node")
        if changed.get("errors"):
            self._pace.again("errors")
        self._wake.set()

    def _note_messages(self, ids: Collection[str] | None) -> None:
        if self._wants.messages is not None:
            self._pace.messages(ids)
        if ids is None or self._wants.message in ids:
            self._pace.itself("message")
        else:
            self._pace.beside("message")
        self._pace.again("jobs")
        if self._wants.concerns_job(ids):
            self._pace.again("job")

    def want(self, wants: Wants) -> None:
        """From now on keep this fresh, and read at once what wasn't wanted before."""
        before, self._wants = self._wants, wants
        if before.follow != wants.follow:
            self._follows = False
        for part in wants.topics():
            if getattr(before, part) != getattr(wants, part):
                self._pace.anew(part)
        self._wake.set()

    def refresh(self) -> None:
        """Read what is wanted again, now; of nodes the daemon tells which have changed."""
        self._pace.anew(*({"status", *self._wants.topics()} - {"nodes"}))
        self._wake.set()

    def again(self, part: str) -> None:
        """Read one part again, if it is wanted."""
        self._pace.again(part)
        self._wake.set()

    async def call(self, method: str, /, **params: Any) -> Any:
        """Ask the daemon once. Raises StewardError; NoDaemon while nobody answers."""
        if self._client is None:
            raise NoDaemon("no daemon answers", "the console goes on when it is back")
        try:
            with self._awaiting():
                return await self._client.call(method, **params)
        except OSError as error:
            raise NoDaemon(f"the daemon went away: {error}", "ask again when it is back") from error

    @property
    def busy(self) -> bool:
        """Whether somebody waits for an answer; what is read again by itself doesn't count."""
        return self._asking > 0 or self._pace.is_urgent((*self._parts(), *self._always()))

    @contextlib.contextmanager
    def _awaiting(self) -> Iterator[None]:
        self._asking += 1
        try:
            yield
        finally:
            self._asking -= 1

    async def _keep_fresh(self, client: Client) -> None:
        tick = 0.0
        while True:
            now = time.monotonic()
            self._age(now)
            if now >= tick:
                tick = now + STATUS_EVERY
                self._pace.again("status", "health")
            wanted = (*self._parts(), *self._always())
            if not self._follows:
                await self._follow(client)
            elif ready := self._pace.ready(wanted, now):
                await self._round(client, ready)
            else:
                self._wake.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(min(self._pace.wait(wanted, now), tick - now)):
                        await self._wake.wait()

    def _parts(self) -> list[str]:
        """What this screen alone shows is read before what all of them show."""
        return [part for part in self._wants.topics() if part not in ("nodes", reading.PENDING)]

    def _always(self) -> tuple[str, ...]:
        """What all of them show. Only where it is decided who belongs does anybody wait for it."""
        return ("nodes", "status", *((reading.PENDING,) if self._decides else ()))

    def _age(self, now: float) -> None:
        """A node's errors leave the last hour without anything happening."""
        if self._ageing and now - self._aged >= AGE_EVERY:
            self._aged = now
            self._changed_nodes |= self._ageing
            self._pace.again("nodes")

    async def _round(self, client: Client, parts: Sequence[str]) -> None:
        """Read these, as far as they are still wanted; what came is drawn together."""
        last: events.Heard | None = None
        try:
            for part in parts:
                if part in self._always() or part in self._wants.topics():
                    event = await self._read(client, part)
                    if last is not None and event is not None:
                        event.urgent |= last.urgent
                        last.draws = False
                        self._tell(last)
                    last = event or last
        finally:
            if last is not None:
                self._tell(last)

    async def _read(self, client: Client, part: str) -> events.Heard | None:
        began, rests = time.monotonic(), True
        urgent = self._pace.take(part)
        self._asking += urgent
        event: events.Heard | None
        try:
            if part == "nodes":
                event = await self._read_nodes(client)
            else:
                changed = self._pace.changed(began) if part == MESSAGES else None
                if part == MESSAGES and changed is None:
                    self._pace.again("sight")
                event = await reading.READERS[part](client, self._wants, changed)
            rests = part != "nodes" or self._roster is None
            if event is not None:
                event.urgent = urgent
            return event
        except NoDaemon:
            raise
        except StewardError as error:
            return events.Declined(part, error.text, error.hint)
        except (KeyError, TypeError) as error:
            hint = "console and daemon are of different versions: restart both"
            return events.Declined(part, f"the answer has no {error}", hint)
        finally:
            self._asking -= urgent
            self._pace.done(part, began, time.monotonic(), rests=rests)

    async def _read_nodes(self, client: Client) -> events.Heard:
        """A page of the roster until it is whole; then what changes in it."""
        if self._roster is not None:
            event = await reading.roster_page(client, self._roster)
            self._roster = event.upto
        else:
            names = frozenset(islice(self._changed_nodes, NODES))
            self._changed_nodes -= names
            event = await reading.nodes_of(client, names)
        if self._roster is not None or self._changed_nodes:
            self._pace.again("nodes")
        self._ageing -= event.asked or {row.name for row in event.nodes}
        self._ageing |= {row.name for row in event.nodes if row.errors_last_hour}
        return event

    async def _follow(self, client: Client) -> None:
        """Let the output wanted come, or stop. Best effort: the result has it all."""
        self._follows = True
        with contextlib.suppress(StewardError):
            await client.call("follow", id=self._wants.follow)

    async def more(self, topic: str, query: Query, cursor: str) -> None:
        """Read the page after ``cursor`` of messages, errors or jobs. Raises StewardError."""
        if self._client is None:
            raise NoDaemon("no daemon answers", "the console goes on when it is back")
        with self._awaiting():
            self._tell(await reading.PAGES[topic](self._client, query, cursor))


def _first(group: BaseExceptionGroup[Any]) -> StewardError:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, StewardError):
        return error
    return NoDaemon(f"the daemon cannot be reached: {error}", "is the state folder the right one?")
