"""What was sent before, as a small list above the field that it is for."""

from __future__ import annotations

from collections.abc import Sequence

from tui import history
from tui.history import Entry
from tui.ink import Line
from tui.keymap import Key
from tui.memory import Sent
from tui.times import Clock
from tui.widgets.inked import Block


class Recall(Block):
    """Closed until it is asked for; then what is typed in ``field`` narrows it."""

    def __init__(self, field: str) -> None:
        super().__init__(f"{field}-recall")
        self.add_class("recall")
        self.field = field
        self.display = False
        self._entries: Sequence[Entry] = ()
        self._chosen = 0

    @property
    def is_open(self) -> bool:
        return self.display

    @property
    def entry(self) -> Entry | None:
        """The one that would be taken."""
        return self._entries[self._chosen] if self._entries else None

    def note(self, key: Key) -> Line:
        """Where one is in the list, and its keys."""
        return history.note(self._entries, self._chosen, key)

    def look(self, sent: Sequence[Sent], typed: str) -> None:
        """Open, or narrow to what fits ``typed`` now."""
        self._entries, self._chosen = history.found(sent, self.field, typed), 0
        self.display = True

    def close(self) -> None:
        """Leave everything as it is."""
        self.display = False

    def move(self, by: int) -> None:
        """To older or less fitting ones, or back; before the first the list closes."""
        if self._chosen + by < 0:
            self.close()
        elif self._entries:
            self._chosen = min(self._chosen + by, len(self._entries) - 1)

    def draw(self, clock: Clock, cells: int) -> None:
        """Draw it, as high as it has to be."""
        lines = history.lines(self._entries, self._chosen, clock, cells)
        self.styles.height = len(lines)
        self.show(lines)
