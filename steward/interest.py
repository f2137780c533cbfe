"""Subscriptions that come and go: while there is none, the broker carries nothing there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Protocol

from steward.mailbox import Incoming

log = logging.getLogger(__name__)

Take = Callable[[Incoming], None]


class Subscription(Protocol):
    """What a client gives for one subject."""

    async def unsubscribe(self) -> None: ...


class Client(Protocol):
    """What is needed of a client here."""

    async def subscribe(
        self, subject: str, *, cb: Callable[[Any], Awaitable[None]]
    ) -> Subscription: ...


class Interests:
    """What is listened to for a while, made true on whatever connection there is."""

    def __init__(self) -> None:
        self._wanted: dict[str, Take] = {}
        self._made: dict[str, Subscription] = {}
        self._client: Client | None = None
        self._one = asyncio.Lock()

    async def add(self, subject: str, take: Take) -> None:
        """Give ``take`` what comes on ``subject``, on this connection and every later one. It must
        neither block nor raise."""
        self._wanted[subject] = take
        await self._try()

    async def drop(self, subject: str) -> None:
        """Hear no more of it: whoever publishes there is told by the broker that nobody listens."""
        self._wanted.pop(subject, None)
        await self._try()

    async def renew(self, client: Client) -> None:
        """All of them on a new connection. Raises what the client raises."""
        self.lost()
        self._client = client
        await self._match(client)

    def lost(self) -> None:
        """There is no connection, and with it nothing of what was made on it."""
        self._client = None
        self._made = {}

    async def _try(self) -> None:
        client = self._client
        if client is not None:
            try:
                await self._match(client)
            except Exception as error:  # The connection ends; the next one makes it good.
                log.debug("a subscription was not changed: %s", error)

    async def _match(self, client: Client) -> None:
        """Until there is what is wanted now, which may not be what was as this began."""
        async with self._one:
            while client is self._client and (differing := self._wanted.keys() ^ self._made.keys()):
                subject = differing.pop()
                if subject in self._made:
                    await self._made.pop(subject).unsubscribe()
                else:
                    here, take = self._made, self._wanted[subject]
                    here[subject] = await client.subscribe(subject, cb=partial(self._came, take))

    @staticmethod
    async def _came(take: Take, msg: Any) -> None:
        take(Incoming(msg.subject, msg.reply, msg.data))
