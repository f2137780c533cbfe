"""The palette: all that can be done on the screen below, to search; enter does it there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from tui import commands
from tui.commands import Match
from tui.ink import EMPTY, Line, Tone, line, say
from tui.keymap import Keymap
from tui.registry import Action
from tui.widgets.table import Column, Table
from tui.widgets.typed import Typed

COLUMNS = (
    Column("word", "DO", 14, share=1),
    Column("keys", "KEYS", 11),
    Column("help", "WHAT IT DOES", 20, share=5),
    Column("id", "NAME FOR THE SETTINGS", 21, room=104),
)


class Palette(ModalScreen[Action | None]):
    """Ends with the action that was chosen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "back", show=False),
        Binding("down,ctrl+n", "move('do_move_down')", "down", show=False),
        Binding("up,ctrl+p", "move('do_move_up')", "up", show=False),
        Binding("pagedown", "move('do_move_page_down')", "page down", show=False),
        Binding("pageup", "move('do_move_page_up')", "page up", show=False),
    ]

    def __init__(self, offered: Sequence[Action], keymap: Keymap) -> None:
        super().__init__()
        self._offered, self._keymap = offered, keymap

    def compose(self) -> ComposeResult:
        """Textual's: what is typed, and below it what fits."""
        with Vertical(id="box"):
            yield Typed(id="typed", placeholder="what to do: its name, or a word of what it does")
            table = Table(COLUMNS, lambda match: match.action.id, self._cells, "fitting")
            table.can_focus = False
            yield table

    def on_mount(self) -> None:
        self._show("")
        self.query_one(Input).focus()

    def _show(self, typed: str) -> None:
        table = self.query_one(Table)
        table.show(commands.matches(typed, self._offered), empty=nothing(typed))
        table.go(0)

    def _cells(self, match: Match, widths: Mapping[str, int]) -> Mapping[str, Line]:
        action = match.action
        return {
            "word": commands.inked(action.word, match.word, Tone.STRONG, Tone.ACCENT),
            "keys": (say(self._keymap.shown(action) or ":", Tone.ACCENT),),
            "help": commands.inked(action.help, match.help, Tone.MUTED, Tone.ACCENT),
            "id": commands.inked(action.id, match.id, Tone.FAINT, Tone.ACCENT),
        }

    def on_input_changed(self, event: Input.Changed) -> None:
        """Every keystroke."""
        self._show(event.value)

    def on_input_submitted(self) -> None:
        """Enter: the one under the cursor."""
        self._choose()

    def on_table_opened(self) -> None:
        self._choose()

    def on_table_moved(self) -> None:
        """The cursor moved: nothing depends on it."""

    def on_table_neared_end(self) -> None:
        """All are here already."""

    def _choose(self) -> None:
        if (match := self.query_one(Table).current) is not None:
            self.dismiss(match.action)

    def action_move(self, how: str) -> None:
        """The cursor, while the field keeps the focus."""
        getattr(self.query_one(Table), how)()

    def action_leave(self) -> None:
        """Back, with nothing done."""
        self.dismiss(None)


def nothing(typed: str) -> list[Line]:
    """Where nothing fits."""
    head = line(say("  Nothing that can be done here fits "), say(typed, Tone.STRONG))
    return [head, EMPTY, (say("  esc goes back", Tone.MUTED),)]
