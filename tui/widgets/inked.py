"""Draws lines: a tone becomes the style that the style sheet gives it, text stays text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from tui.ink import EMPTY, Line, Tone, fit


class Inked(Widget):
    """A widget that is drawn from lines, and never from a string."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"ink--{tone}" for tone in Tone}
    ALLOW_SELECT = False
    _tones: dict[Tone, Style] | None = None

    def notify_style_update(self) -> None:
        """Textual's: the theme or the sheet has changed."""
        super().notify_style_update()
        self._tones = None

    def strip(self, spans: Line, cells: int, base: Style) -> Strip:
        """The line as exactly ``cells`` cells on ``base``."""
        if self._tones is None:
            self._tones = {
                tone: self.get_component_rich_style(f"ink--{tone}", partial=True) for tone in Tone
            }
        tones = self._tones
        segments = [Segment(text, base + tones[tone]) for text, tone in spans]
        return Strip(segments).adjust_cell_length(cells, base)


class Block(Inked):
    """Lines that fit their place; what doesn't fit is cut."""

    def __init__(self, id: str) -> None:
        super().__init__(id=id)
        self.lines: Sequence[Line] = ()

    def show(self, lines: Sequence[Line]) -> None:
        """Draw these lines from now on."""
        before, self.lines = self.lines, tuple(lines)
        if len(before) != len(self.lines):
            self.refresh()
            return
        cells = self.size.width
        changed = [y for y, line in enumerate(self.lines) if line != before[y]]
        if changed:
            self.refresh(*(Region(0, y, cells, 1) for y in changed))

    def render_line(self, y: int) -> Strip:
        """Textual's line API."""
        cells = self.size.width
        spans = self.lines[y] if y < len(self.lines) else EMPTY
        return self.strip(fit(spans, cells), cells, self.rich_style)
