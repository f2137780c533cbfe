"""A message's own view: facts, timeline, stdout and stderr apart, JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import BindingType
from textual.containers import Container
from textual.widget import Widget

from tui import actions, draft, looks, render, story
from tui.desk import Desk
from tui.ink import EMPTY, Line, Tone, line, say
from tui.rows import MessageRow
from tui.screens import deeds
from tui.screens.page import Page
from tui.wants import Wants
from tui.widgets.lines import Lines

WIDE = 120
STORY = 58
"""Cells of the story's pane beside the other, as in the style sheet."""
MARGINS = 4


class MessagePage(Page):
    """Live: every change of the message is drawn when the daemon tells it."""

    place = "message"
    CSS_PATH = "message.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings("message")]

    def __init__(self, desk: Desk, id: str, tab: str, *, output: bool = False) -> None:
        super().__init__(desk)
        self._about, self._tab, self._output_first = id, tab, output
        self._json = False

    @property
    def tab(self) -> str:
        """The tab it was opened from."""
        return self._tab

    def body(self) -> Iterable[Widget]:
        """The story, and what came out: beside it where there is room, else below in one text."""
        with Container(id="panes"):
            yield Lines("story")
            yield Lines("outcome")

    def on_mount(self) -> None:
        self.query_one("#story").focus()

    def wants(self) -> Wants:
        """The message, and the nodes for its node's state."""
        return Wants(nodes=True, message=self._about)

    @property
    def row(self) -> MessageRow | None:
        """The message, once it has been read."""
        board = self.desk.board
        if board.message is not None and board.message.id == self._about:
            return board.message
        return next((row for row in board.messages.rows if row.id == self._about), None)

    def note(self) -> Line:
        """State and id."""
        row = self.row
        if row is None:
            return EMPTY
        head = line(say("message ", Tone.MUTED), say(render.short_id(row.id)), say("  "))
        return (*head, *looks.message_state(row))

    def draw(self) -> None:
        """Both panes."""
        left, right = self.query_one("#story", Lines), self.query_one("#outcome", Lines)
        row = self.row
        if row is None:
            why = self.desk.board.declined
            failed = why if why.startswith("message: ") else ""
            text = failed or f"Reading message {self._about} …"
            left.show([(say(text, Tone.WARN if failed else Tone.MUTED),)])
            return
        right.display = self._wide
        told = self._story(row)
        if self._wide:
            left.show(told)
            right.show(self._outcome(row, self.size.width - STORY - MARGINS))
        else:
            left.show([*told, EMPTY, *self._outcome(row, self.size.width - MARGINS)])
        if self._output_first:
            self._output_first = False
            self.call_after_refresh(self._to_outcome)

    @property
    def _wide(self) -> bool:
        return self.size.width >= WIDE

    def _story(self, row: MessageRow) -> list[Line]:
        cells = (STORY if self._wide else self.size.width) - MARGINS
        clock, state = self.desk.clock, self.desk.node_state(row.to_node)
        lines = story.facts(row, clock, state, cells)
        lines += [EMPTY, story.heading("timeline", EMPTY, cells)]
        return lines + story.timeline(row, clock, state, cells)

    def _outcome(self, row: MessageRow, cells: int) -> list[Line]:
        if self._json:
            return [story.heading("JSON", EMPTY, cells), *story.as_json(row)]
        return story.output(row, cells)

    def _to_outcome(self) -> None:
        """Go to what came out: its pane, or its place below the story."""
        left, right = self.query_one("#story", Lines), self.query_one("#outcome", Lines)
        if right.display:
            right.focus()
            right.scroll_to(x=0, y=0, animate=False)
        elif (row := self.row) is not None:
            below = len(self._story(row)) + 1
            left.scroll_to(x=0, y=below, animate=False, force=True)

    def do_message_output(self) -> None:
        self._json = False
        self.repaint()
        self.call_after_refresh(self._to_outcome)

    def do_view_json(self) -> None:
        self._json = not self._json
        self.repaint()
        self.call_after_refresh(self._to_outcome)

    def do_view_switch(self) -> None:
        self.focus_next(Lines)

    def do_compose(self) -> None:
        if self.row is not None:
            self.desk.draft = draft.addressed(self.desk.draft, [self.row.to_node])
        self.post_message(self.Turned("compose"))

    def do_message_cancel(self) -> None:
        deeds.cancel(self, [self.row] if self.row else [])

    def do_message_retry(self) -> None:
        deeds.retry(self, [self.row] if self.row else [])
