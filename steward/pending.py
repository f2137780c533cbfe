"""What was published and still waits in this machine: how much, and until when."""

from __future__ import annotations

import asyncio
from typing import NamedTuple, Protocol

from steward.link import Link


class Client(Protocol):
    """What is needed of a client here."""

    @property
    def pending_data_size(self) -> int: ...

    @property
    def is_connected(self) -> bool: ...


class Mark(NamedTuple):
    """A place in what one connection has sent; see ``Bus.has_left``."""

    connection: int
    position: int


def end(client: Client, link: Link) -> int:
    """The position right behind what was published last."""
    return link.written + client.pending_data_size


def has_left(client: Client, link: Link, position: int) -> bool:
    """Whether nothing from before ``position`` waits any more."""
    unsent = link.unsent()
    return link.written - unsent >= position or not (unsent or client.pending_data_size)


async def settle(client: Client, link: Link, most: int, seconds: float) -> bool:
    """Until at most ``most`` bytes wait in this process. False: lost, or too slow."""
    if client.pending_data_size + link.buffered() <= most:
        return client.is_connected
    try:
        async with asyncio.timeout(seconds):
            while client.is_connected and client.pending_data_size + link.buffered() > most:
                await link.drain()
                await asyncio.sleep(0)  # the client's own task hands on what it still holds
    except TimeoutError:
        return False
    return client.is_connected
