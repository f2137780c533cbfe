"""A screen that is a table: its filter line, its marks, its empty state."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from textual.widget import Widget
from textual.widgets import Input

from tui import filters, pages
from tui.desk import Desk
from tui.filters import Filter
from tui.ink import EMPTY, Line, Tone, joined, line, say
from tui.screens.page import Page
from tui.widgets.table import Table
from tui.widgets.typed import Typed

SETTLE = 0.15
"""Seconds without a keystroke until the daemon is asked with a new filter."""


class ListPage(Page):
    """Rows of one kind. What a subclass has to say: its table, its rows, its empty state."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.filter = Filter()
        self.problems = False

    def make_table(self) -> Table:
        """The screen's table."""
        raise NotImplementedError

    def shown(self) -> Sequence[Any]:
        """The rows to draw, filtered and sorted."""
        raise NotImplementedError

    def lesson(self) -> list[Line]:
        """What would be here, and the key that makes it happen."""
        raise NotImplementedError

    @property
    def unread(self) -> bool:
        """Whether the daemon hasn't told yet what there is."""
        raise NotImplementedError

    def reading(self, what: str) -> list[Line]:
        """The empty state before anything was read."""
        if self.desk.board.connected:
            return [(say(f"  Reading {what} …", Tone.MUTED),)]
        return [(say(f"  No daemon answers: {what} will be here when one does.", Tone.MUTED),)]

    def counted(self, rows: Sequence[Any]) -> str:
        """How many there are, in words."""
        raise NotImplementedError

    @property
    def table(self) -> Table:
        return self.query_one(Table)

    def body(self) -> Iterable[Widget]:
        """The table; a subclass may put something beside it."""
        yield self.make_table()

    def below(self) -> Iterable[Widget]:
        """The filter line, hidden until it is asked for."""
        yield Typed(
            id="filter",
            placeholder="words  !not  key=value  ~regex",
            select_on_focus=False,
        )

    def on_mount(self) -> None:
        self.query_one("#filter", Input).display = False
        self.table.focus()

    def front(self) -> None:
        """In front again, perhaps with a filter that another screen asked for."""
        wanted = self.desk.filters.pop(self.place, None)
        if wanted is not None:
            self.problems = False
            self.filter = filters.parse(wanted)
            field = self.query_one("#filter", Input)
            with field.prevent(Input.Changed):
                field.value = wanted
            self.table.go(0)
        super().front()
        if (key := self.desk.cursors.pop(self.place, None)) is not None:
            self.table.go_to(key)

    def draw(self) -> None:
        """Draw the rows."""
        rows = self.shown()
        empty = self.lesson() if self.unread or not self.narrowed else self.nothing_matches()
        self.table.show(rows, empty=empty, sorted_by=self.sorted_by())

    def sorted_by(self) -> str:
        """The column whose title has the arrow; a minus in front: the greatest come first."""
        return ""

    @property
    def narrowed(self) -> bool:
        """Whether the rows are fewer than there are."""
        return bool(self.filter) or self.problems

    def nothing_matches(self) -> list[Line]:
        """The empty state under a filter."""
        how = [f"filter {self.filter.text}"] if self.filter else []
        how += ["only problems"] if self.problems else []
        keys = f"{self.key('list.problems')} shows everything again"
        keys = f"{self.key('back')} takes the filter away" if self.filter else keys
        return [
            (say("  Nothing here with: " + ", ".join(how), Tone.STRONG),),
            EMPTY,
            (say("  " + keys, Tone.MUTED),),
        ]

    def note(self) -> Line:
        """The count, the filter, the marks."""
        parts: list[Line] = []
        if marked := len(self.table.marked):
            parts.append((say(f"{marked:,} marked", Tone.WARN),))
        if self.filter.fault:
            parts.append((say(f"filter: {self.filter.fault}", Tone.BAD),))
        elif self.filter:
            parts.append(line(say("filter ", Tone.MUTED), say(self.filter.text, Tone.ACCENT)))
        if self.problems:
            parts.append((say("only problems", Tone.WARN),))
        parts.append((say(self.counted(self.table.rows), Tone.MUTED),))
        return joined(parts, " · ")

    def on_input_changed(self, event: Input.Changed) -> None:
        """Every keystroke filters what is here; the daemon is asked when the hand rests."""
        self.filter = filters.parse(event.value)
        self.repaint()
        self.set_timer(SETTLE, lambda: self._settled(event.value))

    def _settled(self, typed: str) -> None:
        if self.filter.text == typed:
            self.rewant()

    def on_input_submitted(self) -> None:
        """Enter keeps the filter and goes back to the rows."""
        self.query_one("#filter", Input).display = bool(self.filter)
        self.table.focus()

    def leave(self) -> bool:
        """Esc: first the filter goes, then the marks; False when there is nothing to leave."""
        field = self.query_one("#filter", Input)
        if field.display or self.filter:
            field.value = ""
            self.filter = Filter()
            field.display = False
            self.table.focus()
            self.rewant()
            self.repaint()
            return True
        if self.table.marked:
            self.do_list_unmark()
            return True
        return False

    def exported(self) -> tuple[str, bytes]:
        """The rows that are shown, a JSON object a line."""
        return f"{self.place}.jsonl", b"".join(map(pages.json_line, self.table.rows))

    def do_list_filter(self, text: str = "") -> None:
        field = self.query_one("#filter", Input)
        field.display = True
        if text:
            field.value = text
        else:
            field.focus()

    def do_list_problems(self) -> None:
        self.problems = not self.problems
        self.rewant()
        self.repaint()

    def do_list_mark(self) -> None:
        self.table.mark()
        self.repaint()

    def do_list_mark_all(self) -> None:
        self.table.mark_all()
        self.repaint()

    def do_list_unmark(self) -> None:
        self.table.unmark()
        self.repaint()
