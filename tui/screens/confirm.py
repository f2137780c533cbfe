"""Asks before what can't be taken back: y or N, or, for many, their number typed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from tui.draft import Stake
from tui.ink import EMPTY, Line, Tone, line, say, wrapped
from tui.widgets.inked import Block

CELLS = 64
MOST = 12


class Confirm(ModalScreen[bool]):
    """True only after y, or after the right number and enter."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "yes", show=False),
        Binding("n,escape,enter,q", "answer(False)", "no", show=False),
    ]

    def __init__(self, question: str, details: Iterable[Line], stake: Stake, count: int) -> None:
        super().__init__()
        self._stake, self._count = stake, count
        self._lines: list[Line] = [*wrapped((say(question, Tone.STRONG),), CELLS), EMPTY]
        given = list(details)
        self._lines += given[:MOST]
        if len(given) > MOST:
            self._lines.append((say(f"… and {len(given) - MOST:,} more", Tone.MUTED),))
        if given:
            self._lines.append(EMPTY)
        self._lines.append(self._keys())

    def _keys(self) -> Line:
        if self._stake is Stake.COUNT:
            return line(
                say("Type "),
                say(self._count, Tone.WARN),
                say(" and press enter to go on; "),
                say("esc", Tone.ACCENT),
                say(" leaves everything as it is."),
            )
        return line(
            say("y", Tone.ACCENT), say(" yes   "), say(" N ", Tone.CHOSEN), say(" no (enter, esc)")
        )

    def compose(self) -> ComposeResult:
        """Textual's: the question in a box."""
        with Vertical(id="box"):
            block = Block("question")
            block.show(self._lines)
            block.styles.height = len(self._lines)
            yield block
            if self._stake is Stake.COUNT:
                yield Input(id="count", select_on_focus=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter in the field: only the right number is a yes."""
        if event.value.strip().replace(",", "") == str(self._count):
            self.dismiss(True)
        else:
            event.input.add_class("wrong")

    def action_answer(self, yes: bool) -> None:
        """The answer is given."""
        self.dismiss(yes)
