"""A labelled line of a form: a text field, or a choice among a few words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import events as textual_events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message as Event
from textual.strip import Strip
from textual.suggester import Suggester
from textual.widget import Widget
from textual.widgets import Input

from steward.text import safe
from tui import completion
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

    def offer(self, words: Sequence[str]) -> None:
        """Other words from now on; the one chosen stays, if it is among them."""
        self._words = tuple(words)
        self.put(self.value)

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
        super().__init__(id=f"{inner.id}-field", classes="field")
        self._label = Block(f"{inner.id}-label")
        self._label.add_class("label")
        self._label.show([(say(label, Tone.MUTED),)])
        self._inner = inner

    def compose(self) -> ComposeResult:
        """Textual's: label, field."""
        yield self._label
        yield self._inner


class Entry(Input):
    """A one-line text field that holds nothing a terminal could obey, whatever is pasted."""

    class Passed(Event):
        """→ was pressed at the end, where it moves nothing."""

    def validate_value(self, value: str) -> str:
        """Textual's: what the field holds from now on."""
        return safe(value)

    def complete(self) -> bool:
        """Take what is suggested; False: nothing is."""
        before = self.value
        if self.cursor_at_end:
            super().action_cursor_right()
        return self.value != before

    def action_cursor_right(self, select: bool = False) -> None:
        """Textual's: to the right, or take what is suggested."""
        if select or not self.cursor_at_end:
            super().action_cursor_right(select)
        elif not self.complete():
            self.post_message(self.Passed())

    def _on_paste(self, event: textual_events.Paste) -> None:
        """Textual's, which drops all lines but the first: they become one."""
        super()._on_paste(textual_events.Paste(one_line(event.text)))
        event.prevent_default()
        event.stop()


class Offers(Suggester):
    """Suggests the first of the words that the last one could become."""

    def __init__(self, words: Callable[[str], Sequence[str]]) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._words = words

    async def get_suggestion(self, value: str) -> str | None:
        """Textual's: the whole field as it would be."""
        words = self._words(value)
        return completion.completed(value, words[0]) if words else None


def one_line(text: str) -> str:
    """What was copied, as one line."""
    return " ".join(text.split("\n")).replace("\r", "").replace("\t", " ").strip()


def entry(id: str, hint: str, value: str, suggester: Suggester | None = None) -> Entry:
    """A field that starts with ``value``."""
    return Entry(
        value,
        id=id,
        placeholder=hint,
        select_on_focus=False,
        compact=True,
        suggester=suggester,
    )
