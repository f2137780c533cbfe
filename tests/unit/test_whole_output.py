"""The rest of an output is fetched in chunks, checked, and taken back when nobody waits for it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Mapping
from typing import Any

import pytest

from steward.control.whole_output import CHUNK, NotAsAnnounced, Pull, PullFailed

WHOLE = bytes(range(256)) * 4096 + b"the end"


class Daemon:
    """Answers ReadRun from ``WHOLE``, until it is told not to."""

    def __init__(self) -> None:
        self.asked: dict[str, list[str]] = {}
        self.cancelled: list[str] = []
        self.is_away = False
        self.answer: dict[str, Any] | None = None

    async def call(self, method: str, /, **params: Any) -> Any:
        if method == "submit":
            (message,) = params["messages"]
            self.asked[message["id"]] = message["data"]
            return {"accepted": [{"index": 0, "id": message["id"]}], "refused": []}
        if method == "cancel":
            self.cancelled += params["ids"]
            return {"results": []}
        if self.is_away:
            await asyncio.sleep(0.01)
            return {"done": [], "pending": params["ids"]}
        (id,) = params["ids"]
        start, limit = map(int, self.asked[id][2:])
        result = {"stdoutB64": _base64(WHOLE[start : start + limit])}
        done = {"id": id, "toNode": "ship1", "state": "succeeded", "result": result}
        return {"done": [done | (self.answer or {})], "pending": []}


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def message(**more: Any) -> Mapping[str, Any]:
    """A message whose result has the first and the last hundred bytes."""
    result = {
        "stdoutB64": _base64(WHOLE[:100]),
        "stdoutTailB64": _base64(WHOLE[-100:]),
        "stdoutCut": len(WHOLE) - 200,
        "stdoutSize": len(WHOLE),
        "stdoutSha256": hashlib.sha256(WHOLE).hexdigest(),
    }
    return {"id": "about", "toNode": "ship1", "result": result | more}


async def pulled(daemon: Daemon, about: Mapping[str, Any]) -> bytes:
    pieces: list[bytes] = []
    await Pull(daemon, about, "stdout").run(0, lambda data, last: pieces.append(data))
    return b"".join(pieces)


async def test_it_is_whole_and_as_announced() -> None:
    daemon = Daemon()
    assert await pulled(daemon, message()) == WHOLE
    assert [data[2] for data in daemon.asked.values()] == [
        str(offset) for offset in range(100, len(WHOLE) - 100, CHUNK)
    ]
    assert daemon.cancelled == []


@pytest.mark.parametrize("wrong", [{"stdoutSha256": "00"}, {"stdoutSize": 7, "stdoutSha256": ""}])
async def test_what_is_not_as_announced_is_said(wrong: dict[str, Any]) -> None:
    with pytest.raises(NotAsAnnounced, match="is not what was announced"):
        await pulled(Daemon(), message(**wrong))


async def test_who_gives_up_takes_back_what_was_asked() -> None:
    daemon = Daemon()
    daemon.is_away = True
    told: list[str] = []
    pull = Pull(daemon, message(), "stdout", lambda: told.append("waits"))
    task = asyncio.create_task(pull.run(0, lambda data, last: None), name="pull")
    async with asyncio.timeout(10):
        while not told:
            await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert told == ["waits"]
    assert daemon.cancelled == list(daemon.asked)
    assert len(daemon.cancelled) == 4


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"result": {"stdoutB64": "a"}}, "cannot be read"),
        ({"result": None}, "the node has none"),
        ({"state": "timed_out", "reason": "no link"}, "did not send the rest: timed out: no link"),
    ],
)
async def test_what_does_not_come_is_said(answer: dict[str, Any], words: str) -> None:
    daemon = Daemon()
    daemon.answer = answer
    with pytest.raises(PullFailed, match=words):
        await pulled(daemon, message())
