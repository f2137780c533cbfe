"""The output of commands that run, told to whoever asked for them, while they watch it.

Best effort: nothing of it is stored, whatever the link or the reader cannot take is left out, and
the result stays the truth. A watcher has to say again and again that it watches; and each piece is
published as a question, so that the broker says at once that nobody listens any more.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from node.output import News, Stream
from node.runs import RunKey, Runs
from steward import subjects
from steward.bus import Bus
from steward.errors import BusError
from steward.frames import Output
from steward.mailbox import NoResponders
from steward.message import MessageId
from steward.subjects import NodeName
from steward.supervisor import Process, ProcessState

log = logging.getLogger(__name__)

LAPSE: Final = 30.0
"""Seconds after which nobody watches who has not said so again."""
MOST: Final = 16
"""Runs watched at a time; who wants more is not heard."""


class Pace(NamedTuple):
    """How much of an output goes out: at most ``piece`` bytes of it every ``tick`` seconds."""

    tick: float
    piece: int


PACES: Final = {"lan": Pace(0.25, 8 * 1024), "slow": Pace(0.5, 1024)}
"""By the kind of link."""


@dataclass
class Tail:
    """One run that is watched, and how far each of its outputs has been told."""

    follower: NodeName
    id: MessageId
    key: RunKey
    token: str
    """Of the subject on which the follower hears it; another one each time that it begins to."""
    until: float = 0.0
    told: dict[Stream, int] = field(default_factory=dict)


class Tails:
    """All of them; one process, which sleeps while nobody watches."""

    def __init__(self, node: NodeName, bus: Bus, runs: Runs, pace: Pace) -> None:
        self._node = node
        self._bus = bus
        self._runs = runs
        self._pace = pace
        self._tails: dict[str, Tail] = {}
        """By the inbox to which the broker says that nobody listens."""
        self._mark = bus.mark()
        self._wake = asyncio.Event()

    def watch(self, tail: Tail) -> None:
        """Tell its follower of it for the next ``LAPSE`` seconds."""
        words = (tail.follower, tail.id, tail.token)
        reply = subjects.inbox(self._node, subjects.token_of(*words))
        before = [
            known
            for known, other in self._tails.items()
            if (other.follower, other.id) == (tail.follower, tail.id) and known != reply
        ]
        for known in before:  # It has left, and is back.
            del self._tails[known]
        if len(self._tails) < MOST or reply in self._tails:
            tail = self._tails.setdefault(reply, tail)
            tail.until = asyncio.get_running_loop().time() + LAPSE
            self._wake.set()
        else:
            log.warning("%s does not see %s: %d are watched here", tail.follower, tail.id, MOST)

    def nobody(self, told: NoResponders) -> None:
        """The broker says that nobody listened to what was published with that reply."""
        self._tails.pop(told.reply, None)

    async def run(self, process: Process) -> None:
        while True:
            process.enter(ProcessState.WAITING)
            await self._wake.wait()
            self._wake.clear()
            process.enter(ProcessState.RUNNING)
            while self._tails:
                await self._turn()
                await asyncio.sleep(self._pace.tick)

    async def _turn(self) -> None:
        """A piece of each output that has news, as long as the link takes them at once: what waits
        in this machine would delay what matters."""
        now = asyncio.get_running_loop().time()
        for reply, tail in list(self._tails.items()):
            if tail.until < now:
                self._tails.pop(reply, None)
            elif self._bus.connected and self._bus.has_left(self._mark):
                if self._tails.pop(reply, None) is None:
                    continue  # Nobody has listened since this turn began.
                news = await self._news(tail)
                if news is not None:
                    # At the end of the line: a slow link serves them by turns.
                    self._tails[reply] = tail
                for piece in news or ():
                    await self._tell(tail, piece, reply)

    async def _news(self, tail: Tail) -> list[News] | None:
        try:
            return await self._runs.news(tail.key, tail.told, self._pace.piece)
        except OSError as error:  # Its files went with the folder, or cannot be read.
            log.debug("the output of %s is not told: %s", tail.id, error)
            return None

    async def _tell(self, tail: Tail, piece: News, reply: str) -> None:
        letter = Output(
            frm=self._node,
            id=tail.id,
            stream=piece.stream,
            offset=piece.offset,
            data=piece.data,
        )
        to = subjects.output(tail.follower, tail.token)
        try:
            if await self._bus.publish(to, self._bus.wire.seal(letter, to, tail.follower), reply):
                tail.told[piece.stream] = piece.offset + len(piece.data)
                self._mark = self._bus.mark()
        except BusError as error:
            log.debug("%s", error)
