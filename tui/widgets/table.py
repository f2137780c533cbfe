"""A table that draws only the rows in sight: its cost doesn't grow with their number."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from textual import events as textual_events
from textual.binding import BindingType
from textual.geometry import Size
from textual.message import Message as Event
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui import actions
from tui.ink import EMPTY, Line, Span, Tone, fit, say
from tui.registry import LISTS
from tui.widgets.cursor import Cursor
from tui.widgets.inked import Inked

GUTTER = 2
MARGIN = 1
"""Cells that stay empty at the right, so that numbers don't stand at the edge."""
GAP = 2
MOST_LINES = 500
"""Lines that are kept ready."""
NEAR_END = 50
"""Rows from the end at which the next page is asked for."""


@dataclass(frozen=True)
class Column:
    """A column of ``width`` cells, and of ``share`` parts of what is left over. It is there in a
    table of at least ``room`` cells."""

    name: str
    title: str
    width: int
    share: int = 0
    right: bool = False
    room: int = 0


Cells = Callable[[Any, Mapping[str, int]], Mapping[str, Line]]


class Table(Cursor, Inked, ScrollView, can_focus=True):
    """Rows in columns, with a cursor that stays on its row when rows come and go, and marks."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"table--head", "table--cursor", "table--rest"}
    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings(LISTS)]

    class Moved(Event):
        """The cursor came to another row."""

    class NearedEnd(Event):
        """The last rows held are nearly in sight."""

    class Opened(Event):
        """A row was chosen with the mouse."""

    def __init__(
        self,
        columns: Sequence[Column],
        key: Callable[[Any], Hashable],
        cells: Cells,
        id: str,
        moment: Callable[[Any], Hashable] | None = None,
    ) -> None:
        """``moment``: what, beside the row itself, its cells depend on, such as its age in words;
        while that stays, they do. None: nobody knows."""
        super().__init__(id=id)
        self._moment = moment
        self._lines: dict[Hashable, tuple[Any, Hashable, Line]] = {}
        self._columns, self._key, self._cells = tuple(columns), key, cells
        self.rows: Sequence[Any] = ()
        self.marked: set[Hashable] = set()
        self.cursor = 0
        self._empty: Sequence[Line] = ()
        self._sorted = ""
        self._painted: dict[int, Line] = {}

    def show(self, rows: Sequence[Any], *, empty: Sequence[Line], sorted_by: str = "") -> None:
        """Draw these rows; ``empty`` says what would be here if there are none. ``sorted_by``: a
        column's name, with a minus in front where the greatest come first."""
        if rows is not self.rows:
            self._take(rows)
        if (sorted_by, tuple(empty)) != (self._sorted, tuple(self._empty)):
            self._sorted, self._empty = sorted_by, tuple(empty)
            self.refresh()
        size = Size(self.size.width, len(rows) + 1)
        if self.virtual_size != size:
            self.virtual_size = size
            self.refresh()
        widths = self.widths()
        for y, before in list(self._painted.items()):
            now = self._line(y, widths)
            if now is not before and now != before:
                self.refresh_line(y + self.scroll_offset.y)

    def _take(self, rows: Sequence[Any]) -> None:
        at = self.current_key
        top = self.cursor == 0
        shift = 0
        self.rows = rows
        if at is not None:
            place = next((i for i, row in enumerate(rows) if self._key(row) == at), None)
            if place is not None and not top:
                shift = place - self.cursor
                self.cursor = place
        self.cursor = max(0, min(self.cursor, len(rows) - 1))
        if self.marked:
            self.marked &= {self._key(row) for row in rows}
        if shift and self.scroll_offset.y:
            self.call_after_refresh(
                self.scroll_to, y=self.scroll_offset.y + shift, animate=False, force=True
            )
        if self.current_key != at:
            self.post_message(self.Moved())

    @property
    def current_key(self) -> Hashable:
        """Its key."""
        row = self.current
        return None if row is None else self._key(row)

    @property
    def chosen(self) -> list[Any]:
        """The marked rows, or else the one under the cursor."""
        found = [row for row in self.rows if self._key(row) in self.marked]
        return found or ([self.current] if self.rows else [])

    def widths(self) -> dict[str, int]:
        """Cells of each column that has room now."""
        total = self.size.width
        there = [column for column in self._columns if total >= column.room]
        spare = total - GUTTER - MARGIN - sum(c.width for c in there) - GAP * (len(there) - 1)
        shares = sum(c.share for c in there)
        widths = {}
        for column in there:
            extra = max(spare, 0) * column.share // shares if column.share else 0
            widths[column.name] = column.width + extra
        return widths

    def _row_line(self, index: int, widths: Mapping[str, int]) -> Line:
        row = self.rows[index]
        key = self._key(row)
        here, mark = index == self.cursor, key in self.marked
        if self._moment is None:
            return self._made(row, widths, here, mark)
        state = (here, mark, self.size.width, self._moment(row))
        held = self._lines.get(key)
        if held is not None and held[0] is row and held[1] == state:
            return held[2]
        if len(self._lines) > MOST_LINES:
            self._lines.clear()
        made = self._made(row, widths, here, mark)
        self._lines[key] = (row, state, made)
        return made

    def _made(self, row: Any, widths: Mapping[str, int], here: bool, mark: bool) -> Line:
        spans: list[Span] = [
            say("▌" if here else " ", Tone.ACCENT),
            say("•" if mark else " ", Tone.WARN),
        ]
        return self._aligned(spans, self._cells(row, widths), widths)

    def _aligned(
        self, spans: list[Span], cells: Mapping[str, Line], widths: Mapping[str, int]
    ) -> Line:
        for column in self._columns:
            if column.name not in widths:
                continue
            if len(spans) > GUTTER:
                spans.append(say(" " * GAP))
            spans += fit(cells.get(column.name, EMPTY), widths[column.name], right=column.right)
        return tuple(spans)

    def _head(self, widths: Mapping[str, int]) -> Line:
        titles: dict[str, Line] = {}
        for column in self._columns:
            titles[column.name] = (say(column.title),)
            if column.name == self._sorted.removeprefix("-"):
                gap = " " if len(column.title) + 2 <= widths.get(column.name, 0) else ""
                arrow = "↓" if self._sorted.startswith("-") else "↑"
                titles[column.name] = (say(column.title), say(gap + arrow, Tone.ACCENT))
        return self._aligned([say(" "), say(" ")], titles, widths)

    def _line(self, y: int, widths: Mapping[str, int]) -> Line:
        if y == 0:
            return self._head(widths)
        index = y - 1 + self.scroll_offset.y
        if self.rows:
            return self._row_line(index, widths) if index < len(self.rows) else EMPTY
        first = max(2, (self.size.height - len(self._empty)) // 3)
        place = y - first
        return self._empty[place] if 0 <= place < len(self._empty) else EMPTY

    def render_line(self, y: int) -> Strip:
        """Textual's line API."""
        spans = self._painted[y] = self._line(y, self.widths())
        base = self.rich_style
        if y == 0:
            base = self.get_component_rich_style("table--head")
        elif self.rows and y - 1 + self.scroll_offset.y == self.cursor:
            name = "table--cursor" if self.has_focus else "table--rest"
            base = self.get_component_rich_style(name)
        return self.strip(spans, self.size.width, base)

    def on_resize(self, event: textual_events.Resize) -> None:
        """Forget lines that are no longer in sight, and draw the others: what is drawn is known."""
        self._painted.clear()
        self.virtual_size = Size(self.size.width, len(self.rows) + 1)
        self.refresh()

    def on_click(self, event: textual_events.Click) -> None:
        """A click goes to its row, a second one opens it."""
        index = event.y - 1 + self.scroll_offset.y
        if event.y and index < len(self.rows):
            again = index == self.cursor
            self.go(index)
            if again:
                self.post_message(self.Opened())

    def go(self, index: int) -> None:
        """Put the cursor on a row, and the row in sight."""
        index = max(0, min(index, len(self.rows) - 1))
        if index >= len(self.rows) - NEAR_END:
            self.post_message(self.NearedEnd())
        if index == self.cursor:
            return
        self.cursor = index
        room = max(1, self.size.height - 1)
        top = self.scroll_offset.y
        if index < top:
            self.scroll_to(y=index, animate=False, force=True)
        elif index >= top + room:
            self.scroll_to(y=index - room + 1, animate=False, force=True)
        self.refresh()
        self.post_message(self.Moved())

    def go_to(self, key: Hashable) -> None:
        """Put the cursor on the row of this key, if there is one."""
        place = next((i for i, row in enumerate(self.rows) if self._key(row) == key), None)
        if place is not None:
            self.go(place)

    def mark(self) -> None:
        """Mark the row under the cursor or take its mark away, and go on to the next."""
        if self.rows:
            self.marked ^= {self.current_key}
            self.refresh()
            self.go(self.cursor + 1)

    def mark_all(self) -> None:
        """Mark all rows."""
        self.marked = {self._key(row) for row in self.rows}
        self.refresh()

    def unmark(self) -> None:
        """Take all marks away."""
        self.marked = set()
        self.refresh()

    @property
    def page(self) -> int:
        """Rows that the page keys go."""
        return max(1, self.size.height - 2)
