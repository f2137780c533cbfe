"""A node that keeps the output of its messages, and messages whose results hold the ends of it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from dataclasses import dataclass, field
from typing import Any

from textual.pilot import Pilot

from tests.console.conftest import sees
from tests.console.fake import FakeDaemon
from tests.console.world import message, node
from tui.screens.message import MessagePage

WHOLE = b"".join(b"line %06d of the engine's log, nothing to see\n" % n for n in range(22_000))


@dataclass
class Far(FakeDaemon):
    """A daemon whose node keeps the output of its messages."""

    outputs: dict[tuple[str, str], bytes] = field(default_factory=dict)
    reads: dict[str, list[str]] = field(default_factory=dict)
    cancelled: list[str] = field(default_factory=list)
    is_away: bool = False

    def on_submit(self, messages: list[dict[str, Any]], job: str | None = None) -> Any:
        (sent,) = messages
        self.reads[sent["id"]] = sent["data"]
        return {"accepted": [{"index": 0, "id": sent["id"]}], "refused": []}

    def on_cancel(self, ids: list[str]) -> dict[str, Any]:
        self.cancelled += ids
        return {"results": []}

    async def on_wait(self, ids: list[str], timeout: float) -> dict[str, Any]:
        await asyncio.sleep(0.01)
        if self.is_away:
            return {"done": [], "pending": ids}
        id, stream, start, limit = self.reads[ids[0]]
        data = self.outputs[id, stream][int(start) : int(start) + int(limit)]
        result = {"stdoutB64": base64.b64encode(data).decode()}
        done = {"id": ids[0], "toNode": "ship1", "state": "succeeded", "result": result}
        return {"done": [done], "pending": []}


def far(whole: bytes = WHOLE, **more: Any) -> Far:
    """A message whose result has the ends of its output, and a node that has it all."""
    cut = message(0, "ship1", "succeeded", ["cat", "engine.log"])
    cut["result"] |= {
        "stdout": whole[:30_000].decode(),
        "stdoutTail": whole[-30_000:].decode(),
        "stdoutCut": len(whole) - 60_000,
        "stdoutSize": len(whole),
        "stdoutSha256": hashlib.sha256(whole).hexdigest(),
    }
    cut["result"] |= more
    daemon = Far({"ship1": node("ship1")}, [cut])
    daemon.outputs[cut["id"], "stdout"] = whole
    return daemon


async def opens(pilot: Pilot[Any], index: int = 0) -> MessagePage:
    """The message of this row, opened with the keyboard."""
    await pilot.press("2")
    await sees(pilot, "HOW FAR")
    await sees(pilot, "ship1")
    await pilot.press(*["j"] * index, "enter")
    await sees(pilot, "timeline")
    page = pilot.app.screen
    assert isinstance(page, MessagePage)
    return page
