"""The only door to the daemon: keeps what the screens want fresh, and reconnects by itself."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any

from steward.errors import NoDaemon, StewardError
from tui import events, reading, rows
from tui.wants import Client, Connect, Note, Query, Wants

TOPICS = ["messages", "nodes", "errors", "status"]
MIN_GAP = 0.25
"""Seconds between two rounds of reading: at most four repaints a second."""
REST = 4
"""A round of reading is followed by this many times its length of rest, so that a huge roster
costs at most a fifth of a core."""
STATUS_EVERY = 1.0
AGE_EVERY = 30.0
RETRY = (0.25, 2.0)
"""Seconds until the first and between the later attempts to reach a daemon that is gone."""


class Link:
    """One daemon's client. ``tell`` gets every event, in order."""

    def __init__(self, connect: Connect, tell: Callable[[events.Heard], object]) -> None:
        self._connect = connect
        self._tell = tell
        self._client: Client | None = None
        self._wants = Wants()
        self._stale: set[str] = set()
        self._changed_nodes: set[str] = set()
        self._has_roster = False
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
        self._has_roster = False
        self._stale.update((*self._wants.topics(), *(["follow"] if self._wants.follow else [])))
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(self._keep_fresh(client), name="console-refresh")
            tasks.create_task(self._listen(client, reading), name="console-listen")

    async def _listen(self, client: Client, reading: asyncio.Task[None]) -> None:
        async for note in client.notifications():
            self._note(note)
        reading.cancel()

    def _note(self, note: Note) -> None:
        changed = note.params
        if note.method == "output":
            self._tell(events.OutputCame(rows.read(rows.Output, changed)))
            return
        self._stale.add("status")
        if changed.get("messages", []) != []:
            self._stale.update(("messages", "message", "jobs"))
            if self._wants.concerns_job(changed["messages"]):
                self._stale.add("job")
        if names := changed.get("nodes"):
            self._changed_nodes.update(names)
            self._stale.update(("nodes", "node"))
        if changed.get("errors"):
            self._stale.add("errors")
        self._wake.set()

    def want(self, wants: Wants) -> None:
        """From now on keep this fresh, and read at once what wasn't wanted before."""
        before, self._wants = self._wants, wants
        if before.follow != wants.follow:
            self._stale.add("follow")
        for topic in wants.topics():
            if getattr(before, topic) != getattr(wants, topic):
                self._stale.add(topic)
        if self._stale:
            self._wake.set()

    def refresh(self) -> None:
        """Read what is wanted again, now; of nodes the daemon tells which have changed."""
        self._stale.update({"status", *self._wants.topics()} - {"nodes"})
        self._wake.set()

    def again(self, topic: str) -> None:
        """Read one part again, if it is wanted."""
        self._stale.add(topic)
        self._wake.set()

    async def call(self, method: str, /, **params: Any) -> Any:
        """Ask the daemon once. Raises StewardError; NoDaemon while nobody answers."""
        if self._client is None:
            raise NoDaemon("no daemon answers", "the console goes on when it is back")
        try:
            return await self._client.call(method, **params)
        except OSError as error:
            raise NoDaemon(f"the daemon went away: {error}", "ask again when it is back") from error

    async def _keep_fresh(self, client: Client) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STATUS_EVERY):
                    await self._wake.wait()
            self._wake.clear()
            began = time.monotonic()
            self._age(began)
            stale, self._stale = self._stale | {"status", "health"}, set()
            for topic in (*self._wants.topics(), "status"):
                if topic in stale:
                    await self._read(client, topic)
            if "follow" in stale:
                await self._follow(client)
            await asyncio.sleep(max(MIN_GAP, REST * (time.monotonic() - began)))

    def _age(self, now: float) -> None:
        """A node's errors leave the last hour without anything happening."""
        if self._ageing and now - self._aged >= AGE_EVERY:
            self._aged = now
            self._changed_nodes |= self._ageing
            self._stale.add("nodes")

    async def _read(self, client: Client, topic: str) -> None:
        names: frozenset[str] = frozenset()
        if topic == "nodes":
            names = frozenset(self._changed_nodes if self._has_roster else ())
            self._changed_nodes.clear()
        try:
            event = await reading.READERS[topic](client, self._wants, names)
            if isinstance(event, events.NodesRead):
                self._has_roster = True
                self._ageing -= event.asked or self._ageing
                self._ageing |= {row.name for row in event.nodes if row.errors_last_hour}
            if event is not None:
                event.draws = topic == "status"  # which is read last
                self._tell(event)
        except NoDaemon:
            raise
        except StewardError as error:
            self._tell(events.Declined(topic, error.text, error.hint))
        except (KeyError, TypeError) as error:
            hint = "console and daemon are of different versions: restart both"
            self._tell(events.Declined(topic, f"the answer has no {error}", hint))

    async def _follow(self, client: Client) -> None:
        """Let the output wanted come, or stop. Best effort: the result has it all."""
        with contextlib.suppress(StewardError):
            await client.call("follow", id=self._wants.follow)

    async def more(self, topic: str, query: Query, cursor: str) -> None:
        """Read the page after ``cursor`` of messages, errors or jobs. Raises StewardError."""
        if self._client is None:
            raise NoDaemon("no daemon answers", "the console goes on when it is back")
        self._tell(await reading.PAGES[topic](self._client, query, cursor))


def _first(group: BaseExceptionGroup[Any]) -> StewardError:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, StewardError):
        return error
    return NoDaemon(f"the daemon cannot be reached: {error}", "is the state folder the right one?")
