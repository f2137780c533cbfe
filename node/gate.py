"""A ship's way to the broker in the demo: a TCP forwarder whose link can be cut and joined."""

from __future__ import annotations

import asyncio
from typing import Self
from urllib.parse import urlsplit

_PIECE = 65536


class Gate:
    """Listens on a free port of the loopback address as long as it is entered. While it is cut it
    ends every connection, new ones at once: its port stays its own."""

    def __init__(self, broker: str) -> None:
        """``broker``: ``nats://HOST:PORT``."""
        parts = urlsplit(broker)
        self._target = (parts.hostname or "127.0.0.1", parts.port or 4222)
        self._server: asyncio.Server | None = None
        self._passing: set[asyncio.Task[None]] = set()
        self._is_cut = False
        self.address = ""
        """Where a node reaches the broker through it."""

    async def __aenter__(self) -> Self:
        self._server = server = await asyncio.start_server(self._pass, "127.0.0.1", 0)
        self.address = f"nats://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        self.cut()
        await asyncio.gather(*self._passing, return_exceptions=True)

    def cut(self) -> None:
        """Lose the link: nothing passes until ``join``."""
        self._is_cut = True
        for task in self._passing:
            task.cancel()

    def join(self) -> None:
        """Let connections pass again."""
        self._is_cut = False

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._passing.add(task)
        ends = [writer]
        try:
            if self._is_cut:
                return
            their_reader, their_writer = await asyncio.open_connection(*self._target)
            ends.append(their_writer)
            async with asyncio.TaskGroup() as group:
                group.create_task(_pump(reader, their_writer))
                group.create_task(_pump(their_reader, writer))
        except* (OSError, asyncio.CancelledError):
            pass
        finally:
            self._passing.discard(task)
            for end in ends:
                end.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Ends with an OSError, so that the other direction ends, too."""
    while data := await reader.read(_PIECE):
        writer.write(data)
        await writer.drain()
    raise ConnectionResetError
