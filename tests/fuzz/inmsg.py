"""Target ``inmsg``: what is appended to ``inmsg.txt``; the pure parser for volume, and the real
intake on a real file with a real store."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any, Final
from unittest import mock

from node import claimed_file
from node.file_intake import FileIntake
from node.intake import Intake
from node.intake_parser import Element, Garbage, Position, parse
from steward.config import Settings
from steward.config.settings import Limits
from steward.errors import StewardError
from steward.message import NOBODY
from steward.store import Store, Tables
from steward.subjects import NodeName
from tests.fuzz.inputs import Finding, Input
from tests.fuzz.mutators import Corpus
from tests.fuzz.watch import Watch, watching

_MESSAGE: Final = {
    "toNode": "ghost1", "data": ["a line\n", 'quoted " [x] {y} \\'], "commandOrEvent": "EventACK",
    "method": "TextLogging", "timeout": 10, "retries": 3, "ttl": "10m", "parallel": False,
}  # fmt: skip
_COMMAND: Final = {
    "toNode": "ghost2", "data": ["sh", "-c", "echo é"], "commandOrEvent": "CommandACK",
    "method": "ShellCommand", "methodTimeout": 5, "id": "given-1",
}  # fmt: skip
_VALID: Final[Sequence[Any]] = (
    [_MESSAGE], _COMMAND, [_MESSAGE, _COMMAND, 5, _MESSAGE], [_COMMAND] * 6, [[]], {},
)  # fmt: skip
_DOCUMENTS: Final = tuple(
    json.dumps(document, indent=indent).encode() for document in _VALID for indent in (None, 1)
)
_BLANK: Final = b" \t\r\n,[]\xef\xbb\xbf"
_BREAK: Final = b"\n}\n"
"""No document goes on behind it: what is valid then stands on its own."""


class Inmsg:
    """``where`` says by whom it is read: ``parser`` or ``file``."""

    name = "inmsg"
    share = 0.25
    batch = 1000
    lifetime = 50_000

    def __init__(self) -> None:
        self._corpus = Corpus(_DOCUMENTS)

    def make(self, rng: Random) -> Input:
        where = "file" if rng.random() < 0.3 else "parser"
        data = self._corpus.mutated(rng, intact=0.1)
        return Input(where, data + rng.choice((b"", b"\n", b" ")))

    @asynccontextmanager
    async def world(self, folder: Path) -> AsyncIterator[_Desk]:
        me = NodeName("central")
        store = await Store.open(folder, me, min_free=0, ballast=0)
        try:
            with watching() as watch, mock.patch.object(claimed_file, "LATE_WRITERS", 0.0):
                desk = _Desk(folder, store, watch)
                yield desk
                await desk.end()
        finally:
            await store.close()


class _Desk:
    def __init__(self, folder: Path, store: Store, watch: Watch) -> None:
        self._folder, self._store, self._watch = folder, store, watch
        self._marks = 0
        self._figures: Counter[str] = Counter()
        settings = Settings(
            node=NodeName("central"), state_dir=folder, limits=Limits(queue=1_000_000)
        )
        self._checks = FileIntake(settings, store, store.clock.now, lambda lanes: None)
        self._intake = Intake(folder, self._checks, self._checks.check, self._reported)

    def figures(self) -> dict[str, float]:
        return dict(self._figures)

    def _reported(self, error: StewardError) -> None:
        if not error.text:
            raise Finding("something is reported without a reason")

    async def take(self, batch: Sequence[Input]) -> None:
        appended = []
        for n, one in enumerate(batch):
            if one.where == "parser":
                self._parse(one.payload)
            else:
                appended.append(one.payload)
                if n % 10 == 0:
                    appended.append(self._canary())
        appended.append(self._canary())
        data = b"".join(appended)
        with (self._folder / "inmsg.txt").open("ab") as file:
            file.write(data)
        before = await self._messages()
        await self._handled()
        rejected = self._rejected()
        await self._compare(data, rejected, await self._messages() - before)
        self._watch.check()

    def _canary(self) -> bytes:
        message = {**_MESSAGE, "toNode": "harbour", "id": f"canary-{self._marks}"}
        self._marks += 1
        return _BREAK + json.dumps([message]).encode() + b"\n"

    def _parse(self, data: bytes) -> None:
        """Every byte is in an element, or garbage with a reason, or between them; what is valid
        behind it is found; and no size of what is read at once changes that."""
        mark = b'[{"toNode":"harbour"}]'
        whole = data + _BREAK + mark
        items = list(parse(lambda at, size: whole[at : at + size], Position(), final=True))
        end = 0
        for item in items:
            between = whole[end : item.start]
            if item.start < end or set(between) - set(_BLANK):
                raise Finding(f"{between!r} is neither an element nor garbage")
            if isinstance(item, Garbage) and not item.reason:
                raise Finding("garbage has no reason")
            end = item.end
        last = items[-1]
        if not isinstance(last, Element) or last.value != {"toNode": "harbour"}:
            raise Finding(f"what is valid is not found behind it: {last}")
        if len(whole) < 2000:
            one = list(
                parse(lambda at, size: whole[at : at + min(size, 7)], Position(), final=True)
            )
            if one != items:
                raise Finding("seven bytes at a time, something else is found")
        self._figures["elements"] += len(items)

    async def _handled(self) -> None:
        """Until the file and all that was claimed of it is gone."""
        for _ in range(100):
            await self._intake.look()
            if not self._intake.status.open:
                raise Finding(f"the intake stands still: {self._intake.status.reason}")
            claimed = [p for p in self._folder.iterdir() if p.name.startswith("inmsg")]
            if all(p.stat().st_size == 0 for p in claimed):
                return
        raise Finding(f"{[p.name for p in claimed]} is never finished")

    def _rejected(self) -> list[dict[str, Any]]:
        """What was rejected since the last look, which it has to be with its reason."""
        found: list[dict[str, Any]] = []
        for path in sorted((self._folder / "rejected").glob("*")):
            found += [json.loads(line) for line in path.read_bytes().splitlines()]
            path.unlink()
        for entry in found:
            if not entry["reason"] or entry["line"] < 1:
                raise Finding(f"rejected without a reason: {entry}")
        return found

    async def _compare(self, data: bytes, rejected: Sequence[Any], accepted: int) -> None:
        """Each element and each piece of garbage is accepted, rejected, or was there already."""
        items = list(parse(lambda at, size: data[at : at + size], Position(), final=True))
        good, ids = 0, set()
        for item in items:
            if isinstance(item, Element):
                try:
                    message = self._checks.check(item.value, None, NOBODY)
                except StewardError:
                    continue
                good += 1
                ids.add(message.id)
        self._figures["accepted"] += accepted
        self._figures["rejected"] += len(rejected)
        again = len(items) - accepted - len(rejected)
        if again < 0 or again > good or len(rejected) < len(items) - good:
            raise Finding(
                f"{len(items)} pieces, {good} of them messages: {accepted} accepted,"
                f" {len(rejected)} rejected"
            )

    async def _messages(self) -> int:
        def count(tables: Tables) -> int:
            found: int = tables.outbox.con.execute("SELECT count(*) FROM message").fetchone()[0]
            return found

        return await self._store.read(count)

    async def end(self) -> None:
        """Raises Finding unless every canary was accepted once, in order."""

        def look(tables: Tables) -> list[tuple[str]]:
            return tables.outbox.con.execute(
                "SELECT id FROM message WHERE id LIKE 'canary-%' ORDER BY n"
            ).fetchall()

        expected = [(f"canary-{n}",) for n in range(self._marks)]
        if await self._store.read(look) != expected:
            raise Finding(f"of {self._marks} canaries not each was accepted once, in order")
        self._intake.close()
