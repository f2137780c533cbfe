"""The only door to the daemon: keeps what the screens want fresh, and reconnects by itself."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from steward.errors import NoDaemon, StewardError, UnknownId
from tui import events, rows

TOPICS = ["messages", "nodes", "errors", "status"]
PAGE = 200
MIN_GAP = 0.25
"""Seconds between two rounds of reading: at most four repaints a second."""
REST = 4
"""A round of reading is followed by this many times its length of rest, so that a huge roster
costs at most a fifth of a core."""
STATUS_EVERY = 1.0
FEW = 20
"""Up to this many changed nodes or messages are read one by one, more by page."""
RETRY = (0.25, 2.0)
"""Seconds until the first and between the later attempts to reach a daemon that is gone."""


class Note(Protocol):
    """What a daemon says unasked."""

    @property
    def params(self) -> dict[str, Any]: ...


class Client(Protocol):
    """A conversation with one daemon (``steward.control.client.ControlClient``)."""

    async def call(self, method: str, /, **params: Any) -> Any:
        """The answer. Raises the StewardError that the daemon named; NoDaemon if it is gone."""
        ...

    def notifications(self) -> AsyncIterator[Note]:
        """What the daemon tells after ``watch``; ends or raises NoDaemon when it is gone."""
        ...


Connect = Callable[[], AbstractAsyncContextManager[Client]]


@dataclass(frozen=True)
class Query:
    """Which messages or errors: parameters of the call, in a form that can be compared."""

    params: tuple[tuple[str, Any], ...] = ()

    @classmethod
    def of(cls, **params: Any) -> Query:
        """A query of those parameters that are set; lists become tuples."""
        kept = {k: tuple(v) if isinstance(v, list) else v for k, v in params.items() if v}
        return cls(tuple(sorted(kept.items())))

    def call(self) -> dict[str, Any]:
        """The parameters as the socket takes them."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in self.params}


@dataclass(frozen=True)
class Wants:
    """What the screen in front shows; nothing else is read."""

    nodes: bool = False
    node: str | None = None
    messages: Query | None = None
    message: str | None = None
    errors: Query | None = None

    def topics(self) -> Iterator[str]:
        """The names of the parts that are wanted."""
        for name in ("nodes", "node", "messages", "message", "errors"):
            if getattr(self, name) not in (None, False):
                yield name


class Link:
    """One daemon's client. ``tell`` gets every event, in order."""

    def __init__(self, connect: Connect, tell: Callable[[events.Heard], object]) -> None:
        self._connect = connect
        self._tell = tell
        self._client: Client | None = None
        self._wants = Wants()
        self._stale: set[str] = set()
        self._changed_nodes: set[str] = set()
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
        self._stale.update(self._wants.topics())
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(self._keep_fresh(client), name="console-refresh")
            tasks.create_task(self._listen(client, reading), name="console-listen")

    async def _listen(self, client: Client, reading: asyncio.Task[None]) -> None:
        async for note in client.notifications():
            self._note(note.params)
        reading.cancel()

    def _note(self, changed: dict[str, Any]) -> None:
        self._stale.add("status")
        if changed.get("messages", []) != []:
            self._stale.update(("messages", "message"))
        if names := changed.get("nodes"):
            self._changed_nodes.update(names)
            self._stale.update(("nodes", "node"))
        if changed.get("errors"):
            self._stale.add("errors")
        self._wake.set()

    def want(self, wants: Wants) -> None:
        """From now on keep this fresh, and read at once what wasn't wanted before."""
        before, self._wants = self._wants, wants
        for topic in wants.topics():
            if getattr(before, topic) != getattr(wants, topic):
                self._stale.add(topic)
                if topic == "nodes":
                    self._changed_nodes.clear()
        if self._stale:
            self._wake.set()

    def refresh(self) -> None:
        """Read everything that is wanted again, now."""
        self._changed_nodes.clear()
        self._stale.update(("status", *self._wants.topics()))
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
            stale, self._stale = self._stale | {"status"}, set()
            for topic in ("status", *self._wants.topics()):
                if topic in stale:
                    await self._read(client, topic)
            await asyncio.sleep(max(MIN_GAP, REST * (time.monotonic() - began)))

    async def _read(self, client: Client, topic: str) -> None:
        try:
            await getattr(self, "_read_" + topic)(client, self._wants)
        except NoDaemon:
            raise
        except StewardError as error:
            self._tell(events.Declined(topic, error.text, error.hint))
        except (KeyError, TypeError) as error:
            hint = "console and daemon are of different versions: restart both"
            self._tell(events.Declined(topic, f"the answer has no {error}", hint))

    async def _read_status(self, client: Client, wants: Wants) -> None:
        self._tell(events.StatusRead(rows.read(rows.Status, await client.call("status"))))

    async def _read_nodes(self, client: Client, wants: Wants) -> None:
        names, self._changed_nodes = self._changed_nodes, set()
        found: list[Any] = []
        if complete := not 0 < len(names) <= FEW:
            found = (await client.call("nodes"))["nodes"]
        else:
            try:
                found = [await client.call("node", name=name) for name in sorted(names)]
            except UnknownId:  # one of them was forgotten
                complete, found = True, (await client.call("nodes"))["nodes"]
        nodes = tuple(rows.read(rows.NodeRow, one) for one in found)
        self._tell(events.NodesRead(nodes, complete=complete))

    async def _read_node(self, client: Client, wants: Wants) -> None:
        try:
            node = await client.call("node", name=wants.node)
        except UnknownId:
            return  # forgotten: the roster says so
        last = await client.call("messages", node=[wants.node], limit=12)
        processes = node.get("processes")
        self._tell(
            events.NodeOpened(
                rows.read(rows.NodeRow, node),
                tuple(processes) if isinstance(processes, list) else None,
                tuple(rows.read(rows.MessageRow, one) for one in last["messages"]),
            )
        )

    async def _read_message(self, client: Client, wants: Wants) -> None:
        answer = await client.call("message", id=wants.message)
        self._tell(events.MessageRead(rows.read(rows.MessageRow, answer)))

    async def _read_messages(self, client: Client, wants: Wants) -> None:
        if wants.messages is not None:
            await self.more_messages(wants.messages, None)

    async def _read_errors(self, client: Client, wants: Wants) -> None:
        if wants.errors is not None:
            await self.more_errors(wants.errors, None)

    async def more_messages(self, query: Query, cursor: str | None) -> None:
        """Read the page after ``cursor`` (None: the first)."""
        answer = await self._page("messages", query, cursor)
        found = tuple(rows.read(rows.MessageRow, one) for one in answer["messages"])
        after, total = answer.get("cursor"), answer.get("total", len(found))
        first = cursor is None
        self._tell(events.MessagesRead(query, found, cursor=after, total=total, first=first))

    async def more_errors(self, query: Query, cursor: str | None) -> None:
        """Read the page after ``cursor`` (None: the first)."""
        answer = await self._page("errors", query, cursor)
        found = tuple(rows.read(rows.ErrorRow, one) for one in answer["errors"])
        after = answer.get("cursor")
        self._tell(events.ErrorsRead(query, found, cursor=after, first=cursor is None))

    async def _page(self, method: str, query: Query, cursor: str | None) -> Any:
        if self._client is None:
            raise NoDaemon("no daemon answers", "the console goes on when it is back")
        params = query.call() | ({"cursor": cursor} if cursor else {})
        return await self._client.call(method, limit=PAGE, **params)


def _first(group: BaseExceptionGroup[Any]) -> StewardError:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, StewardError):
        return error
    return NoDaemon(f"the daemon cannot be reached: {error}", "is the state folder the right one?")
