"""Who follows the output of which command, at this node's control socket.

The broker knows of it only while somebody does, and the node that runs the command is told so
again and again: a lost word, a link that comes back and a daemon that was restarted need no more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any, Final

from node.site import NodeSite
from steward import subjects
from steward.bus import Bus
from steward.control.feed import Backlog, Feed, Piece
from steward.errors import FrameError, UnknownId
from steward.frames import Output
from steward.mailbox import Incoming
from steward.message import FINAL, Kind, MessageId, State
from steward.store import Store
from steward.subjects import NodeName
from steward.supervisor import Process, ProcessState

RENEW: Final = 10.0
"""Seconds after which the node is told again."""
RECENT: Final = 32 * 1024
"""Bytes of what came last, for whoever follows the same command a little later."""
_NEVER: Final = float("inf")


@dataclass
class Followed:
    """One message that somebody follows."""

    id: MessageId
    node: NodeName
    token: str = field(default_factory=lambda: token_hex(8))
    feeds: set[Feed] = field(default_factory=set)
    due: float = 0.0
    """When its node is told next, in seconds of the loop's clock."""
    _recent: Backlog = field(default_factory=lambda: Backlog(RECENT))
    _ends: dict[str, int] = field(default_factory=dict)

    def join(self, feed: Feed) -> None:
        if feed not in self.feeds:
            self.feeds.add(feed)
            for piece in self._recent:
                feed.offer(piece)

    def take(self, told: Output) -> None:
        """Pass on what is new of it: a daemon that was restarted tells some of it again."""
        offset = max(told.offset, self._ends.get(told.stream, 0))
        piece = Piece(told.stream, offset, told.data[offset - told.offset :])
        if piece.data:
            self._ends[piece.stream] = offset + len(piece.data)
            self._recent.add(piece)
            for feed in self.feeds:
                feed.offer(piece)


class Followers:
    """Implements ``control.feed.Live``; one process, which sleeps while nobody follows."""

    def __init__(self, site: NodeSite, store: Store, bus: Bus) -> None:
        self._site = site
        self._store = store
        self._bus = bus
        self._followed: dict[str, Followed] = {}
        """By id."""
        self._heard: dict[str, Followed] = {}
        """By the subject that is subscribed to."""
        self._wake = asyncio.Event()

    async def follow(self, feed: Feed) -> None:
        message = await self._show(feed.id)
        followed = Followed(MessageId(feed.id), NodeName(message["toNode"]))
        self._followed.setdefault(feed.id, followed).join(feed)
        self._wake.set()

    def leave(self, feed: Feed) -> None:
        followed = self._followed.get(feed.id)
        if followed is not None:
            followed.feeds.discard(feed)
            if not followed.feeds:
                del self._followed[feed.id]
                self._wake.set()

    def touched(self, ids: Collection[str]) -> None:
        """These messages changed: one of them may be running now."""
        for followed in self._followed.values():
            if followed.id in ids:
                followed.due = 0.0
                self._wake.set()

    def link_changed(self, up: bool) -> None:
        if up:
            self.touched([followed.id for followed in self._followed.values()])

    async def run(self, process: Process) -> None:
        while True:
            process.enter(ProcessState.WAITING)
            await self._woken()
            process.enter(ProcessState.RUNNING)
            for subject, followed in list(self._heard.items()):
                if not followed.feeds:
                    del self._heard[subject]
                    await self._bus.interests.drop(subject)
            for followed in list(self._followed.values()):
                subject = subjects.output(self._site.name, followed.token)
                if subject not in self._heard:
                    self._heard[subject] = followed
                    await self._bus.interests.add(subject, self._came)
                if followed.due <= self._time():
                    await self._ask(followed)

    async def _woken(self) -> None:
        """Until somebody came or left, or a node is to be told."""
        due = min((followed.due for followed in self._followed.values()), default=_NEVER)
        try:
            async with asyncio.timeout(None if due == _NEVER else max(0.0, due - self._time())):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()

    async def _ask(self, followed: Followed) -> None:
        """Tell its node that it is watched, if it may be running there. Before and after that no
        more is said until the message changes."""
        followed.due = _NEVER
        try:
            message = await self._show(followed.id)
        except UnknownId:
            return
        is_command = Kind(message["commandOrEvent"]).is_command
        # Of a NACK kind nobody hears that it has ended.
        is_over = message["confirmed"] and message["state"] in FINAL - {State.PUBLISHED}
        if is_command and not is_over and message["state"] != State.QUEUED:
            followed.due = self._time() + RENEW
            await self._site.say(followed.node, "WatchOutput", (followed.id, followed.token))

    def _came(self, arrived: Incoming) -> None:
        followed = self._heard.get(arrived.subject)
        try:
            told = self._bus.wire.open(arrived.payload, arrived.subject)
        except FrameError as error:
            self._site.not_taken(arrived, error)
            return
        if followed is None or not isinstance(told, Output):
            return
        if (told.frm, told.id) == (followed.node, followed.id):
            followed.take(told)

    async def _show(self, id: str) -> dict[str, Any]:
        return await self._store.read(lambda t: t.history.show(MessageId(id), self._site.now()))

    @staticmethod
    def _time() -> float:
        return asyncio.get_running_loop().time()
