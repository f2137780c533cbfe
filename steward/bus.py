"""The only door to the broker: everything that bites in nats-py is dealt with here, once.

One nats-py client lives for one connection and never reconnects by itself: it would buffer what
is published meanwhile and send it later, when nobody waits for it any more, and in several cases
it gives up for good. ``Bus.run`` makes a new client each time instead.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Sequence
from secrets import token_hex
from typing import Final, NoReturn

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from steward.access import NO_ACCESS, Access
from steward.errors import BusError, ConfigError
from steward.interest import Interests
from steward.link import LAN, Endpoint, Link, LinkSettings
from steward.loopback import PREFIX as LOOPBACK
from steward.mailbox import Incoming, Mailbox, NoResponders
from steward.outage import Outage
from steward.pending import Mark, end, has_left, settle
from steward.role import Role, role
from steward.subjects import NodeName, inbox, is_subject
from steward.wire import Wire

log = logging.getLogger(__name__)

_ROOM: Final = 1024 * 1024
"""Bytes that may wait in this process before a publish waits too."""
_FAREWELL: Final = 1.0
"""Seconds that what was published last gets to leave when the bus is stopped."""
_NEVER: Final = 10**9
"""The client's own pings, off: a lost one cannot be told from a slow one. Seconds."""


class Bus:
    """One node's link to the broker, made again for ever while ``run`` runs.

    ``incoming`` gets what is published on ``<node>.*.*``, ``replies`` what comes to the node's
    inboxes. Addresses are tried in turn.
    """

    def __init__(
        self,
        node: NodeName,
        addresses: str | Sequence[str],
        *,
        link: LinkSettings = LAN,
        start: str = "",
        access: Access = NO_ACCESS,
        joining_to: NodeName | None = None,
    ) -> None:
        """``start``: this daemon start's random id, the end of the reply subject; ``joining_to``:
        the central that has not accepted this node yet, which can do no more than ask it to, and
        hear the answer. Raises ConfigError for an address or access that cannot be used."""
        listed = [addresses] if isinstance(addresses, str) else list(addresses)
        self._addresses = [Endpoint.parse(address) for address in listed]
        if not self._addresses:
            raise ConfigError("no broker address is given", "nats://HOST:4222")
        self.node = node
        self.settings = link
        self.wire = Wire(is_narrow=link.is_narrow)
        self.incoming: Mailbox[Incoming] = Mailbox()
        self.replies: Mailbox[Incoming | NoResponders] = Mailbox()
        self.address = self._addresses[0].shown
        """The broker connected to, or tried last, without a password."""
        self.connected = False
        self.since = time.time()
        """Wall time of the last change of ``connected``."""
        self.max_payload: int | None = None
        """Bytes; as the last broker said. None: never connected."""
        self.rtt: float | None = None
        """Seconds of the last round trip through the broker."""
        self.reconnects = 0
        self.inbox = inbox(node, start or token_hex(4))
        """Where answers to this start of the daemon go."""
        self.interests = Interests()
        """What this node listens to for a while, beside its own subject and inboxes."""
        self._tls = any(address.tls for address in self._addresses)
        self._role = role(node, self.inbox, access, joining_to, tls=self._tls)
        self.round_trips = self._role.loopback.round_trips
        self._listeners: list[Callable[[bool], None]] = []
        self._client: Client | None = None
        self._link: Link | None = None
        self._connection = 0
        self._over: asyncio.Future[None] | None = None
        self._outage = Outage(access, NatsError)

    def enter(self, access: Access, joining_to: NodeName | None = None) -> None:
        """Get in with this from now on; another link is ended. Raises ConfigError."""
        self._role = role(self.node, self.inbox, access, joining_to, tls=self._tls)
        self._role.loopback.round_trips = self.round_trips
        self._outage.access = access
        if self._over is not None and not self._over.done():
            self._over.set_result(None)

    @property
    def may_ask(self) -> bool:  # there is a link, if only to ask to be accepted
        return self._client is not None

    @property
    def last_error(self) -> str:
        """The last trouble with the link; it stays when the link is up again."""
        return self._outage.text

    def listen(self, listener: Callable[[bool], None]) -> None:
        """Call ``listener`` with True when the link comes up and with False when it goes down. It
        must neither block nor raise."""
        self._listeners.append(listener)

    async def run(self) -> NoReturn:
        """Keep a link to the broker until cancelled. Trouble is kept in ``last_error`` and logged
        once per outage, not once per try."""
        tries = 0
        while True:
            broker = self._addresses[tries % len(self._addresses)]
            self.address, before = broker.shown, self._connection
            over = self._over = asyncio.get_running_loop().create_future()
            await self._once(broker, over)
            tries = tries + 1 if before == self._connection else 1
            most = min(self.settings.retry_most, self.settings.retry_first * 2.0 ** min(tries, 16))
            await asyncio.wait({over}, timeout=random.uniform(self.settings.retry_first, most))

    async def publish(self, to: str, payload: bytes, reply: str = "") -> bool:
        """Hand one message to the link; ``reply``: one of this node's inboxes to answer to.

        True: it is on its way, no more is known. False: there is no link, or it took nothing for
        ``settings.publish`` seconds; the message is gone. Raises BusError for a payload or subject
        that would make the broker end the connection.
        """
        client, link = self._client, self._link
        if client is None or link is None or (self._role.says and to != self._role.says):
            return False
        if not is_subject(to):
            raise BusError(f"{to[:80]!r} cannot be published on")
        if len(payload) > client.max_payload:
            raise BusError(
                f"{len(payload):,} bytes do not fit the broker's max_payload"
                f" of {client.max_payload:,}",
                "send less at once, or raise max_payload in the broker's configuration",
            )
        if not await settle(client, link, _ROOM, self.settings.publish):
            return False
        try:
            await client.publish(to, payload, reply)
        except (NatsError, OSError):
            return False
        return True

    def mark(self) -> Mark:
        """The place right behind what was published last."""
        client, link = self._client, self._link
        if client is None or link is None:
            return Mark(self._connection, 0)
        return Mark(self._connection, end(client, link))

    def has_left(self, mark: Mark) -> bool:
        """Whether nothing from before ``mark`` waits in this machine any more: it was sent, or was
        lost with its connection."""
        client, link = self._client, self._link
        if client is None or link is None or mark.connection != self._connection:
            return True
        return has_left(client, link, mark.position)

    async def _once(self, broker: Endpoint, over: asyncio.Future[None]) -> None:
        """One connection, from the first packet to the last."""
        client, link, role = _Client(), None, self._role
        try:
            link = await Link.open(broker, self.settings, role.context if broker.tls else None)
            await self._session(client, link, broker, role, over)
        except Exception as error:  # whatever answers at that address: the node lives on
            self._outage.failed(error, broker, link)
            if link:
                link.reset()
        finally:
            self._client = self._link = None
            self.interests.lost()
            if self.connected:
                self._change(False)
            if link:
                await _end(client, link)

    async def _session(
        self, client: Client, link: Link, broker: Endpoint, role: Role, over: asyncio.Future[None]
    ) -> None:
        """Ends when another role is asked for; else it raises what ended it."""
        client._transport = link  # type: ignore[assignment]  # it has the methods
        await client.connect(
            broker.url,
            error_cb=self._on_error,
            name=self.node,
            allow_reconnect=False,
            connect_timeout=self.settings.connect,  # type: ignore[arg-type]  # it only adds it
            ping_interval=_NEVER,
            pending_size=-1,
            skip_subject_validation=True,
            tls=role.context,
            **role.access.options(broker),
        )
        _see_cancellation()
        for name in role.heard:
            hears = self._on_message if name in role.messages else self._on_reply
            await client.subscribe(name, cb=hears)
        self.rtt = await role.loopback.prove(client, link, self.settings.patience)
        await self.interests.renew(client)
        self._up(client, link, role)
        while not over.done():
            ends, ping = {link.lost, over}, self.settings.ping
            await asyncio.wait(ends, timeout=ping, return_when=asyncio.FIRST_COMPLETED)
            if not over.done():
                self.rtt = await role.loopback.prove(client, link, self.settings.patience)

    async def _on_message(self, msg: Msg) -> None:
        if msg.subject == self._role.loopback.subject:
            self._role.loopback.returned(msg.subject, msg.data)
        else:
            self.incoming.offer(Incoming(msg.subject, msg.reply, msg.data))

    async def _on_reply(self, msg: Msg) -> None:
        if msg.headers and msg.headers.get("Status") == "503" and not msg.data:
            subject = msg.headers.get("Nats-Subject", "")
            self.replies.offer(NoResponders(subject, msg.subject))
        elif msg.data == self._role.loopback.token:
            self._role.loopback.returned(msg.subject, msg.data)
        elif msg.data.startswith(LOOPBACK) and msg.subject != self.inbox:
            text = f"another node is called {self.node} and uses the same broker"
            self._outage.tell(text, f"{text}: rename one of the two")
        else:
            self.replies.offer(Incoming(msg.subject, msg.reply, msg.data))

    async def _on_error(self, error: Exception) -> None:
        """The client's listener for errors. It never raises: that would end the client's reader."""
        text = str(error)
        mine = (*self._role.heard, self._role.loopback.subject, self.inbox)
        if "permissions violation" in text:  # the client gives all of it in lower case
            if any(name.lower() in text for name in mine):
                self._role.loopback.refused(text)
            else:
                self._outage.denied(text, self.address)

    def _up(self, client: Client, link: Link, role: Role) -> None:
        self._client, self._link = client, link
        if role.says:  # to everybody else it is no link
            return
        self._connection += 1
        self.reconnects = self._connection - 1
        self.max_payload = client.max_payload
        self._outage.over()
        log.info("connected to the broker at %s", self.address)
        self._change(True)

    def _change(self, connected: bool) -> None:
        self.connected, self.since = connected, time.time()
        for listener in self._listeners:
            listener(connected)


class _Client(Client):
    """A client whose reader survives what a stranger may send: subjects that aren't UTF-8 and
    malformed headers would end it, silently."""

    def _build_message(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: dict[str, str] | None
    ) -> Msg:
        return Msg(
            self, subject.decode(errors="replace"), reply.decode(errors="replace"), data, headers
        )

    async def _process_headers(self, headers: bytes) -> dict[str, str] | None:
        try:
            return await super()._process_headers(headers)
        except (ValueError, IndexError):
            return None


def _see_cancellation() -> None:
    """The client waits with ``asyncio.wait_for``, which before Python 3.12 forgets a cancellation
    that comes just as it is done: the node would never stop."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def _end(client: Client, link: Link) -> None:
    """Let what was published last leave, for a moment, then cut. Never waits for the network."""
    try:
        await settle(client, link, 0, _FAREWELL)
    finally:
        link.close()
        closing = asyncio.create_task(client.close(), name="bus: close")
        await asyncio.wait({closing}, timeout=_FAREWELL)
