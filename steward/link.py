"""One connection to the broker: bounded, watched, and gone at once when it is closed.

It has the methods of a nats-py transport, and is handed to the client with the connection open:
with TLS, after the handshake, so that nothing is ever said in the clear to a broker whose address
says TLS.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from steward.errors import ConfigError
from steward.tls import Sealed

if sys.platform == "linux":
    import fcntl

_SIOCOUTQNSD: Final = 0x894B
"""Linux: how many bytes in the socket's queue have not been sent even once."""
_LINE: Final = 256 * 1024
"""The longest line from a broker: its INFO names every server of a cluster."""
_MANY: Final = 256
"""Pieces after which it is looked up which of them have left."""


@dataclass(frozen=True, kw_only=True)
class LinkSettings:
    """How patient to be with a link. All in seconds."""

    connect: float = 20.0
    """For the connection with its TLS, and for each answer of the broker's greeting."""
    ping: float
    """Between two round trips through the broker on a quiet link."""
    patience: float
    """Without an answer, or any other byte, for this long the link is dead."""
    unacknowledged: float
    """TCP_USER_TIMEOUT: the kernel gives up when what was sent isn't acknowledged for this long."""
    publish: float = 5.0
    """The longest that a publish waits for room."""
    retry_first: float = 0.5
    retry_most: float = 15.0
    """Between two tries to connect: full jitter from the one up to the other."""
    is_narrow: bool = False
    """Whether bytes are dearer than the time to pack them."""
    least_wait: float = 0.0
    """For an answer, however little a message allows for it, before it is sent again."""


LAN: Final = LinkSettings(ping=5.0, patience=5.0, unacknowledged=6.0, retry_most=3.0)
SLOW: Final = LinkSettings(
    ping=60.0, patience=60.0, unacknowledged=60.0, is_narrow=True, least_wait=60.0
)
LINKS: Final = {"lan": LAN, "slow": SLOW}


class Endpoint(NamedTuple):
    """Where a broker listens. ``url``, for the client, may hold a password, ``shown`` does not."""

    host: str
    port: int
    url: str
    shown: str
    tls: bool = False
    """The connection begins with TLS, or there is none."""
    has_user: bool = False

    @classmethod
    def parse(cls, address: str) -> Endpoint:
        """``tls://[user:password@]host[:port]``, or ``nats://`` for one without TLS. Raises
        ConfigError for anything else."""
        url = address if "://" in address else f"nats://{address}"
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port or 4222
        except ValueError:
            host, port = None, 0
        if not host or parts.scheme not in ("nats", "tls") or parts.path.strip("/"):
            hint = "tls://HOST:4222, or nats://HOST:4222 without TLS"
            raise ConfigError(f"{address!r} is not a broker's address", hint)
        place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        who = parts.netloc.rpartition("@")[0]
        return cls(
            host,
            port,
            f"nats://{who}@{place}" if who else f"nats://{place}",
            f"{parts.scheme}://{place}",
            tls=parts.scheme == "tls",
            has_user=bool(who),
        )


class Link:
    """An open connection. ``lost`` is done once it is closed, by whichever side."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        sealed: Sealed | None = None,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._sealed = sealed
        self._plain = b""
        """Opened, and not asked for yet."""
        self._socket: socket.socket = writer.get_extra_info("socket")
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.received = 0
        """Bytes read so far."""
        self.written = 0
        """Bytes taken for sending so far; without what TLS adds to them."""

    @classmethod
    async def open(
        cls, broker: Endpoint, settings: LinkSettings, context: ssl.SSLContext | None = None
    ) -> Link:
        """Connect, with TLS if there is a ``context``. Raises OSError, of which TimeoutError is
        one, and BusError: it is not the broker that was meant."""
        async with asyncio.timeout(settings.connect):
            reader, writer = await asyncio.open_connection(broker.host, broker.port, limit=_LINE)
            sealed = Sealed(context, broker.host) if context else None
            link = cls(reader, writer, sealed)
            try:
                if sys.platform == "linux":
                    milliseconds = int(settings.unacknowledged * 1000)
                    link._socket.setsockopt(
                        socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds
                    )
                if sealed:
                    await sealed.shake_hands(reader, writer)
            except BaseException:
                link.close()
                raise
        writer.transport.set_write_buffer_limits(high=0)
        return link

    def buffered(self) -> int:
        """Bytes taken for sending that this process still holds."""
        return 0 if self.lost.done() else self._writer.transport.get_write_buffer_size()

    def unsent(self) -> int:
        """Bytes taken for sending that have not left the machine; elsewhere than on Linux only
        those that the kernel has not taken are known."""
        if self.lost.done():
            return 0
        waiting = self.buffered()
        if sys.platform == "linux":
            with suppress(OSError, ValueError):
                answer = fcntl.ioctl(self._socket.fileno(), _SIOCOUTQNSD, bytes(4))
                waiting += int.from_bytes(answer, sys.byteorder)
        if self._sealed:
            return self.written - self._sealed.left(waiting)
        return waiting

    def __bool__(self) -> bool:
        """nats-py asks whether there is a connection to use: always, it is made with one."""
        return True

    async def connect(self, uri: object, buffer_size: int, connect_timeout: float) -> None:
        """Nothing to do: a link is made connected, and never connects again."""

    async def connect_tls(
        self, uri: object, ssl_context: ssl.SSLContext, buffer_size: int, connect_timeout: float
    ) -> None:
        """The client asks for it as the broker requires TLS: there is TLS since before the first
        word, or there won't be any."""
        if not self._sealed:
            raise ConnectionError("the broker requires TLS: use tls:// in its address")

    def write(self, payload: bytes) -> None:
        if self.lost.done():
            return
        self.written += len(payload)
        if self._sealed:
            payload = self._sealed.seal(payload)
            if self._sealed.pieces > _MANY:
                self.unsent()
        self._writer.write(payload)

    def writelines(self, payload: Sequence[bytes]) -> None:
        self.write(b"".join(payload))

    async def drain(self) -> None:
        """Wait until the kernel has taken all that was written, or the link is lost."""
        if self.lost.done():
            return
        try:
            await self._writer.drain()
        except OSError:
            self.close()

    async def read(self, buffer_size: int) -> bytes:
        plain, self._plain = self._plain, b""
        return plain or await self._some(buffer_size)

    async def readline(self) -> bytes:
        while b"\n" not in self._plain:
            some = await self._some(_LINE) if len(self._plain) <= _LINE else b""
            if not some:
                break
            self._plain += some
        line, end, rest = self._plain.partition(b"\n")
        if len(line) > _LINE:
            raise ConnectionError("what answers there is not a NATS server")
        self._plain = rest
        return line + end

    async def _some(self, most: int) -> bytes:
        """The next bytes, none of which is left for later; empty at the end of the connection."""
        while carried := await self._reader.read(most):
            self.received += len(carried)
            if not self._sealed:
                return carried
            try:
                plain, back = self._sealed.open(carried)
            except ssl.SSLZeroReturnError:
                self.close()
                break
            if back and not self.lost.done():
                self._writer.write(back)
            if plain:
                return plain
        return b""

    def at_eof(self) -> bool:
        return self.lost.done() or (self._reader.at_eof() and not self._plain)

    def close(self) -> None:
        """Close now: waiting until a dead link has taken the rest would take for ever."""
        if not self.lost.done():
            self.lost.set_result(None)
            self._writer.transport.abort()

    def reset(self) -> None:
        """Close, and make the kernel forget what it holds too: should a dead link come back to
        life, it would send all that first, on a slow link ahead of what is of use by then."""
        if not self.lost.done():
            with suppress(OSError):
                self._socket.setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                )
        self.close()

    async def wait_closed(self) -> None:
        """Nothing to wait for: ``close`` leaves nothing behind."""
