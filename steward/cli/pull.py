"""The whole output of a command: what its result brought, and the rest from the node in chunks."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from steward.cli import exits, views
from steward.cli.output import field, note
from steward.control.client import ControlClient
from steward.errors import NotPossible, StewardError
from steward.message import State, new_id

CHUNK: Final = 256 * 1024
_PATIENCE: Final = 5.0
"""Seconds of silence after which somebody at a terminal is told who is waited for."""
_AHEAD: Final = 4
"""Chunks asked for before the first has come: a slow link is kept busy."""
_TTL: Final = 600
"""Seconds after which a chunk that nobody waits for any more need not be sent."""


class NotAsAnnounced(StewardError):
    """All came, and its SHA-256 is not that of the result."""

    code = "not_as_announced"


class PullFailed(StewardError):
    """The rest of an output did not come."""

    code = "pull_failed"


def available(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """The result that a message has. Raises a StewardError whose exit status is the message's."""
    result = message.get("result")
    if result:
        return dict(result)
    error = NotPossible(
        f"message {message['id']} has no output: {views.outcome(message)}",
        f"steward messages show {message['id']}",
    )
    error.exit_status = exits.of_message(message)
    raise error


class Pull:
    """One stream (``stdout`` or ``stderr``) of one message's output, from ``start`` bytes on."""

    def __init__(self, client: ControlClient, message: Mapping[str, Any], stream: str) -> None:
        self._client = client
        self._message = message
        self._stream = stream
        self._result = available(message)
        self._hash = hashlib.sha256()
        self._has_told = False
        self.cut = int(self._result.get(f"{stream}Cut") or 0)
        self._head = field(self._result, stream)
        self._tail = field(self._result, f"{stream}Tail") if self.cut else b""
        self.size = len(self._head) + self.cut + len(self._tail)

    def already(self, data: bytes) -> None:
        """Bytes that somebody has from an earlier try; :meth:`run` goes on after all of them."""
        self._hash.update(data)

    async def run(self, start: int, take: Callable[[bytes, bool], None]) -> None:
        """Hand over the rest, in order; the last piece is marked.
        Raises PullFailed and NotAsAnnounced."""
        head = len(self._head)
        if start < head:
            self._give(self._head[start:], take)
        if self.cut:
            tail_at = head + self.cut
            await self._chunks(max(start, head), tail_at, take)
            self._give(self._tail[max(0, start - tail_at) :], take)
        take(b"", True)
        told = self._result.get(f"{self._stream}Sha256")
        if told and told != self._hash.hexdigest():
            raise NotAsAnnounced(
                f"{self._stream} of {self._message['id']} is not what was announced: "
                f"SHA-256 {self._hash.hexdigest()} instead of {told}",
                "fetch it anew; if it happens again, the file on the node was changed",
            )

    def _give(self, data: bytes, take: Callable[[bytes, bool], None]) -> None:
        if data:
            self._hash.update(data)
            take(data, False)

    async def _chunks(self, start: int, end: int, take: Callable[[bytes, bool], None]) -> None:
        places: Iterator[tuple[int, int]] = (
            (offset, min(CHUNK, end - offset)) for offset in range(start, end, CHUNK)
        )
        asked: deque[tuple[str, int, int]] = deque()
        while True:
            for offset, limit in places:
                asked.append((await self._ask(offset, limit), offset, limit))
                if len(asked) >= _AHEAD:
                    break
            if not asked:
                return
            id, offset, limit = asked.popleft()
            data = field((await self._answered(id)).get("result"), "stdout")
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
            seconds = 30.0 if self._has_told else _PATIENCE
            answer = await self._client.call("wait", ids=[id], timeout=seconds)
            if answer["pending"] and not self._has_told:
                self._has_told = True
                node = self._message["toNode"]
                note(f"{node} has the rest and does not answer yet; Ctrl-C ends the waiting")
            for message in answer["done"]:
                if message["state"] == State.SUCCEEDED:
                    return dict(message)
                error = PullFailed(
                    f"{message['toNode']} did not send the rest: {views.outcome(message)}",
                    "try again later: with --to FILE it goes on where it stopped",
                )
                error.exit_status = exits.of_message(message)
                raise error
