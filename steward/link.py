"""One TCP connection to the broker: bounded, watched, and gone at once when it is closed.

It has the methods of a nats-py transport, and is handed to the client with the connection open.
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

if sys.platform == "linux":
    import fcntl

_SIOCOUTQNSD: Final = 0x894B
"""Linux: how many bytes in the socket's queue have not been sent even once."""
_LINE: Final = 256 * 1024
"""The longest line from a broker: its INFO names every server of a cluster."""


@dataclass(frozen=True, kw_only=True)
class LinkSettings:
    """How patient to be with a link. All in seconds."""

    connect: float = 20.0
    """For the TCP connection, and for each answer of the handshake."""
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
    """Where a broker listens. ``url`` may hold a password, ``shown`` does not."""

    host: str
    port: int
    url: str
    shown: str

    @classmethod
    def parse(cls, address: str) -> Endpoint:
        """``nats://[user:password@]host[:port]``. Raises ConfigError for anything else: with
        ``tls://`` nats-py would talk plaintext to a broker that doesn't ask for TLS."""
        url = address if "://" in address else f"nats://{address}"
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port or 4222
        except ValueError:
            host, port = None, 0
        if not host or parts.scheme != "nats" or parts.path.strip("/"):
            raise ConfigError(f"{address!r} is not a broker's address", "nats://HOST:4222")
        place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        who = parts.netloc.rpartition("@")[0]
        return cls(
            host, port, f"nats://{who}@{place}" if who else f"nats://{place}", f"nats://{place}"
        )


class Link:
    """An open connection. ``lost`` is done once it is closed, by whichever side."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._socket: socket.socket = writer.get_extra_info("socket")
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.received = 0
        """Bytes read so far."""
        self.written = 0
        """Bytes taken for sending so far."""

    @classmethod
    async def open(cls, broker: Endpoint, settings: LinkSettings) -> Link:
        """Connect. Raises OSError, of which TimeoutError is one."""
        async with asyncio.timeout(settings.connect):
            reader, writer = await asyncio.open_connection(broker.host, broker.port, limit=_LINE)
        link = cls(reader, writer)
        if sys.platform == "linux":
            milliseconds = int(settings.unacknowledged * 1000)
            link._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
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
        waiting = 0
        if sys.platform == "linux":
            with suppress(OSError, ValueError):
                answer = fcntl.ioctl(self._socket.fileno(), _SIOCOUTQNSD, bytes(4))
                waiting = int.from_bytes(answer, sys.byteorder)
        return waiting + self.buffered()

    def __bool__(self) -> bool:
        """nats-py asks whether there is a connection to use: always, it is made with one."""
        return True

    async def connect(self, uri: object, buffer_size: int, connect_timeout: float) -> None:
        """Nothing to do: a link is made connected, and never connects again."""

    async def connect_tls(
        self, uri: object, ssl_context: ssl.SSLContext, buffer_size: int, connect_timeout: float
    ) -> None:
        raise ConnectionError("the broker requires TLS on this address")

    def write(self, payload: bytes) -> None:
        if not self.lost.done():
            self.written += len(payload)
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
        data = await self._reader.read(buffer_size)
        self.received += len(data)
        return data

    async def readline(self) -> bytes:
        try:
            line = await self._reader.readline()
        except ValueError:
            raise ConnectionError("what answers there is not a NATS server") from None
        self.received += len(line)
        return line

    def at_eof(self) -> bool:
        return self.lost.done() or self._reader.at_eof()

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
