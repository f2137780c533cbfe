"""Lines to read: any number of them, only those in sight are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui import actions
from tui.ink import EMPTY, Line, width
from tui.registry import BY_ID
from tui.widgets.inked import Inked

STEP = 8
"""Cells that one key moves long lines sideways."""


class Lines(Inked, ScrollView, can_focus=True):
    """A text that scrolls both ways."""

    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings("lines")]

    def __init__(self, id: str) -> None:
        super().__init__(id=id)
        self.lines: tuple[Line, ...] = ()

    def show(self, lines: Sequence[Line]) -> None:
        """Draw these lines from now on; the place in the text stays."""
        fresh = tuple(lines)
        if fresh == self.lines:
            return
        self.lines = fresh
        self.virtual_size = Size(max(map(width, fresh), default=0), len(fresh))
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Textual's line API."""
        left, top = self.scroll_offset
        cells = self.size.width
        index = top + y
        spans = self.lines[index] if index < len(self.lines) else EMPTY
        base = self.rich_style
        long = max(width(spans), cells)
        return self.strip(spans, long, base).crop_extend(left, left + cells, base)

    def action_act(self, name: str) -> None:
        """Carry out one of the registry's actions for texts."""
        getattr(self, BY_ID[name].handler)()

    def do_move_down(self) -> None:
        self.scroll_to(y=self.scroll_offset.y + 1, animate=False)

    def do_move_up(self) -> None:
        self.scroll_to(y=self.scroll_offset.y - 1, animate=False)

    def do_move_first(self) -> None:
        self.scroll_to(x=0, y=0, animate=False)

    def do_move_last(self) -> None:
        self.scroll_to(y=len(self.lines), animate=False)

    def do_move_page_down(self) -> None:
        self.scroll_to(y=self.scroll_offset.y + max(1, self.size.height - 1), animate=False)

    def do_move_page_up(self) -> None:
        self.scroll_to(y=self.scroll_offset.y - max(1, self.size.height - 1), animate=False)

    def do_move_left(self) -> None:
        self.scroll_to(x=self.scroll_offset.x - STEP, animate=False)

    def do_move_right(self) -> None:
        self.scroll_to(x=self.scroll_offset.x + STEP, animate=False)
