"""A list whose entries take several lines each: only those in sight are made and drawn."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, ClassVar

from textual import events as textual_events
from textual.binding import BindingType
from textual.geometry import Size
from textual.message import Message as Event
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui import actions
from tui.ink import EMPTY, Line, Tone, fit, say
from tui.registry import LISTS
from tui.widgets.cursor import Cursor
from tui.widgets.inked import Inked

GUTTER = 2


class Cards(Cursor, Inked, ScrollView, can_focus=True):
    """Entries with a cursor that stays on its entry when others come and go."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"table--cursor", "table--rest"}
    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings(LISTS)]

    class Moved(Event):
        """The cursor came to another entry."""

    class Opened(Event):
        """An entry was chosen with the mouse."""

    def __init__(
        self,
        key: Callable[[Any], Hashable],
        draw: Callable[[Any, int], Sequence[Line]],
        id: str,
    ) -> None:
        super().__init__(id=id)
        self._key, self._draw = key, draw
        self.rows: Sequence[Any] = ()
        self.cursor = 0
        self.tall = 4
        self._empty: Sequence[Line] = ()
        self._painted: dict[int, Line] = {}

    def show(self, rows: Sequence[Any], *, tall: int, empty: Sequence[Line]) -> None:
        """Draw these from now on, each in ``tall`` lines; ``empty``: what stands for none."""
        if rows is not self.rows or tall != self.tall:
            self._take(rows, tall)
        self._empty = empty
        size = Size(self.size.width, len(rows) * tall)
        if self.virtual_size != size:
            self.virtual_size = size
            self.refresh()
        for y, before in list(self._painted.items()):
            if self._line(y) != before:
                self.refresh_line(y + self.scroll_offset.y)

    def _take(self, rows: Sequence[Any], tall: int) -> None:
        at = None if self.current is None else self._key(self.current)
        self.rows, self.tall = rows, tall
        place = next((i for i, row in enumerate(rows) if self._key(row) == at), None)
        self.cursor = max(0, min(self.cursor if place is None else place, len(rows) - 1))
        if at is None or place is None:
            self.post_message(self.Moved())
        self.call_after_refresh(self._in_sight)
        self.refresh()

    @property
    def in_sight(self) -> Sequence[Any]:
        """The entries that are seen now, in whole or in part."""
        first = self.scroll_offset.y // self.tall
        return self.rows[first : first + self.size.height // self.tall + 2]

    def _line(self, y: int) -> Line:
        index, part = divmod(y + self.scroll_offset.y, self.tall)
        if not self.rows:
            return self._empty[y] if y < len(self._empty) else EMPTY
        if index >= len(self.rows):
            return EMPTY
        # One cell is kept free at the right, where the bar scrolls.
        cells = max(self.size.width - GUTTER - 1, 1)
        found = self._draw(self.rows[index], cells)
        if part >= len(found):
            return EMPTY
        here = index == self.cursor
        return (say("▌ " if here else "  ", Tone.ACCENT), *fit(found[part], cells))

    def render_line(self, y: int) -> Strip:
        """Textual's line API."""
        spans = self._painted[y] = self._line(y)
        base = self.rich_style
        # An entry's last line, where it is empty, parts it from the next: it has no colour.
        if spans and self.rows and (y + self.scroll_offset.y) // self.tall == self.cursor:
            name = "table--cursor" if self.has_focus else "table--rest"
            base = self.get_component_rich_style(name)
        return self.strip(spans, self.size.width, base)

    def on_resize(self, event: textual_events.Resize) -> None:
        """Forget lines that are no longer in sight."""
        self._painted.clear()
        self.virtual_size = Size(self.size.width, len(self.rows) * self.tall)
        self.call_after_refresh(self._in_sight)

    def on_click(self, event: textual_events.Click) -> None:
        """A click goes to its entry, a second one opens it."""
        index = (event.y + self.scroll_offset.y) // self.tall
        if index < len(self.rows):
            again = index == self.cursor
            self.go(index)
            if again:
                self.post_message(self.Opened())

    def go(self, index: int) -> None:
        """Put the cursor on an entry, and the entry in sight."""
        index = max(0, min(index, len(self.rows) - 1))
        if index == self.cursor:
            return
        self.cursor = index
        self._in_sight()
        self.refresh()
        self.post_message(self.Moved())

    def _in_sight(self) -> None:
        first, top, room = self.cursor * self.tall, self.scroll_offset.y, self.size.height
        if first < top:
            self.scroll_to(y=first, animate=False, force=True)
        elif first + self.tall > top + room:
            self.scroll_to(y=first + self.tall - room, animate=False, force=True)

    @property
    def page(self) -> int:
        """Rows that the page keys go."""
        return max(1, self.size.height // self.tall - 1)
