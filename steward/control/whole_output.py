"""The whole output of a command: what its result brought, and the rest from the node in chunks."""

from __future__ import annotations

import asyncio
import binascii
import contextlib
import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Protocol

from steward.errors import StewardError
from steward.message import State, new_id
from steward.result import get_bytes

CHUNK: Final = 256 * 1024
PATIENCE: Final = 5.0
"""Seconds of silence after which somebody who looks on is told who is waited for."""
_AHEAD: Final = 4
"""Chunks asked for before the first has come: a slow link is kept busy."""
_TTL: Final = 600
"""Seconds after which a chunk that nobody waits for any more need not be sent."""
_FAREWELL: Final = 1.0
"""Seconds to take back what was asked for."""


class Asks(Protocol):
    """A conversation with the daemon."""

    async def call(self, method: str, /, **params: Any) -> Any:
        """The answer. Raises StewardError."""
        ...


class NotAsAnnounced(StewardError):
    """All came, and its size or its SHA-256 is not that of the result."""

    code = "not_as_announced"


class PullFailed(StewardError):
    """The rest of an output did not come; ``message``: the request that ended ill, if one did."""

    code = "pull_failed"
    message: Mapping[str, Any] | None = None


class Pull:
    """One stream (``stdout`` or ``stderr``) of the output of a message that has a result.

    ``waits`` is told, once, that the node does not answer.
    """

    def __init__(
        self,
        client: Asks,
        message: Mapping[str, Any],
        stream: str,
        waits: Callable[[], None] = lambda: None,
    ) -> None:
        self._client = client
        self._message = message
        self._stream = stream
        self._waits = waits
        self._result: Mapping[str, Any] = message["result"]
        self._hash = hashlib.sha256()
        self._given = 0
        self._has_told = False
        self._asked: deque[tuple[str, int, int]] = deque()
        cut = self._result.get(f"{stream}Cut")
        self.cut = cut if isinstance(cut, int) and cut > 0 else 0
        self._head = self._bytes(self._result, stream)
        self._tail = self._bytes(self._result, f"{stream}Tail") if self.cut else b""
        self.size = len(self._head) + self.cut + len(self._tail)

    def _bytes(self, result: Mapping[str, Any] | None, name: str) -> bytes:
        try:
            return get_bytes(result, name)
        except (binascii.Error, ValueError):
            node = self._message["toNode"]
            raise PullFailed(f"what {node} sent cannot be read", "is it of this version?") from None

    def already(self, data: bytes) -> None:
        """Bytes that somebody has from an earlier try; :meth:`run` goes on after all of them."""
        self._hash.update(data)
        self._given += len(data)

    async def run(self, start: int, take: Callable[[bytes, bool], None]) -> None:
        """Hand over the rest, in order; the last piece is marked. Whoever cancels it takes back
        what was asked of the node. Raises PullFailed and NotAsAnnounced."""
        head = len(self._head)
        if start < head:
            self._give(self._head[start:], take)
        if self.cut:
            tail_at = head + self.cut
            try:
                await self._chunks(max(start, head), tail_at, take)
            except BaseException:
                await self._take_back()
                raise
            self._give(self._tail[max(0, start - tail_at) :], take)
        take(b"", True)
        self._check()

    def _check(self) -> None:
        told = self._result.get(f"{self._stream}Sha256")
        size = self._result.get(f"{self._stream}Size")
        if told and told != self._hash.hexdigest():
            differs = f"SHA-256 {self._hash.hexdigest()} instead of {told}"
        elif isinstance(size, int) and size != self._given:
            differs = f"{self._given:,} bytes instead of {size:,}"
        else:
            return
        raise NotAsAnnounced(
            f"{self._stream} of {self._message['id']} is not what was announced: {differs}",
            "fetch it anew; if it happens again, the file on the node was changed",
        )

    def _give(self, data: bytes, take: Callable[[bytes, bool], None]) -> None:
        if data:
            self._hash.update(data)
            self._given += len(data)
            take(data, False)

    async def _chunks(self, start: int, end: int, take: Callable[[bytes, bool], None]) -> None:
        places: Iterator[tuple[int, int]] = (
            (offset, min(CHUNK, end - offset)) for offset in range(start, end, CHUNK)
        )
        asked = self._asked
        while True:
            for offset, limit in places:
                asked.append((await self._ask(offset, limit), offset, limit))
                if len(asked) >= _AHEAD:
                    break
            if not asked:
                return
            id, offset, limit = asked[0]
            data = self._bytes((await self._answered(id)).get("result"), "stdout")[:limit]
            asked.popleft()
            if not data:
                raise PullFailed(
                    f"of the next {limit:,} bytes of {self._stream} the node has none",
                    "it may have made room: old output is removed there",
                )
            self._give(data, take)
            if len(data) < limit:
                # Its broker takes less at once: the rest of this piece comes before the next.
                offset, limit = offset + len(data), limit - len(data)
                asked.appendleft((await self._ask(offset, limit), offset, limit))

    async def _take_back(self) -> None:
        """Cancel what nobody waits for any more: a slow link needn't carry it."""
        ids = [id for id, _, _ in self._asked]
        if ids:
            with contextlib.suppress(StewardError, OSError, TimeoutError):
                async with asyncio.timeout(_FAREWELL):
                    await self._client.call("cancel", ids=ids)

    async def _ask(self, offset: int, limit: int) -> str:
        message = {
            "id": new_id(),
            "toNode": self._message["toNode"],
            "commandOrEvent": "CommandACK",
            "method": "ReadRun",
            "data": [self._message["id"], self._stream, str(offset), str(limit)],
            "parallel": True,
            "ttl": _TTL,
        }
        answer = await self._client.call("submit", messages=[message])
        for refused in answer["refused"]:
            raise PullFailed(refused["text"], refused.get("hint", ""))
        return str(message["id"])

    async def _answered(self, id: str) -> dict[str, Any]:
        while True:
            seconds = 30.0 if self._has_told else PATIENCE
            answer = await self._client.call("wait", ids=[id], timeout=seconds)
            if answer["pending"] and not self._has_told:
                self._has_told = True
                self._waits()
            for message in answer["done"]:
                if message["state"] == State.SUCCEEDED:
                    return dict(message)
                why = f": {message['reason']}" if message.get("reason") else ""
                state = str(message["state"]).replace("_", " ")
                error = PullFailed(
                    f"{message['toNode']} did not send the rest: {state}{why}",
                    "try again later: it goes on where it stopped",
                )
                error.message = message
                raise error
