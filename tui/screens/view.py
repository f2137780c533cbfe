"""A screen on one thing, a message or a job, on top of the one that it was opened from."""

from __future__ import annotations

from tui.desk import Desk
from tui.ink import Span, Tone, say
from tui.screens.searching import SearchPage


class View(SearchPage):
    """``about``: the id of what is shown; ``tab``: the tab that stays marked."""

    def __init__(self, desk: Desk, about: str, tab: str) -> None:
        super().__init__(desk)
        self.about, self._tab = about, tab

    @property
    def tab(self) -> str:
        """The tab it was opened from."""
        return self._tab

    def reading(self) -> Span:
        """What is shown before it has been read, or why it can't be."""
        why = self.desk.board.declined
        if why.startswith(f"{self.place}: "):
            return say(why, Tone.WARN)
        return say(f"Reading {self.place} {self.about} …", Tone.MUTED)
