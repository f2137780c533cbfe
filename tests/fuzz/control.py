"""Target ``control``: lines on a real daemon's socket; each is answered, and none with a bug."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any, Final

from steward.config.settings import Limits
from steward.control import protocol
from steward.errors import StewardError
from tests.fuzz.house import PATIENCE, House, house, on_air
from tests.fuzz.inputs import Finding, Input
from tests.fuzz.mutators import Corpus
from tests.fuzz.watch import Watch, watching

_ID: Final = "0199a3c4-0000-7000-8000-000000000001"
_MESSAGE: Final = {
    "toNode": "ghost1", "data": ["a line\n"], "commandOrEvent": "EventACK", "method": "TextLogging",
    "timeout": 10, "retries": 3, "ttl": "10m", "methodTimeout": 5, "parallel": False,
    "id": "given-1",
}  # fmt: skip
_REQUESTS: Final[Sequence[tuple[str, Mapping[str, Any]]]] = (
    ("status", {}), ("health", {}), ("processes", {}),
    ("submit", {"messages": [_MESSAGE]}),
    ("submit", {
        "messages": [{**_MESSAGE, "id": None}, {**_MESSAGE, "toNode": "ghost2"}], "job": "j-1",
    }),
    ("submit", {"messages": [{
        "toNode": "ghost3", "data": ["sh", "-c", "x"], "commandOrEvent": "CommandACK",
        "method": "ShellCommand",
    }]}),
    ("submit", {"messages": [{
        "toNode": "central", "data": [_ID], "commandOrEvent": "EventACK", "method": "Cancel",
    }]}),
    ("messages", {
        "state": ["queued", "sent"], "node": ["ghost1"], "method": ["TextLogging"], "job": "j-1",
        "text": "line", "problems": False, "all": True, "limit": 10, "sort": "-accepted",
    }),
    ("messages", {"ids": [_ID], "brief": True, "cursor": "17", "text": ["a", "b"]}),
    ("message", {"id": "given-1"}),
    ("wait", {"ids": ["given-1"], "timeout": 0.001}),
    ("cancel", {"ids": ["given-1", _ID]}), ("retry", {"ids": ["given-1"]}),
    ("replay", {"lines": [{
        "event": "accepted", "time": "2026-01-01T00:00:00Z", "fromNode": "x", **_MESSAGE,
    }]}),
    ("resolve", {"targets": ["ghost*", "env=prod", "@all", "ghost1"]}),
    ("nodes", {"names": ["ghost1"], "after": "a", "limit": 5}), ("nodes", {}),
    ("node", {"name": "central"}),
    ("hold", {"nodes": ["ghost1"]}), ("release", {"nodes": ["ghost1"]}),
    ("clear", {"nodes": ["ghost2"]}),
    ("forget", {"nodes": ["ghost2"]}), ("release", {"all": True}),
    ("errors", {
        "node": "central", "level": ["error"], "text": "x", "limit": 5, "cursor": "9", "after": 3,
    }),
    ("startProcess", {"name": "settler"}),
    ("explain", {"from": "ship1", "method": "ShellCommand", "args": ["ls"]}),
    ("jobs", {"limit": 5, "cursor": "3", "text": "x"}), ("job", {"job": "j-1"}),
    ("watch", {"topics": ["messages", "nodes"]}), ("follow", {"id": "given-1"}),
    ("follow", {"id": None}),
)  # fmt: skip
_LONGEST_WAIT: Final = 0.05


class Control:
    """``where`` is nothing; the payload is a line."""

    name = "control"
    share = 0.2
    batch = 500
    lifetime = 10_000

    def __init__(self) -> None:
        lines = [
            protocol.request(n, method, params).rstrip()
            for n, (method, params) in enumerate(_REQUESTS)
        ]
        self._corpus = Corpus(lines)

    def make(self, rng: Random) -> Input:
        return Input("", self._corpus.mutated(rng, intact=0.1).replace(b"\n", b" "))

    @asynccontextmanager
    async def world(self, folder: Path) -> AsyncIterator[_Desk]:
        limits = Limits(ballast_bytes=0, free_bytes=0, queue=500)
        with watching() as watch:
            async with on_air(Counter()), house(folder, "central", watch, limits=limits) as central:
                yield _Desk(central, watch)
                await central.is_whole()


class _Desk:
    def __init__(self, central: House, watch: Watch) -> None:
        self._central, self._watch = central, watch
        self._marks = 0
        self._figures: Counter[str] = Counter()

    def figures(self) -> dict[str, float]:
        return dict(self._figures)

    async def take(self, batch: Sequence[Input]) -> None:
        lines = [one.payload for one in batch if not _waits_long(one.payload)]
        reader, writer = await asyncio.open_unix_connection(
            str(self._central.folder / "steward.sock"), limit=protocol.MAX_LINE
        )
        try:
            async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
                group.create_task(self._say(writer, lines), name="says")
                group.create_task(self._hear(reader, sum(map(_is_answered, lines))), name="hears")
                group.create_task(self._canary(), name="canary")
        except TimeoutError:
            raise Finding("a line is not answered") from None
        except BaseExceptionGroup as several:
            raise several.exceptions[0] from several
        finally:
            writer.close()
        self._central.check()
        self._watch.check()
        if self._marks % 4 == 0:
            await self._central.ask("clear", all=True)

    async def _say(self, writer: asyncio.StreamWriter, lines: Sequence[bytes]) -> None:
        for line in lines:
            writer.write(line + b"\n")
            await writer.drain()

    async def _hear(self, reader: asyncio.StreamReader, answers: int) -> None:
        while answers:
            line = await reader.readline()
            if not line:
                raise Finding(f"the connection is closed, {answers} answers are missing")
            told = json.loads(line)
            if "method" in told:
                continue
            answers -= 1
            self._figures["answers" if "result" in told else "errors"] += 1
            if "error" in told:
                error = told["error"]
                if error["code"] == protocol.INTERNAL_ERROR or not error["message"]:
                    raise Finding(f"answered with {error}")

    async def _canary(self) -> None:
        """Accepted once, as it is, while the others shout."""
        self._marks += 1
        ids = [f"canary-{self._marks}-{n}" for n in range(5)]
        messages = [{**_MESSAGE, "toNode": "harbour", "id": id, "data": [id]} for id in ids]
        try:
            first = await self._central.ask("submit", messages=messages)
            again = await self._central.ask("submit", messages=messages)
        except StewardError as error:
            raise Finding(f"a valid message is not taken: {error}") from error
        if [m["id"] for m in first["accepted"]] != ids or first["refused"]:
            raise Finding(f"valid messages are not all accepted: {first}")
        if not all(m.get("duplicate") for m in again["accepted"]) or again["refused"]:
            raise Finding(f"valid messages are accepted twice: {again}")


def _is_answered(line: bytes) -> bool:
    """Unless it is blank, or a notification."""
    if not line.strip():
        return False
    try:
        return protocol.parse_request(line).id is not None
    except protocol.Malformed:
        return True


def _waits_long(line: bytes) -> bool:
    """A request that is answered when its time is up says nothing here."""
    try:
        request = protocol.parse_request(line)
    except protocol.Malformed:
        return False
    seconds = request.params.get("timeout")
    is_long = isinstance(seconds, int | float) and seconds > _LONGEST_WAIT
    return request.method == "wait" and is_long
