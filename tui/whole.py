"""The whole output of one message: fetched from its node beside all else, kept while looked at."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from steward.control.whole_output import Asks, NotAsAnnounced, Pull, PullFailed
from steward.errors import StewardError
from tui import texts
from tui.rows import MessageRow
from tui.search import QUICK
from tui.sheets import Sheet

MOST: Final = 128 * 1024 * 1024
"""Bytes of one message's output that the console holds."""
STREAMS: Final = ("stdout", "stderr")


@dataclass
class Part:
    """One stream of it. ``fault``: why it doesn't come, or what is wrong with it."""

    size: int
    digest: str = ""
    pieces: list[bytes] = field(default_factory=list)
    have: int = 0
    is_fetching: bool = False
    fault: str = ""
    differs: bool = False
    raw: bytes | None = None
    sheet: Sheet | None = None
    cells: int = 0


class Whole:
    """What was fetched so far; a later :meth:`fetch` goes on from there. ``changed`` is called
    whenever there is something new to show."""

    def __init__(self, client: Asks, row: MessageRow, changed: Callable[[], None]) -> None:
        self._client, self._row, self._changed = client, row, changed
        result = row.result or {}
        self.parts: dict[str, Part] = {
            stream: Part(0, str(result.get(stream + "Sha256") or ""))
            for stream in STREAMS
            if isinstance(cut := result.get(stream + "Cut"), int) and cut > 0
        }

    @property
    def is_wanted(self) -> bool:
        """Whether anything is still to be fetched."""
        return any(part.raw is None for part in self.parts.values())

    @property
    def is_fetching(self) -> bool:
        """Whether it is under way."""
        return any(part.is_fetching for part in self.parts.values())

    async def fetch(self, cells: int, waits: Callable[[], str]) -> None:
        """Fetch what is missing. What goes wrong is said in its part; ``waits`` says why the node
        may not answer. Whoever cancels this keeps what came."""
        about: dict[str, Any] = {
            "id": self._row.id,
            "toNode": self._row.to_node,
            "result": self._row.result,
        }
        held = 0
        for stream, part in self.parts.items():
            if part.raw is None:
                part.fault = ""
                part.is_fetching = True
                try:
                    await self._pull(about, stream, part, waits, MOST - held)
                except StewardError as error:
                    part.fault = f"{error.text}. {error.hint}" if error.hint else error.text
                finally:
                    part.is_fetching = False
                    self._changed()
                if part.raw is None:
                    return
                await self.fold(part, cells)
            held += len(part.raw)

    async def _pull(
        self, about: dict[str, Any], stream: str, part: Part, waits: Callable[[], str], room: int
    ) -> None:
        def told() -> None:
            part.fault = waits()
            self._changed()

        def take(data: bytes, last: bool) -> None:
            if data:
                part.pieces.append(data)
                part.have += len(data)
                part.fault = ""
                self._changed()

        pull = Pull(self._client, about, stream, told)
        part.size = pull.size
        if pull.size > room:
            raise PullFailed(
                "the console holds 128 MiB of an output",
                f"steward messages output {self._row.id} --stream {stream} --to FILE",
            )
        for piece in part.pieces:
            pull.already(piece)
        try:
            await pull.run(part.have, take)
        except NotAsAnnounced as error:
            part.differs, part.fault = True, error.text
        part.raw = b"".join(part.pieces)
        part.pieces.clear()

    async def fold(self, part: Part, cells: int) -> None:
        """Make its text, for a pane as wide as this."""
        part.cells = cells
        raw = part.raw or b""
        if len(raw) > QUICK:
            part.sheet = await asyncio.to_thread(texts.opened, raw, cells)
        else:
            part.sheet = texts.opened(raw, cells)
        self._changed()
