"""Lines to read and to search: any number of them, only those in sight are made and drawn."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar

from textual.binding import BindingType
from textual.geometry import Size
from textual.message import Message as Event
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.worker import Worker

from tui import actions, search
from tui.acting import Acting
from tui.ink import Line, Tone, width
from tui.search import Found
from tui.sheets import Document, Few
from tui.widgets.inked import Inked

STEP = 8
"""Cells that one key moves long lines sideways."""


class Lines(Acting, Inked, ScrollView, can_focus=True):
    """A text that scrolls both ways."""

    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings("lines")]

    class Searched(Event):
        """What is looked for was found, or isn't there: ``found`` says."""

    def __init__(self, id: str) -> None:
        super().__init__(id=id)
        self.document = Document([])
        self.found = Found()
        self._to_end = False
        self._from = 0

    def show(self, shown: Document | Sequence[Line], *, tail: bool = False) -> None:
        """Draw this from now on; the place in the text stays. ``tail``: somebody who is at the
        end stays at the end."""
        fresh = shown if isinstance(shown, Document) else Document.of(shown)
        before = self.document
        if fresh == before:
            return
        self._to_end = tail and (self._to_end or self.is_at_end)
        self.document = fresh
        self.virtual_size = Size(fresh.cells, fresh.rows)
        if self._to_end or self.scroll_offset.y > self.max_scroll_y:
            self.call_after_refresh(self._go_to_end)
        if self.found.typed:
            if _heavy(fresh) == _heavy(before) and len(fresh.sheets) == len(before.sheets):
                self.found = search.moved(fresh, self.found)
            else:
                self._seek(partial(search.again, fresh, self.found))
        self.refresh()

    @property
    def lines(self) -> list[Line]:
        """All of them, made: for a text that is known to be short."""
        return [self.document.line(row) for row in range(self.document.rows)]

    @property
    def is_at_end(self) -> bool:
        """Whether the last line is in sight."""
        return self.scroll_offset.y >= self.max_scroll_y

    def _go_to_end(self) -> None:
        self._to_end = False
        self.scroll_to(y=self.document.rows, animate=False, force=True)

    def look_for(self, typed: str) -> None:
        """Go to the first place of this text from here on; ``""``: look for nothing any more."""
        if not self.found.typed:
            self._from = self.scroll_offset.y
        self._seek(partial(search.first, self.document, typed, self._from), go=True)

    def look_on(self, by: int) -> None:
        """To the next place (1), or to the one before (-1)."""
        self._seek(partial(search.step, self.document, self.found, by), go=True)

    def _seek(self, work: Callable[[], Found], *, go: bool = False) -> None:
        if search.weight(self.document) <= search.QUICK:
            self._take(work(), go)
            return
        _: Worker[None] = self.run_worker(
            partial(self._sought, work, go), group="search", exclusive=True
        )

    async def _sought(self, work: Callable[[], Found], go: bool) -> None:
        document = self.document
        found = await asyncio.to_thread(work)
        if document is self.document or len(document.sheets) == len(self.document.sheets):
            self._take(search.moved(self.document, found), go)

    def _take(self, found: Found, go: bool) -> None:
        self.found = found
        if go and found.total:
            self._reveal()
        self.refresh()
        self.post_message(self.Searched())

    def _reveal(self) -> None:
        """Bring the place that was found into sight, with some of what is around it."""
        self._to_end = False
        left, top = self.scroll_offset
        found, size = self.found, self.size
        hidden = self._top(top) != top
        inside = top + hidden <= found.row < top + size.height
        y = top if inside else found.row - size.height // 3
        spans = self._line(found.row)
        at = next((i for i, span in enumerate(spans) if span.tone is Tone.HIT), 0)
        start, end = width(spans[:at]), width(spans[: at + 1])
        x = left if left <= start and end <= left + size.width else start - size.width // 2
        self.scroll_to(x=0 if end <= size.width else max(x, 0), y=y, animate=False, force=True)

    def _line(self, row: int) -> Line:
        found = self.found
        return self.document.line(row, found.needle, (found.sheet, found.offset))

    def _top(self, row: int) -> int:
        """What the first line shows: the heading of the row that would be there."""
        head = self.document.head(row)
        return row if head < 0 else head

    def render_line(self, y: int) -> Strip:
        """Textual's line API."""
        left, top = self.scroll_offset
        cells = self.size.width
        spans = self._line(top + y if y else self._top(top))
        base = self.rich_style
        long = max(width(spans), cells)
        return self.strip(spans, long, base).crop_extend(left, left + cells, base)

    def _move(self, x: int, y: int) -> None:
        self._to_end = False
        left, top = self.scroll_offset
        self.scroll_to(x=left + x, y=top + y, animate=False)

    def do_move_down(self) -> None:
        self._move(0, 1)

    def do_move_up(self) -> None:
        self._move(0, -1)

    def do_move_first(self) -> None:
        self._to_end = False
        self.scroll_to(x=0, y=0, animate=False)

    def do_move_last(self) -> None:
        self.scroll_to(y=self.document.rows, animate=False)

    def do_move_page_down(self) -> None:
        self._move(0, max(1, self.size.height - 1))

    def do_move_page_up(self) -> None:
        self._move(0, -max(1, self.size.height - 1))

    def do_move_left(self) -> None:
        self._move(-STEP, 0)

    def do_move_right(self) -> None:
        self._move(STEP, 0)


def _heavy(document: Document) -> list[object]:
    return [sheet for sheet in document.sheets if not isinstance(sheet, Few)]
