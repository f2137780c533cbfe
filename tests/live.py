"""Follows a command's output through a real daemon's socket, and notes what it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from steward.cli.output import field
from steward.control.client import ControlClient
from steward.errors import NoDaemon


class Watcher:
    """What one connection was told, in order."""

    def __init__(self) -> None:
        self.pieces: list[tuple[str, int, bytes]] = []

    def stream(self, name: str) -> bytes:
        """What was told of one stream, gaps left out."""
        return b"".join(data for stream, _, data in self.pieces if stream == name)

    def gaps(self, name: str) -> int:
        """Bytes that were left out before the last piece. Nothing may come twice."""
        at = left_out = 0
        for stream, offset, data in self.pieces:
            if stream == name:
                assert offset >= at, "told twice"
                left_out += offset - at
                at = offset + len(data)
        return left_out

    async def take(self, client: ControlClient) -> None:
        try:
            async for told in client.notifications():
                p = told.params
                assert told.method == "output"
                self.pieces.append((p["stream"], p["offset"], field(p, "data")))
        except NoDaemon:
            pass


@asynccontextmanager
async def following(state_dir: Path, id: str) -> AsyncIterator[Watcher]:
    """Follow ``id`` at the daemon of ``state_dir`` until left."""
    watcher = Watcher()
    async with ControlClient(state_dir) as client, asyncio.TaskGroup() as group:
        assert await client.call("follow", id=id) == {"following": id}
        taking = group.create_task(watcher.take(client))
        yield watcher
        taking.cancel()
