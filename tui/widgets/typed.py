"""A line to type in that shows nothing a terminal would obey, whatever is pasted into it."""

from __future__ import annotations

from textual.widgets import Input

from steward.text import safe


class Typed(Input):
    """Textual's, which shows what it holds as it is; here that is safe before it is held."""

    def validate_value(self, value: str) -> str:
        """Textual's, for every change of the value: typed, pasted, set."""
        return safe(value.replace("\t", " "))
