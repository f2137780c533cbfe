"""A TCP proxy that is a bad link: delay, jitter, bandwidth, loss; cut, reset, refuse, black hole,
stall; one way or both.

It counts bytes and knows no frames. A connection that was in a black hole has lost bytes: cut it
before healing.

**The model.** What is read from one side leaves as segments over one line for each direction, which
all connections share: at most ``bandwidth`` bytes/s, with ``backlog`` bytes waiting at most; then
the proxy stops reading, its window closes, and the rest stays in the sender's machine. A segment
arrives ``delay`` and up to ``jitter`` seconds later, never before one that was ahead of it. A lost
segment is lost for TCP, not for who uses it: it comes again after a round trip (``REPEAT`` at
least), may be lost again, and holds up all that is behind it. What a real connection over such a
link also loses, width, is a matter of the profile: see ``tests.links.allowed``. A new connection
reaches the target after the three packets of its handshake.

**What it is not.** The sender's kernel sees the proxy's acknowledgements, at once: its round trip,
its retransmissions and TCP_USER_TIMEOUT don't meet the link, nor does slow start. Losses are
independent of each other; real ones come in bursts (for those: ``stall``, or ``cut``).
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Final, Literal

from tests.links import SEGMENT, Profile

Mode = Literal["pass", "drop", "stall"]
"""What happens to one direction: passed on; read and thrown away (half-open: the sender's kernel
sees it acknowledged); or not read at all (the sender's buffers fill up)."""

REPEAT: Final = 0.2
"""Seconds, at least, until a lost segment comes again."""
_CHUNK: Final = 65536
_NARROW_WINDOW: Final = 8192
"""Receive buffer where the bandwidth is bounded: what is in it has left its machine already."""
_WIDE_WINDOW: Final = 256 * 1024


@dataclass
class Direction:
    """How one direction is treated, on all connections."""

    mode: Mode = "pass"
    delay: float = 0.0
    """Seconds that every byte is held back; any number may be under way."""
    jitter: float = 0.0
    """Seconds, at most, that a segment takes longer."""
    bandwidth: float = 0.0
    """Bytes/s of all connections together; 0: unlimited."""
    loss: float = 0.0
    """The share of segments that come later, with all that is behind them."""
    backlog: int = 16 * 1024
    """Bytes that may wait for the line before no more are read."""
    bytes: int = 0
    """Passed on so far."""
    packets: int = 0
    """About as many segments: what came together counts as sent together."""
    lost: int = 0
    """Segments that had to come again."""
    _free: float = 0.0
    """When the line is free again."""

    def shape(self, profile: Profile) -> None:
        self.delay, self.jitter = profile.delay, profile.jitter
        self.bandwidth, self.loss = profile.bandwidth, profile.loss

    def too_long(self, now: float) -> float:
        """Seconds until no more than ``backlog`` bytes wait for the line."""
        return self._free - now - self.backlog / self.bandwidth if self.bandwidth else 0.0

    def arrives(self, size: int, now: float, rng: Random) -> float:
        """When a segment that is sent now is there."""
        at = now
        if self.bandwidth:
            at = self._free = max(now, self._free) + size / self.bandwidth
        at += self.delay + rng.uniform(0.0, self.jitter)
        while self.loss and rng.random() < self.loss:
            self.lost += 1
            at += max(REPEAT, 2 * self.delay)
        return at


class Proxy:
    """Listens on a free port of the loopback address, kept until ``stop``, and connects to
    ``target`` for each client. ``up`` is from clients to the target, ``down`` the other way."""

    def __init__(
        self, target_port: int, target_host: str = "127.0.0.1", *, seed: int | None = None
    ) -> None:
        """``seed``: of what is lost, and of the jitter."""
        self.target = (target_host, target_port)
        self.scheme = "nats"
        """Of its address."""
        self.up = Direction()
        self.down = Direction()
        self.port = 0
        self.accepted = 0
        """Connections taken so far."""
        self._rng = Random(seed)
        self._listener: socket.socket | None = None
        self._listening: asyncio.Task[None] | None = None
        self._sockets: set[socket.socket] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()

    @property
    def address(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @property
    def open(self) -> int:
        """Connections that are open now."""
        return len(self._tasks)

    async def __aenter__(self) -> Proxy:
        await self.accept()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def accept(self) -> None:
        """Listen (again)."""
        if self._listener is None:
            listener = socket.create_server(("127.0.0.1", self.port), backlog=100)
            listener.setblocking(False)
            self.port = listener.getsockname()[1]
            self._listener = listener
            self._set_windows()
            self._listening = asyncio.create_task(self._listen(listener), name="proxy")

    def refuse(self) -> None:
        """Cut, and refuse new connections until ``accept``."""
        if self._listener is not None and self._listening is not None:
            self._listening.cancel()
            self._listener.close()
            self._listener = None
        self.cut()

    def cut(self) -> None:
        """End all connections now, on both sides; new ones are taken."""
        for task in self._tasks:
            task.cancel()

    def reset(self) -> None:
        """The same, with a RST to both sides."""
        for sock in self._sockets:
            with suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.cut()

    def set(self, mode: Mode, *, up: bool = True, down: bool = True) -> None:
        """Change one direction or both, for the connections that there are and for new ones."""
        if up:
            self.up.mode = mode
        if down:
            self.down.mode = mode
        self._changed.set()
        self._changed = asyncio.Event()

    def delay(self, seconds: float) -> None:
        """Hold back every byte for ``seconds`` in each direction."""
        self.up.delay = self.down.delay = seconds

    def shape(self, profile: Profile) -> None:
        """Make both directions such a link, for what is sent from now on."""
        self.up.shape(profile)
        self.down.shape(profile)
        self._set_windows()

    async def stop(self) -> None:
        self.refuse()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _set_windows(self) -> None:
        is_narrow = self.up.bandwidth or self.down.bandwidth
        window = _NARROW_WINDOW if is_narrow else _WIDE_WINDOW
        for sock in (*self._sockets, *((self._listener,) if self._listener else ())):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)

    async def _listen(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            client, _ = await loop.sock_accept(listener)
            self.accepted += 1
            task = asyncio.create_task(self._serve(client), name="proxy: connection")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            task.add_done_callback(lambda _, client=client: client.close())  # type: ignore[misc]

    async def _serve(self, client: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        target = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        both = {client, target}
        self._sockets |= both
        try:
            for sock in both:
                sock.setblocking(False)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._set_windows()
            await asyncio.sleep(2 * self.up.delay + self.down.delay)
            await loop.sock_connect(target, self.target)
            async with asyncio.TaskGroup() as group:
                for way in (Way(self.up, client, target), Way(self.down, target, client)):
                    group.create_task(self._read(way))
                    group.create_task(way.deliver())
        except* OSError:
            pass
        finally:
            self._sockets -= both
            for sock in both:
                sock.close()

    async def _read(self, way: Way) -> None:
        loop, direction = asyncio.get_running_loop(), way.direction
        while True:
            while direction.mode == "stall":
                await self._changed.wait()
            while (seconds := direction.too_long(loop.time())) > 0:
                await asyncio.sleep(min(seconds, 0.1))  # it may be shaped anew meanwhile
            await way.takes.wait()
            size = SEGMENT if direction.bandwidth else _CHUNK
            try:
                data = await loop.sock_recv(way.source, size)
            except OSError:
                data = b""
            if direction.mode == "drop":
                if not data:
                    await self._changed.wait()
                    raise ConnectionResetError
                continue
            direction.bytes += len(data)
            now = loop.time()
            step = SEGMENT if direction.loss else _CHUNK
            for at in range(0, len(data) or 1, step):
                segment = data[at : at + step]
                direction.packets += 1
                way.send(segment, direction.arrives(len(segment), now, self._rng))
            if not data:
                return


class Way:
    """One direction of one connection, and what is under way on it."""

    def __init__(self, direction: Direction, source: socket.socket, to: socket.socket) -> None:
        self.direction = direction
        self.source = source
        self.takes = asyncio.Event()
        """Whether ``to`` takes what arrives: what it doesn't take isn't read either."""
        self.takes.set()
        self._to = to
        self._last = 0.0
        self._under_way: deque[tuple[float, bytes]] = deque()
        self._sent = asyncio.Event()

    def send(self, data: bytes, arrives: float) -> None:
        """Nothing: the connection's end."""
        self._last = max(self._last, arrives)
        self._under_way.append((self._last, data))
        self._sent.set()

    async def deliver(self) -> None:
        """Raises ConnectionResetError at the end of the connection, once it has arrived, so that
        the other direction ends too."""
        loop, is_there = asyncio.get_running_loop(), True
        while True:
            while not self._under_way:
                self._sent.clear()
                await self._sent.wait()
            arrives, data = self._under_way.popleft()
            if (seconds := arrives - loop.time()) > 0:
                await asyncio.sleep(seconds)
            if not data:
                raise ConnectionResetError
            self.takes.clear()
            try:
                if is_there:
                    await loop.sock_sendall(self._to, data)
            except OSError:
                is_there = False  # who sends it hears of that from the other direction
            self.takes.set()
