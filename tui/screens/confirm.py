"""Asks before what can't be taken back: y or N, or, for many, their number typed, or a name."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from tui import question
from tui.ink import EMPTY
from tui.question import Question
from tui.stakes import Stake
from tui.widgets.field import entry
from tui.widgets.inked import Block


class Confirm(ModalScreen[bool]):
    """True only after y, or after the right number or name and enter."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "yes", "yes", show=False),
        Binding("n,escape,enter,q", "no", "no", show=False),
    ]

    def __init__(self, asked: Question) -> None:
        super().__init__()
        self._asked = asked

    def compose(self) -> ComposeResult:
        """Textual's: the question in a box."""
        with Vertical(id="box"):
            block = Block("question")
            block.show(question.lines(self._asked, self.app.size.height))
            block.styles.height = len(block.lines)
            yield block
            if self._asked.stake is Stake.COUNT:
                yield entry("count", "", "")
                yield Block("wrong")

    def on_input_changed(self, event: Input.Changed) -> None:
        """Something else is being typed: the last fault is forgotten."""
        event.input.remove_class("wrong")
        self.query_one("#wrong", Block).show([EMPTY])

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter in the field: only what was asked for is a yes."""
        if question.is_right(self._asked, event.value):
            self.dismiss(True)
        else:
            event.input.add_class("wrong")
            self.query_one("#wrong", Block).show([question.wrong(self._asked, event.value)])

    def action_yes(self) -> None:
        """y, where nothing has to be typed."""
        if self._asked.stake is not Stake.COUNT:
            self.dismiss(True)

    def action_no(self) -> None:
        """Everything stays as it is."""
        self.dismiss(False)
