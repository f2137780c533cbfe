"""A TCP proxy that breaks links on request: cut, refuse, black hole, stall, delay; one way or both.

It counts bytes and knows no frames. A connection that was in a black hole has lost bytes: cut it
before healing.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Literal

Mode = Literal["pass", "drop", "stall"]
"""What happens to one direction: passed on; read and thrown away (half-open: the sender's kernel
sees it acknowledged); or not read at all (the sender's buffers fill up)."""


@dataclass
class Direction:
    """How one direction is treated, on all connections."""

    mode: Mode = "pass"
    delay: float = 0.0
    """Seconds that every byte is held back; any number may be under way."""
    bytes: int = 0
    """Passed on so far."""


class Proxy:
    """Listens on a free port of the loopback address, kept until ``stop``, and connects to
    ``target`` for each client. ``up`` is from clients to the target, ``down`` the other way."""

    def __init__(self, target_port: int, target_host: str = "127.0.0.1") -> None:
        self.target = (target_host, target_port)
        self.up = Direction()
        self.down = Direction()
        self.port = 0
        self.accepted = 0
        """Connections taken so far."""
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()

    @property
    def address(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

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
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    def refuse(self) -> None:
        """Cut, and refuse new connections until ``accept``."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.cut()

    def cut(self) -> None:
        """End all connections now, on both sides; new ones are taken."""
        for writer in self._writers:
            writer.transport.abort()

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

    async def stop(self) -> None:
        self.refuse()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        self.accepted += 1
        try:
            their_reader, their_writer = await asyncio.open_connection(*self.target)
            self._writers.add(their_writer)
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._pump(reader, their_writer, self.up))
                    group.create_task(self._pump(their_reader, writer, self.down))
            finally:
                self._writers.discard(their_writer)
                their_writer.transport.abort()
        except* (OSError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            self._writers.discard(writer)
            writer.transport.abort()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: Direction
    ) -> None:
        """Ends with OSError, so that the other direction ends too."""
        loop = asyncio.get_running_loop()
        due = 0.0
        while True:
            while direction.mode == "stall":
                await self._changed.wait()
            data = await reader.read(65536)
            if not data:
                if direction.mode == "drop":
                    await self._changed.wait()
                raise ConnectionResetError
            if direction.mode == "drop":
                continue
            direction.bytes += len(data)
            now = loop.time()
            if direction.delay or now < due:
                due = max(now + direction.delay, due + 1e-6)  # never the same: order is kept
                loop.call_at(due, _late, writer, data)
            else:
                writer.write(data)
                await writer.drain()


def _late(writer: asyncio.StreamWriter, data: bytes) -> None:
    if not writer.is_closing():
        writer.write(data)
