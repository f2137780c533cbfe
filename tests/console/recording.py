"""What a real daemon answered to a console, kept in a file, and answered again from there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from typing import Any

from steward.control.client import ControlClient
from steward.errors import NotPossible
from tui.times import Clock


@dataclass
class Note:
    """What a daemon said unasked."""

    method: str
    params: dict[str, Any]


@dataclass
class Recording:
    """The latest answer to each question, the output that came meanwhile, and when that was."""

    wall: float = 0.0
    answers: dict[str, Any] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    asked: set[str] = field(default_factory=set)
    """The questions that were answered from here."""

    @classmethod
    def read(cls, path: Path) -> Recording:
        held = json.loads(path.read_text())
        notes = [Note(**note) for note in held["notes"]]
        return cls(held["wall"], held["answers"], notes)

    def write(self, path: Path, hidden: Mapping[str, str]) -> None:
        """Keep it, with every text of ``hidden`` replaced: what names this machine."""
        notes = [note.__dict__ for note in self.notes]
        held = {"wall": self.wall, "answers": self.answers, "notes": notes}
        text = json.dumps(held, indent=0, ensure_ascii=False, sort_keys=True)
        for word, instead in hidden.items():
            text = text.replace(word, instead)
        path.write_text(text + "\n")

    def forget_unasked(self) -> None:
        """Keep only what was answered from here, and what somebody followed."""
        self.answers = {asked: self.answers[asked] for asked in self.asked & self.answers.keys()}
        followed = {one for one in self.asked if one.startswith("follow")}
        self.notes = [
            note for note in self.notes if key("follow", {"id": note.params["id"]}) in followed
        ]

    @property
    def clock(self) -> Clock:
        """Stands at the moment that was recorded."""
        return Clock(lambda: self.wall, UTC)

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Replay]:
        """What a console calls to reach the daemon that was."""
        yield Replay(self)


class Replay:
    """Answers what was asked then."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._followed: asyncio.Queue[str] = asyncio.Queue()

    async def call(self, method: str, /, **params: Any) -> Any:
        if method == "follow" and params["id"]:
            self._followed.put_nowait(params["id"])
        asked = key(method, params)
        self._recording.asked.add(asked)
        try:
            return self._recording.answers[asked]
        except KeyError:
            raise NotPossible(f"{asked} was not asked when this was recorded") from None

    async def notifications(self) -> AsyncIterator[Note]:
        while id := await self._followed.get():
            for note in self._recording.notes:
                if note.params.get("id") == id:
                    yield note


class Recorder:
    """A real daemon's client that writes down all it hears."""

    def __init__(self, state_dir: Path, into: Recording) -> None:
        self._state_dir, self._into = state_dir, into
        self._client: ControlClient

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Recorder]:
        async with ControlClient(self._state_dir) as client:
            self._client = client
            yield self

    async def call(self, method: str, /, **params: Any) -> Any:
        answer = await self._client.call(method, **params)
        self._into.answers[key(method, params)] = answer
        return answer

    async def notifications(self) -> AsyncIterator[Note]:
        async for note in self._client.notifications():
            heard = Note(note.method, dict(note.params))
            if heard.method == "output":
                self._into.notes.append(heard)
            yield heard


def key(method: str, params: Mapping[str, Any]) -> str:
    """A question as the recording's key."""
    given = {name: value for name, value in params.items() if value is not None}
    return f"{method} {json.dumps(given, sort_keys=True, ensure_ascii=False)}"
