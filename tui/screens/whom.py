"""Keeps up with whom the field To means: asks when the hand rests, and when the roster grows."""

from __future__ import annotations

from functools import partial

from textual.worker import Worker

from steward.errors import NoDaemon, StewardError
from tui.preview import Known
from tui.rows import Resolved
from tui.screens import sending
from tui.screens.page import Page

SETTLE = 0.12
"""Seconds without a keystroke until the daemon is asked."""


class Whom:
    """What the daemon last said of the draft's recipients."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._asked: tuple[str, int] | None = None
        self._resolved: Resolved | None = None
        self._fault = ""
        self._again = False

    def known(self) -> Known:
        """What is known of the draft as it is now; nothing while the daemon is being asked."""
        desk = self._page.desk
        board = desk.board
        if self._asked is None or self._asked[0] != desk.draft.to:
            return Known(None, board.nodes, "", desk.linked, desk.where)
        return Known(self._resolved, board.nodes, self._fault, desk.linked, desk.where)

    def follow(self) -> None:
        """Ask, if what is known is about another draft, or about a roster that has changed."""
        now = self._now
        if now != self._asked or self._again:
            self._again = False
            later = self._asked is None or now[0] != self._asked[0]
            self._page.set_timer(SETTLE if later else 1.0, partial(self._settled, now))

    @property
    def _now(self) -> tuple[str, int]:
        return self._page.desk.draft.to, len(self._page.desk.board.nodes)

    def _settled(self, about: tuple[str, int]) -> None:
        if about == self._now:
            _: Worker[None] = self._page.run_worker(
                partial(self._look, about), group="resolve", exclusive=True
            )

    async def _look(self, about: tuple[str, int]) -> None:
        given = self._page.desk.draft
        try:
            self._resolved, self._fault = await sending.resolve(self._page.desk, given), ""
        except StewardError as error:
            self._resolved, self._again = None, isinstance(error, NoDaemon)
            self._fault = f"{error.text}: {error.hint}" if error.hint else error.text
        self._asked = (given.to, about[1])
        self._page.repaint()
