"""A message's own view: facts, timeline, what came out of it, JSON; all of it live."""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import partial
from typing import ClassVar

from textual.binding import BindingType
from textual.containers import Container
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.worker import Worker

from steward.errors import StewardError
from tui import actions, draft, equivalents, looks, outcome, render, rows, story
from tui.desk import Desk
from tui.ink import EMPTY, Line, Tone, line, plain, say
from tui.live import Live
from tui.outcome import Outcome
from tui.rows import MessageRow
from tui.screens import deeds, taking
from tui.screens.page import Work
from tui.screens.view import View
from tui.sheets import Document, Few, Sheet
from tui.wants import Wants
from tui.whole import Whole
from tui.widgets.lines import Lines

STORY = 60
"""Cells of the story's pane beside the other, as in the style sheet."""
MARGINS = 4
MOST_COPIED = 2000
"""Lines."""
LOOK = 2.0
"""Seconds after which the message that this one waits for is read again until it runs."""


class MessagePage(View):
    """Live: every change of the message is drawn when the daemon tells it."""

    place = "message"
    CSS_PATH = "message.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings("message")]

    def __init__(self, desk: Desk, id: str, tab: str, *, output: bool = False) -> None:
        super().__init__(desk, id, tab)
        self._output_first = output
        self._json = False
        self._wanted = Wants()
        self._outcome = Outcome(self.key)
        self._whole: Whole | None = None
        self._fetching: Worker[None] | None = None
        self._before: MessageRow | None = None
        self._before_at = 0.0
        self._repaints = False

    def body(self) -> Iterable[Widget]:
        """The story, and what came out: beside it where there is room, else below in one text."""
        with Container(id="panes"):
            yield Lines("story")
            yield Lines("outcome")

    def on_mount(self) -> None:
        self.query_one("#story").focus()

    def wants(self) -> Wants:
        """The message, the nodes for its node's state, and its output while it runs."""
        row = self.row
        runs = row is not None and row.is_open and row.command_or_event == "CommandACK"
        return Wants(nodes=True, message=self.about, follow=self.about if runs else None)

    @property
    def row(self) -> MessageRow | None:
        """The message, once it has been read."""
        board = self.desk.board
        if board.message is not None and board.message.id == self.about:
            return board.message
        held = (row for row in board.messages.rows if row.id == self.about)
        return next((row for row in held if row.result is None and not row.data_cut), None)

    @property
    def live(self) -> Live | None:
        """What came of its output while it ran."""
        live = self.desk.board.live
        return live if live is not None and live.id == self.about else None

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
            left.show([(self.reading(),)])
            return
        if self.wants() != self._wanted:
            self._wanted = self.wants()
            self.rewant()
        self._look_ahead(row)
        right.display = self.is_wide
        told, follows = Few(tuple(self._story(row))), self.live is not None
        if self.is_wide:
            left.show(Document([told]))
            right.show(Document(self._came_out(row)), tail=follows)
        else:
            left.show(Document([told, Few((EMPTY,)), *self._came_out(row)]), tail=follows)
        if self._output_first:
            self._output_first = False
            self.call_after_refresh(self._to_outcome)

    @property
    def _cells(self) -> int:
        """The outcome's width."""
        return self.size.width - MARGINS - (STORY if self.is_wide else 0)

    def _story(self, row: MessageRow) -> list[Line]:
        cells = (STORY if self.is_wide else self.size.width) - MARGINS
        clock, node = self.desk.clock, self.desk.board.nodes.get(row.to_node)
        state = self.desk.node_state(row.to_node)
        lines = story.facts(row, clock, state, cells, self.key)
        lines += [EMPTY, story.heading("timeline", story.lasted(row, clock), cells)]
        held = node is not None and node.held
        return lines + story.timeline(row, clock, state, cells, held=held, before=self._before)

    def _came_out(self, row: MessageRow) -> list[Sheet]:
        cells = self._cells
        if self._json:
            lines = [story.heading("JSON", EMPTY, cells), *story.as_json(row, cells)]
            return [Few(tuple(lines))]
        whole = self._whole
        for part in whole.parts.values() if whole is not None else ():
            if whole is not None and part.sheet is not None and part.cells != cells:
                self._work(partial(whole.fold, part, cells), "fold")
        return self._outcome.sheets(row, self.live, whole, self.desk.clock, cells)

    def _look_ahead(self, row: MessageRow) -> None:
        """Read what the message waits behind, until it runs: then its start is known."""
        known, now = self._before, time.monotonic()
        is_known = known is not None and known.id == row.behind
        if row.behind is None or (is_known and known is not None and known.state == "running"):
            return
        if now - self._before_at >= (LOOK if is_known else LOOK / 4):
            self._before_at = now
            self._work(partial(self._read_before, row.behind), "before")

    async def _read_before(self, id: str) -> None:
        try:
            answer = await self.desk.link.call("message", id=id)
            self._before = rows.read(MessageRow, answer)
        except StewardError:
            return  # the timeline names it all the same
        self.repaint()

    def _work(self, work: Work, group: str) -> Worker[None]:
        async def run() -> None:
            await work()

        return self.run_worker(run, group=group, exclusive=True)

    def searched(self) -> Lines:
        """What came out; in one text with the story where there is no room beside it."""
        return self.query_one("#outcome" if self.is_wide else "#story", Lines)

    def _to_outcome(self) -> None:
        """Go to what came out: its pane, or its place below the story; to its end if it grows."""
        text, row = self.searched(), self.row
        if row is None:
            return
        text.focus()
        if row.is_open and self.live is not None:
            text.do_move_last()
        else:
            below = 0 if self.is_wide else len(self._story(row)) + 1
            text.scroll_to(x=0, y=below, animate=False, force=True)

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

    def do_message_full(self) -> None:
        row = self.row
        if row is None or row.result is None:
            self.tell("There is no result yet: its output is fetched when it has ended")
            return
        if row.secret:
            self.tell("What a secret message writes is not kept anywhere")
            return
        if self._whole is None:
            self._whole = Whole(self.desk.link, row, self._soon)
        if self._whole.is_fetching:
            return
        if not self._whole.is_wanted:
            self.tell("This is all of its output")
            return
        self._json = False
        fetch = partial(self._whole.fetch, self._cells, partial(self._why_it_waits, row.to_node))
        self._fetching = self._work(fetch, "fetch")
        self.call_after_refresh(self._to_outcome)

    def _why_it_waits(self, node: str) -> str:
        state = self.desk.node_state(node)
        if state == "online":
            return f"{node} has the rest and does not answer yet."
        return f"{node} has the rest and is {state or 'not known here'}: it comes when it is back."

    def _soon(self) -> None:
        """Draw once for all that has changed since the last time."""
        if not self._repaints:
            self._repaints = True
            self.set_timer(0.1, self._drawn)

    def _drawn(self) -> None:
        self._repaints = False
        self.repaint()

    def leave(self) -> bool:
        """Esc ends a search, then what is being fetched."""
        if super().leave():
            return True
        return self._stop()

    def _stop(self) -> bool:
        if self._fetching is None or not self._fetching.is_running:
            return False
        self._fetching.cancel()
        self._fetching = None
        return True

    def on_screen_suspend(self) -> None:
        """Another screen: nobody looks at what is being fetched."""
        if not isinstance(self.app.screen, ModalScreen):
            self._stop()

    def do_compose(self) -> None:
        if self.row is not None:
            self.desk.draft = draft.addressed(self.desk.draft, [self.row.to_node])
        self.post_message(self.Turned("compose"))

    def do_message_cancel(self) -> None:
        deeds.cancel(self, [self.row] if self.row else [])

    def do_message_retry(self) -> None:
        deeds.retry(self, [self.row] if self.row else [])

    def copied(self) -> str:
        """The output, or the JSON: what came out as it is shown."""
        document = Document(self._came_out(self.row) if self.row else ())
        count = min(document.rows, MOST_COPIED)
        return "\n".join(plain(document.line(i)).rstrip() for i in range(count))

    def do_copy(self) -> None:
        whole = Document(self._came_out(self.row)).rows if self.row else 0
        taking.copy(self, self.copied(), whole)

    def as_command(self) -> str:
        """What sends it again."""
        return equivalents.send(self.row, self.desk.where) if self.row else ""

    def exported(self) -> tuple[str, bytes]:
        """Its output byte for byte, all of it if it was fetched; or its JSON."""
        row = self.row
        if row is None:
            return "", b""
        if self._json:
            return outcome.file_name(row, "json"), story.json_text(row).encode()
        return outcome.exported(row, self._whole)
