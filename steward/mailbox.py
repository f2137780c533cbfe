"""What arrives from the bus, and the bounded queue that it waits in."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class Incoming(NamedTuple):
    """What arrived, as it arrived: nothing in it is checked."""

    subject: str
    reply: str
    payload: bytes


class NoResponders(NamedTuple):
    """The broker knows nobody who listens on ``subject`` (empty: an old broker, which does not say
    where), as was asked with ``reply``. It is information: the node is not connected now. It
    proves nothing."""

    subject: str
    reply: str


class Mailbox(asyncio.Queue[T], Generic[T]):
    """A queue bounded in messages and in bytes. When it is full the newest is dropped, and counted:
    whoever sent it sends it again."""

    def __init__(self, most: int = 10_000, most_bytes: int = 64 * 1024 * 1024) -> None:
        super().__init__(most)
        self._most_bytes = most_bytes
        self.bytes = 0
        self.dropped = 0

    def offer(self, item: T) -> None:
        """Put it in, if there is room."""
        if self.full() or self.bytes + _size(item) > self._most_bytes:
            self.dropped += 1
        else:
            self.put_nowait(item)

    async def take(self, most: int) -> list[T]:
        """Wait for one; it, and what else is there by then."""
        taken = [await self.get()]
        while len(taken) < most and not self.empty():
            taken.append(self.get_nowait())
        return taken

    def _put(self, item: T) -> None:
        self.bytes += _size(item)
        super()._put(item)

    def _get(self) -> T:
        item = super()._get()
        self.bytes -= _size(item)
        return item


async def each(items: Sequence[T], work: Callable[[T], Awaitable[None]]) -> None:
    """Work on all of them at once; then raise what the first failure was. One that fails takes no
    other with it: a NACK kind comes once."""
    if len(items) == 1:
        return await work(items[0])
    for failure in await asyncio.gather(*map(work, items), return_exceptions=True):
        if failure is not None:
            raise failure


def _size(item: object) -> int:
    return len(item.payload) if isinstance(item, Incoming) else 0
