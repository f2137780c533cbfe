"""A labelled line of a form: a text field, or a choice among a few words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message as Event
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Input

from steward.text import safe
from tui.ink import Tone, fit, line, say
from tui.widgets.inked import Block, Inked


class Choice(Inked, can_focus=True):
    """One of a few words: ``< ShellCommand >``, changed with left and right."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "step(-1)", "the one before", show=False),
        Binding("right,l,space", "step(1)", "the next", show=False),
        Binding("enter", "done", "go on", show=False),
    ]

    class Changed(Event):
        """Another word was chosen."""

    class Done(Event):
        """Enter was pressed: on to the next field."""

    def __init__(self, words: Sequence[str], id: str) -> None:
        super().__init__(id=id)
        self._words = tuple(words)
        self.value = self._words[0]

    def put(self, word: str) -> None:
        """Choose a word; one that isn't among them stands for the first."""
        self.value = word if word in self._words else self._words[0]
        self.refresh()

    def action_step(self, by: int) -> None:
        """The next word, or the one before, round and round."""
        place = (self._words.index(self.value) + by) % len(self._words)
        self.value = self._words[place]
        self.refresh()
        self.post_message(self.Changed())

    def action_done(self) -> None:
        """Enter."""
        self.post_message(self.Done())

    def render_line(self, y: int) -> Strip:
        """Textual's line API."""
        tone = Tone.ACCENT if self.has_focus else Tone.FAINT
        spans = line(say("◂ ", tone), say(self.value or "default"), say(" ▸", tone))
        return self.strip(fit(spans, self.size.width), self.size.width, self.rich_style)


class Field(Horizontal):
    """A label and what stands beside it."""

    def __init__(self, label: str, inner: Widget) -> None:
        super().__init__(classes="field")
        self._label = Block(f"{inner.id}-label")
        self._label.add_class("label")
        self._label.show([(say(label, Tone.MUTED),)])
        self._inner = inner

    def compose(self) -> ComposeResult:
        """Textual's: label, field."""
        yield self._label
        yield self._inner


def entry(id: str, hint: str, value: str) -> Input:
    """A one-line text field; what it starts with is made safe."""
    return Input(
        safe(value),
        id=id,
        placeholder=hint,
        select_on_focus=False,
        compact=True,
    )
