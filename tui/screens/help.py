"""What can be done here, from the registry."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from tui import actions
from tui.ink import EMPTY, Line, Tone, line, say
from tui.keymap import Keymap
from tui.registry import TYPED_IN
from tui.widgets.lines import Lines

KEYS = 16


class Help(ModalScreen[None]):
    """The keys of the screen in front, of moving, and those that work everywhere."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q,f1,enter", "leave", "back", show=False)
    ]

    def __init__(self, place: str, keymap: Keymap, *, read_only: bool) -> None:
        super().__init__()
        self._place, self._keymap, self._read_only = place, keymap, read_only

    def compose(self) -> ComposeResult:
        """Textual's: the keys in a box."""
        with Vertical(id="box"):
            text = Lines("keys")
            text.show(lines(self._place, self._keymap, read_only=self._read_only))
            yield text

    def on_mount(self) -> None:
        self.query_one(Lines).focus()

    def action_leave(self) -> None:
        """Back."""
        self.dismiss()


def lines(place: str, keymap: Keymap, *, read_only: bool) -> list[Line]:
    """The help's text."""
    out: list[Line] = []
    for title, found in actions.help_groups(place, keymap, read_only=read_only):
        out += [*([EMPTY] if out else []), (say(title, Tone.STRONG),)]
        out += [line(say(f"  {keys:<{KEYS}}", Tone.ACCENT), say(a.help)) for keys, a in found]
    if place in TYPED_IN:
        rest = keymap.first("palette", typing=True)
        out += [EMPTY, (say(f"What has a letter as its key is typed here: {rest} has it all."),)]
    if read_only:
        out += [EMPTY, (say("Read-only: the keys that change anything are not there.", Tone.WARN),)]
    return [*out, EMPTY, (say("esc goes back", Tone.MUTED),)]
