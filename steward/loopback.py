"""The proof that a link works: a message to this node itself, which has to come back.

A refused subscription looks like any other to the client, but stays silent; and of a dead link
nobody is told. So a link counts as up only after a round trip through both subscriptions, and
another one is made now and then.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from secrets import token_hex
from typing import Protocol

from steward.errors import BusError
from steward.link import Link
from steward.subjects import NodeName, everything_for, subject

PREFIX = b"loopback "
REMEMBERED = 60
"""Round trips."""


class Publisher(Protocol):
    """What is needed of a client here."""

    @property
    def pending_data_size(self) -> int: ...

    @property
    def last_error(self) -> Exception | None: ...

    async def publish(self, subject: str, payload: bytes, reply: str) -> None: ...


class Loopback:
    """One node's messages to itself; one round is under way at a time."""

    def __init__(self, node: NodeName, inbox: str, joining: str = "") -> None:
        """``joining``: the one subject that a node has that is not accepted yet."""
        self.node = node
        self.subject = joining or subject(node, "EventNACK", "Loopback")
        self.inbox = inbox
        self.token = PREFIX + token_hex(8).encode()
        """What it sends. The same name elsewhere has another one."""
        self.round_trips: deque[tuple[float, float]] = deque(maxlen=REMEMBERED)
        """The last ones: wall time, and the seconds that it took."""
        self._ways = {joining: ""} if joining else {self.subject: inbox, inbox: ""}
        """By each subject to go through, the one to answer to."""
        self._outstanding: set[str] = set()
        self._answer: asyncio.Future[str] | None = None

    async def prove(self, client: Publisher, link: Link, patience: float) -> float:
        """Go round once; the seconds it took. Raises BusError if the broker refuses a
        subscription, OSError if the link is lost, or was silent for ``patience`` seconds."""
        self._check(client, link)
        self._outstanding = set(self._ways)
        self._answer = answer = asyncio.get_running_loop().create_future()
        started = time.monotonic()
        for way, reply in self._ways.items():
            await client.publish(way, self.token, reply)
        end = link.written + client.pending_data_size
        silent, seen = 0, (-1, -1)
        # Two silent halves rather than one whole: when this process itself stood still for long,
        # the answer may be there, unread. Until the request has left, what leaves is progress.
        while silent < 2:
            await asyncio.wait(
                {link.lost, answer}, timeout=patience / 2, return_when=asyncio.FIRST_COMPLETED
            )
            self._check(client, link)
            if answer.done():
                if problem := answer.result():
                    hint = f"let {self.node} use {everything_for(self.node)} and its inbox"
                    raise BusError(problem, hint)
                took = time.monotonic() - started
                self.round_trips.append((time.time(), took))
                return took
            progress = (link.received, min(end, link.written - link.unsent()))
            silent = silent + 1 if progress == seen else 0
            seen = progress
        raise TimeoutError("the link is silent")

    def returned(self, subject: str, payload: bytes) -> None:
        """Something came in on ``subject`` that may be the request."""
        if payload == self.token:
            self._outstanding.discard(subject)
            if not self._outstanding:
                self._finish("")

    def refused(self, problem: str) -> None:
        """The broker said no."""
        self._finish(problem)

    def _finish(self, problem: str) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(problem)

    @staticmethod
    def _check(client: Publisher, link: Link) -> None:
        if link.lost.done():
            raise ConnectionError(str(client.last_error or "the broker closed the connection"))
