"""What a running command writes, on its way to one connection: bounded, however slow that is."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple, Protocol

from steward.result import put_bytes

MOST_BYTES: Final = 128 * 1024
"""Kept for a connection that does not read; of more the oldest goes, and the offsets show it."""
_AROUND: Final = 128
"""Bytes that a piece takes up beside its data, about."""


class Piece(NamedTuple):
    """Some bytes of ``stdout`` or ``stderr``, and how many of that stream are before them."""

    stream: str
    offset: int
    data: bytes


class Backlog:
    """The last pieces, at most ``most`` bytes in memory."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._pieces: deque[Piece] = deque()
        self._bytes = 0

    def __bool__(self) -> bool:
        return bool(self._pieces)

    def __iter__(self) -> Iterator[Piece]:
        return iter(self._pieces)

    def add(self, piece: Piece) -> None:
        self._pieces.append(piece)
        self._bytes += len(piece.data) + _AROUND
        while self._bytes > self._most:
            self.pop()

    def pop(self) -> Piece:
        """The oldest one."""
        piece = self._pieces.popleft()
        self._bytes -= len(piece.data) + _AROUND
        return piece


class Feed:
    """One connection that follows one message."""

    def __init__(self, id: str, wake: Callable[[], None]) -> None:
        self.id = id
        self._wake = wake
        self._backlog = Backlog(MOST_BYTES)

    def offer(self, piece: Piece) -> None:
        self._backlog.add(piece)
        self._wake()

    def take(self) -> list[dict[str, Any]]:
        """The parameters of the ``output`` notifications that are due."""
        told: list[dict[str, Any]] = []
        while self._backlog:
            piece = self._backlog.pop()
            told.append({"id": self.id, "stream": piece.stream, "offset": piece.offset})
            put_bytes(told[-1], "data", piece.data)
        return told


class Live(Protocol):
    """Where the output of running commands comes from."""

    async def follow(self, feed: Feed) -> None:
        """Offer it what its message's command writes from now on, and the last of what is known
        already. Raises UnknownId."""

    def leave(self, feed: Feed) -> None:
        """No more of it."""
