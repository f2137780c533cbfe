"""The command line: one line above the footer, where an action is done by its name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from tui import commands, fuzzy
from tui.commands import Understood
from tui.ink import EMPTY, Line, Tone, joined, line, say, width
from tui.keymap import Keymap
from tui.registry import Action
from tui.widgets.inked import Block
from tui.widgets.typed import Typed

Values = Callable[[Action], Sequence[str]]
"""What an action's argument may be, as far as that is known here."""
MOST_VALUES = 20


class CommandLine(ModalScreen[Understood | None]):
    """Ends with an action and its argument, or with nothing. ``earlier``: this session's lines,
    which this one is added to."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "back", show=False),
        Binding("tab", "complete(1)", "complete", show=False),
        Binding("shift+tab", "complete(-1)", "the one before", show=False),
        Binding("up", "earlier(1)", "earlier", show=False),
        Binding("down", "earlier(-1)", "later", show=False),
    ]

    def __init__(
        self, place: str, keymap: Keymap, values: Values, earlier: list[str], *, read_only: bool
    ) -> None:
        super().__init__()
        self._place, self._keymap, self._values = place, keymap, values
        self._read_only, self._earlier, self._back = read_only, earlier, 0
        self._offered = commands.possible(place, read_only=read_only)
        self._given = self._begun = ""
        self._turn = -1

    def start(self, text: str) -> CommandLine:
        """With this typed already."""
        self._given = text
        return self

    def compose(self) -> ComposeResult:
        """Textual's: what fits, and below it what is typed."""
        with Vertical(id="box"):
            yield Block("fitting")
            with Horizontal(id="line"):
                sign = Block("sign")
                sign.show([(say(" :", Tone.ACCENT),)])
                yield sign
                yield Typed(self._given, id="typed", select_on_focus=False)

    def on_mount(self) -> None:
        field = self.query_one(Input)
        field.focus()
        field.cursor_position = len(field.value)
        self._show(field.value)

    def on_resize(self) -> None:
        """More room, or less."""
        self._show(self.query_one(Input).value)

    def _show(self, text: str) -> None:
        values = self._known(text)
        self._say(fitting(text, self._offered, self._keymap, values, self.size.width))

    def _known(self, text: str) -> Sequence[str]:
        action = commands.subject(text, self._offered)
        return self._values(action) if action is not None and action.takes else ()

    def _say(self, text: Line) -> None:
        self.query_one("#fitting", Block).show([text])

    def on_input_changed(self, event: Input.Changed) -> None:
        """Every keystroke; not what tab and the arrows put there."""
        self._turn, self._back = -1, 0
        self._show(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter: do it, or say why not."""
        text = event.value.strip()
        found = commands.understand(text, self._place, self._keymap, read_only=self._read_only)
        if found.answer:
            self._say((say(f" {found.answer}", Tone.WARN),))
            return
        if found.action is not None and (not self._earlier or self._earlier[-1] != text):
            self._earlier.append(text)
        self.dismiss(found if found.action is not None else None)

    def action_complete(self, by: int) -> None:
        """What is typed becomes the best that it may be; once more: the next best."""
        if self._turn < 0:
            self._begun = self.query_one(Input).value
        found = commands.completed(self._begun, self._offered, self._known(self._begun))
        if found:
            self._turn = (self._turn + by) % len(found) if self._turn >= 0 else 0
            self._put(found[self._turn])

    def action_earlier(self, by: int) -> None:
        """The lines before."""
        back = self._back + by
        if 1 <= back <= len(self._earlier):
            self._back = back
            self._put(self._earlier[-back])
        elif back == 0:
            self._back = 0
            self._put("")

    def _put(self, text: str) -> None:
        field = self.query_one(Input)
        with field.prevent(Input.Changed):
            field.value = text
        field.cursor_position = len(field.value)
        self._show(field.value)

    def action_leave(self) -> None:
        """Back, with nothing done."""
        self.dismiss(None)


def fitting(
    text: str, offered: Sequence[Action], keymap: Keymap, values: Sequence[str], cells: int
) -> Line:
    """What the line is about, or the best of what it may become: as many as there is room for."""
    word, argument = commands.split(text, offered)
    action = commands.subject(text, offered)
    if action is not None and (argument or text.endswith(" ")):
        takes = (say(f" {action.takes}", Tone.ACCENT),) if action.takes else ()
        head = line(say(f" {action.word}", Tone.STRONG), *takes)
        return _with_values(joined([head, (say(action.help),)], "   "), argument, values, cells)
    out: Line = EMPTY
    for match in commands.matches(word, offered):
        name = commands.inked(match.action.word, match.word, Tone.PLAIN, Tone.ACCENT)
        keys = keymap.first(match.action)
        one = (say("   " if out else " "), *name, say(f" {keys}" if keys else "", Tone.MUTED))
        if width(out) + width(one) > cells - 1:
            break
        out = (*out, *one)
    return out or (say(" nothing is called that: esc goes back", Tone.WARN),)


def _with_values(head: Line, typed: str, values: Sequence[str], cells: int) -> Line:
    """With as many of the ``values`` that fit what is typed as there is room for."""
    for value in fuzzy.best(typed, values, str)[:MOST_VALUES]:
        one = (say("   "), say(value, Tone.ACCENT))
        if width(head) + width(one) > cells - 1:
            break
        head = (*head, *one)
    return head
