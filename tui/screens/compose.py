"""Screen 3, Compose: to whom, what, and exactly what will happen; then send."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import ClassVar

from textual.binding import BindingType
from textual.containers import Container, Vertical
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Input

from steward.errors import StewardError
from steward.text import safe
from tui import actions, completion, draft, history, preview
from tui.desk import Desk
from tui.draft import Draft
from tui.ink import EMPTY, Line, Tone, line, say
from tui.preview import Known
from tui.screens import sending
from tui.screens.page import Page
from tui.screens.whom import Whom
from tui.wants import Wants
from tui.widgets.field import Choice, Entry, Field, Offers, entry
from tui.widgets.inked import Block
from tui.widgets.lines import Lines
from tui.widgets.recall import Recall

MARGINS = 4
MOST_RECENT = 14
"""Lines for what was sent before, if there is room."""
REST = 2.0
"""Seconds without a keystroke until the draft is written down."""
TYPED = ("to", "text", "timeout", "retries", "ttl", "method_timeout")


class ComposePage(Page):
    """One form; the draft lives on the desk, so that it survives a look at another screen."""

    place = "compose"
    CSS_PATH = "compose.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings("compose")]

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._whom = Whom(self)
        self._sending = False
        self._groups: tuple[str, ...] = ()
        self._resting: Timer | None = None

    def body(self) -> Iterable[Widget]:
        """The form, and the preview below it."""
        now = self.desk.draft
        with Vertical(id="form"):
            yield Recall("to")
            yield Field("To", entry("to", "", now.to, Offers(self.offered)))
            yield Block("to-note")
            yield Field("Method", Choice(list(draft.METHODS), "method"))
            yield Recall("text")
            yield Field("Command", entry("text", "", now.text))
            yield Block("text-note")
            with Container(id="options"):
                yield Field("Kind", Choice([""], "kind"))
                yield Field("Parallel", Choice(["no", "yes"], "parallel"))
                yield Field("Timeout", entry("timeout", "for a receipt: 10s", now.timeout))
                yield Field("Retries", entry("retries", "attempts, 0: no limit", now.retries))
                yield Field("Expires", entry("ttl", "after: 10m, 2h, 7d", now.ttl))
                yield Field("Run limit", entry("method_timeout", "30s", now.method_timeout))
        yield Lines("preview")
        yield Block("more")

    def on_mount(self) -> None:
        self.query_one("#options").display = self.desk.draft.has_options
        self._fill(self.desk.draft)

    def front(self) -> None:
        """In front again, perhaps addressed by another screen."""
        self._fill(self.desk.draft)
        super().front()
        self.attempt(self._read_groups, "groups", exclusive=True)
        first = "to" if not self.desk.draft.to else "text" if self._has_text else "method"
        self.query_one(f"#{first}").focus()

    def on_screen_suspend(self) -> None:
        """Another screen is in front: what was typed is written down."""
        self.leave()
        self._keep()

    async def _read_groups(self) -> None:
        try:
            answer = await self.desk.link.call("resolve", targets=[])
        except StewardError:
            return  # they are only offered, and are read again when the screen comes back
        self._groups = tuple(map(str, answer.get("groups", ())))

    @property
    def _has_text(self) -> bool:
        return bool(draft.METHODS[self.query_one("#method", Choice).value].label)

    def _fill(self, given: Draft) -> None:
        with self.prevent(Input.Changed):
            for name in TYPED:
                field, value = self.query_one(f"#{name}", Entry), safe(getattr(given, name))
                if field.value != value:
                    field.value = value
                    field.cursor_position = len(field.value)
        self.query_one("#method", Choice).put(given.method)
        self._shape()
        self.query_one("#kind", Choice).put(given.kind)
        self.query_one("#parallel", Choice).put("yes" if given.parallel else "no")
        self._changed()

    def _shape(self) -> None:
        """The fields that the method has."""
        method = draft.METHODS[self.query_one("#method", Choice).value]
        self.query_one("#kind", Choice).offer(["", *method.kinds])
        self.query_one("#text-label", Block).show([(say(method.label, Tone.MUTED),)])
        self.query_one("#text", Entry).placeholder = method.hint
        self.query_one("#text-field").display = bool(method.label)

    def _typed(self) -> Draft:
        values = {name: self.query_one(f"#{name}", Entry).value for name in TYPED}
        return Draft(
            method=self.query_one("#method", Choice).value,
            kind=self.query_one("#kind", Choice).value,
            parallel=self.query_one("#parallel", Choice).value == "yes",
            **values,
        )

    def _changed(self) -> None:
        self.desk.draft = self._typed()
        self.repaint()
        if self._resting is not None:
            self._resting.stop()
        self._resting = self.set_timer(REST, self._keep)

    def _keep(self) -> None:
        self.attempt(partial(sending.keep, self.desk), "memory")

    def wants(self) -> Wants:
        """The nodes, for their states in the preview."""
        return Wants(nodes=True)

    def offered(self, to: str) -> list[str]:
        """What the word being typed after To could become."""
        return completion.offers(to, self.desk.board.nodes, self._groups)

    def draw(self) -> None:
        """Whom it means, and the preview."""
        self._whom.follow()
        known, cells = self._whom.known(), self.size.width - MARGINS
        notes = {"to": self._meant(known, cells - preview.LABEL - 1), "text": EMPTY}
        if (recall := self.recall) is not None:
            notes[recall.field] = recall.note(self.key)
            recall.draw(self.desk.clock, cells - preview.LABEL)
        for name, note in notes.items():
            self.query_one(f"#{name}-note", Block).show([note])
        pane = self.query_one("#preview", Lines)
        shown = preview.lines(self.desk.draft, known, cells, pane.size.height, self.key)
        if recall is None:
            room = min(pane.size.height - len(shown), MOST_RECENT)
            shown += history.recent(self.desk.memory.sent, self.desk.clock, cells, room, self.key)
        pane.show(shown)
        left = len(pane.lines) - pane.size.height - pane.scroll_offset.y
        more = line(
            say(f"▾ {left:,} more: ", Tone.WARN), say(self.key("draft.scroll"), Tone.ACCENT)
        )
        self.query_one("#more", Block).show([more if left > 0 else EMPTY])

    def _meant(self, known: Known, cells: int) -> Line:
        words = self.offered(self.desk.draft.to)
        if not words or not self.query_one("#to").has_focus:
            return preview.matched(self.desk.draft, known, cells)
        return preview.offered(words, cells)

    @property
    def recall(self) -> Recall | None:
        """The history's list, if it is open."""
        return next((one for one in self.query(Recall) if one.is_open), None)

    def leave(self) -> bool:
        """Esc: the history's list closes; False when it wasn't open."""
        if (recall := self.recall) is None:
            return False
        recall.close()
        self._relaid()
        return True

    def _relaid(self) -> None:
        """Lines were added or taken away above the preview."""
        self.repaint()
        self.call_after_refresh(self.repaint)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Every keystroke: the list narrows, the preview follows."""
        if (recall := self.recall) is not None and event.input.id == recall.field:
            recall.look(self.desk.memory.sent, event.value)
        self._changed()

    def on_choice_changed(self) -> None:
        self._shape()
        self._changed()

    def on_choice_done(self) -> None:
        """Enter: to the method's field; where it has none there is nothing left to type."""
        if self.query_one("#method").has_focus and not self._has_text:
            self.do_draft_send()
        else:
            self.focus_next()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter: from the nodes to the command, from the command away."""
        if self.recall is not None:
            self._take()
        elif event.input.id == "to" and self._has_text:
            self.query_one("#text", Entry).focus()
        elif event.input.id in ("to", "text"):
            self.do_draft_send()
        else:
            self.focus_next()

    def on_entry_passed(self) -> None:
        """→ at a field's end takes what the list offers."""
        if self.recall is not None:
            self._take()

    def on_descendant_blur(self) -> None:
        """The list belongs to the field that one was in."""
        self.leave()

    def _take(self) -> None:
        recall = self.recall
        if recall is not None and recall.entry is not None:
            made = history.taken(self.desk.draft, recall.entry, recall.field)
            recall.close()
            self._fill(made)
            options = self.query_one("#options")
            options.display = options.display or made.has_options
            self._relaid()

    def do_draft_send(self) -> None:
        if not self._sending:
            self.attempt(partial(self._send, self.desk.draft))

    async def _send(self, given: Draft) -> None:
        self._sending = True
        try:
            if await sending.send(self, given):
                self.desk.draft = replace(given, text="")
                self._fill(self.desk.draft)
        finally:
            self._sending = False

    def do_draft_options(self) -> None:
        options = self.query_one("#options")
        options.display = not options.display
        self.query_one("#timeout" if options.display else "#text", Entry).focus()
        self._relaid()

    def do_draft_clear(self) -> None:
        self.leave()
        self._fill(Draft())
        self.query_one("#to", Entry).focus()

    def do_draft_earlier(self) -> None:
        if (recall := self.recall) is not None:
            recall.move(1)
        else:
            name = "to" if self.query_one("#to").has_focus or not self._has_text else "text"
            field = self.query_one(f"#{name}", Entry)
            field.focus()
            self.query_one(f"#{name}-recall", Recall).look(self.desk.memory.sent, field.value)
        self._relaid()

    def do_draft_later(self) -> None:
        if (recall := self.recall) is not None:
            recall.move(-1)
            self._relaid()

    def do_draft_complete(self) -> None:
        field = self.focused
        if not (isinstance(field, Entry) and field.complete()):
            self.focus_next()

    def do_draft_scroll(self) -> None:
        self.query_one("#preview", Lines).do_move_page_down()
        self.call_after_refresh(self.repaint)

    def do_draft_scroll_back(self) -> None:
        self.query_one("#preview", Lines).do_move_page_up()
        self.call_after_refresh(self.repaint)
