"""A screen with a text that can be searched: its search line, and the keys that go on."""

from __future__ import annotations

from collections.abc import Iterable

from textual import on
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Input

from tui.ink import Line, Tone, fit, line, say
from tui.screens.page import Page
from tui.widgets.inked import Block
from tui.widgets.lines import Lines
from tui.widgets.typed import Typed

COUNTED = 20
"""Cells of the count, as in the style sheet."""


class SearchPage(Page):
    """Every keystroke goes to the first place; enter gives the keys back to the text."""

    def searched(self) -> Lines:
        """The text that is searched."""
        raise NotImplementedError

    def below(self) -> Iterable[Widget]:
        """The search line, hidden until it is asked for."""
        slash = Block("slash")
        slash.show([(say(" / ", Tone.ACCENT),)])
        found = Typed(id="search", placeholder="text to look for", select_on_focus=False)
        bar = Horizontal(slash, found, Block("counted"), id="searching")
        bar.display = False
        yield bar

    def do_search(self) -> None:
        self.query_one("#searching").display = True
        field = self.query_one("#search", Input)
        field.focus()
        field.action_select_all()

    def do_search_next(self) -> None:
        self._go_on(1)

    def do_search_previous(self) -> None:
        self._go_on(-1)

    def _go_on(self, by: int) -> None:
        text = self.searched()
        if text.found.typed:
            text.look_on(by)
        else:
            self.do_search()

    @on(Input.Changed, "#search")
    def typed(self, event: Input.Changed) -> None:
        """Every keystroke."""
        event.stop()
        self.searched().look_for(event.value)

    @on(Input.Submitted, "#search")
    def entered(self, event: Input.Submitted) -> None:
        """Enter: back to the text; the line stays while something is looked for."""
        event.stop()
        if event.value:
            self.searched().focus()
        else:
            self.leave()

    @on(Lines.Searched)
    def sought(self) -> None:
        """Say how often it is there."""
        self.query_one("#counted", Block).show([self._counted()])

    def _counted(self) -> Line:
        found = self.searched().found
        if not found.typed:
            words: Line = ()
        elif not found.total:
            words = (say("not there", Tone.BAD),)
        else:
            rank = say(f"{found.rank:,}", Tone.STRONG)
            words = line(rank, say(f" of {found.total:,}", Tone.MUTED))
        return fit((*words, say(" ")), COUNTED, right=True)

    def leave(self) -> bool:
        """Esc ends the search first."""
        bar = self.query_one("#searching")
        if not bar.display:
            return False
        bar.display = False
        self.query_one("#search", Input).value = ""
        self.searched().look_for("")
        self.searched().focus()
        return True
