"""Target ``lines``: what else is read line by line: the runner's requests, the daemon's answers and
notifications at the client, and files of messages for ``submit`` and ``messages replay``."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any, Final

from node.runner import Runner
from steward.cli.submit import documents, parts, read
from steward.control import protocol
from steward.errors import StewardError
from tests.fuzz.inputs import Finding, Input
from tests.fuzz.mutators import Corpus

_KEY: Final = "0123456789abcdef" * 2
_REQUESTS: Final = (
    {"op": "list"},
    {"op": "kill", "key": _KEY},
    {"op": "start", "key": _KEY, "argv": ["true", "é"], "env": {"A": "b"}, "deadline": 5.0},
    {"op": "start", "key": _KEY, "argv": ["true"], "deadline": None, "stdin": "AP8="},
)
_JOURNALED: Final = {
    "event": "accepted", "time": "2026-01-01T00:00:00Z", "id": "given-1", "fromNode": "central",
    "toNode": "ship1", "data": ["a line\n"], "commandOrEvent": "EventACK", "method": "TextLogging",
}  # fmt: skip


class Lines:
    """``where`` is ``runner``, ``answers`` or ``journal``."""

    name = "lines"
    share = 0.1
    batch = 1000
    lifetime = 10**9

    def __init__(self) -> None:
        failure = protocol.failure(3, protocol.STEWARD_ERROR, StewardError("no", "a hint"))
        told = (
            protocol.success(1, {"messages": [_JOURNALED], "cursor": None}), failure,
            protocol.notification("changed", {"messages": ["x"]}),
        )  # fmt: skip
        journal = json.dumps(_JOURNALED).encode()
        self._corpora = {
            "runner": Corpus([json.dumps(request).encode() for request in _REQUESTS]),
            "answers": Corpus([line.strip() for line in told]),
            "journal": Corpus([journal, b"[" + journal + b"," + journal + b"]"]),
        }

    def make(self, rng: Random) -> Input:
        where = rng.choice(sorted(self._corpora))
        data = self._corpora[where].mutated(rng)
        return Input(where, data if where == "journal" else data.replace(b"\n", b" "))

    @asynccontextmanager
    async def world(self, folder: Path) -> AsyncIterator[_Desk]:
        yield _Desk(folder)


class _Children:
    """In the place of the runner's: whatever is left of a command after mutation is not run."""

    def keys(self) -> list[str]:
        return []

    def kill(self, _key: str, _why: str) -> bool:
        return False

    def start(self, _key: str, argv: list[str], env: dict[str, str], *_: object) -> Any:
        # What the system call would refuse.
        for word in (*argv, *env, *env.values()):
            if "\0" in word:
                raise ValueError("embedded null byte")
            word.encode("utf-8", "surrogateescape")
        return SimpleNamespace(pid=1, started=1.0)


class _Desk:
    def __init__(self, folder: Path) -> None:
        self._file = folder / "messages.jsonl"
        self._runner = Runner.__new__(Runner)
        self._runner.children = _Children()  # type: ignore[assignment]
        self._figures: Counter[str] = Counter()
        self._read: dict[str, Callable[[bytes], None]] = {
            "runner": self._ask, "answers": self._hear, "journal": self._replay,
        }  # fmt: skip

    def figures(self) -> dict[str, float]:
        return dict(self._figures)

    async def take(self, batch: Sequence[Input]) -> None:
        for one in batch:
            try:
                self._read[one.where](one.payload)
            except Finding:
                raise
            except Exception as error:
                raise Finding(f"{one.where}: {type(error).__name__}: {error}") from error
        started = self._runner.answer(json.dumps(_REQUESTS[2]).encode())
        if started.get("started") != 1:
            raise Finding(f"what is valid is no longer started: {started}")

    def _ask(self, line: bytes) -> None:
        """One answer to a line, that can be sent."""
        told = self._runner.answer(line)
        json.dumps(told).encode()
        if "error" in told and not told["error"]:
            raise Finding("the runner refuses without a reason")
        self._figures["refused" if "error" in told else "done"] += 1

    def _hear(self, line: bytes) -> None:
        """An answer, a notification, or the error for what is neither."""
        try:
            told = protocol.parse_reply(line)
        except StewardError as error:
            self._told(error)
            return
        if isinstance(told, protocol.Answer) and told.error is not None:
            str(told.error)

    def _replay(self, data: bytes) -> None:
        self._file.unlink(missing_ok=True)  # quicker than to cut it
        self._file.write_bytes(data)
        try:
            for _ in parts(documents("messages.jsonl", read(str(self._file)))):
                self._figures["parts"] += 1
        except StewardError as error:
            self._told(error)

    def _told(self, error: StewardError) -> None:
        if not error.text:
            raise Finding("refused without a reason")
        self._figures["errors"] += 1
