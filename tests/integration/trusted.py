"""A broker with TLS and a list of whom it lets in, and those whom it does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from secrets import token_bytes

import nkeys

from node.broker_config import Tls
from node.certificates import server_certificate
from steward.bus import Bus


def nkey_seed() -> bytes:
    """A fresh nkey of a user, in its text form."""
    return bytes(nkeys.encode_seed(token_bytes(32), nkeys.PREFIX_BYTE_USER))


def signed(ca: Path, hosts: Sequence[str]) -> Tls:
    """A certificate for ``hosts`` by the CA in that folder."""
    files = Tls(ca / "server.pem", ca / "server.key")
    server_certificate(ca, hosts, files)
    return files


@asynccontextmanager
async def running(bus: Bus) -> AsyncIterator[Bus]:
    """The bus while its task runs."""
    task = asyncio.create_task(bus.run())
    try:
        yield bus
    finally:
        task.cancel()
        done, _ = await asyncio.wait({task}, timeout=5)
        assert done, "the bus hangs while it stops"
