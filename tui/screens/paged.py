"""A list that the daemon tells page by page: it reads on by itself until the screen is full."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from steward.errors import NoDaemon, StewardError
from tui.filters import Filter
from tui.held import Page
from tui.ink import EMPTY, Line, Tone, joined, line, say
from tui.screens.listing import ListPage
from tui.times import instant
from tui.wants import Query
from tui.widgets.table import NEAR_END

LOOKED = 5000
"""Rows that are read by itself, of which a filter keeps some; further ones by going to the end."""
REST = 0.5
"""A page that a search has read is followed by this many times its length of rest."""
FOLDED = 1.0
"""Seconds in which a page that was read is on the board, or never."""


class PagedPage(ListPage):
    """What a subclass has to say: its query, its page on the board, which rows are kept."""

    _asked: Query | None = None
    _room = LOOKED
    _is_searching = False
    _made: tuple[object, ...] = ()
    _rows: Sequence[Any] = ()

    def asked(self) -> Query:
        """What the daemon can look up; the rest of the filter is done here."""
        raise NotImplementedError

    def held(self) -> Page[Any]:
        """What is held of it, or still of another query."""
        raise NotImplementedError

    def keeps(self, row: Any, wanted: Filter) -> bool:
        """Whether the row is shown."""
        raise NotImplementedError

    @property
    def unread(self) -> bool:
        """Whether nothing was read yet."""
        return not self.held().read

    def shown(self) -> Sequence[Any]:
        """What the page holds and the filter keeps."""
        page, wanted = self.held(), self.left()
        made = (page, wanted, *self.kept_by())
        if made != self._made:
            everything = not wanted and not any(self.kept_by())
            keeps = self.keeps
            rows = page.rows if everything else [r for r in page.rows if keeps(r, wanted)]
            self._made, self._rows = made, rows
        return self._rows

    def kept_by(self) -> tuple[object, ...]:
        """What beside the filter decides which rows are shown."""
        return (self.problems,)

    def left(self) -> Filter:
        """The filter without what the daemon has done of it: rows may hold only the beginning of
        the text in which it looked for the words."""
        return replace(self.filter, words=()) if self.is_answered else self.filter

    @property
    def is_answered(self) -> bool:
        """Whether what is held is of the query that is asked."""
        page = self.held()
        return page.read and page.query == self.asked()

    @property
    def lacks(self) -> bool:
        """Whether more rows should be read."""
        page, table = self.held(), self.table
        if page.cursor is None or not self.is_answered:
            return False
        wanted = max(table.size.height, table.cursor + NEAR_END)
        return len(self.shown()) < wanted and len(page.rows) < self._room

    def draw(self) -> None:
        """The rows; where they are few, more are looked for."""
        if self._asked != (asked := self.asked()):
            self._asked, self._room = asked, LOOKED
        super().draw()
        able = self.is_current and self.desk.board.connected
        if able and self.lacks and not self._is_searching:
            self._is_searching = True
            self.attempt(self._search, "more")

    async def _search(self) -> None:
        try:
            while self.is_current and self.lacks:
                page, began = self.held(), time.monotonic()
                query: Any = page.query
                await self.desk.link.more(self.place, query, page.cursor or "")
                await asyncio.sleep((time.monotonic() - began) * REST)
                until = time.monotonic() + FOLDED
                while self.held() is page and time.monotonic() < until:
                    await asyncio.sleep(0.01)
                if self.held() is page:
                    break
        except NoDaemon:
            return  # it goes on when there is one again
        except StewardError:
            self._room = 0
            raise
        finally:
            self._is_searching = False
        if self.is_current:
            self.repaint()

    def on_table_neared_end(self) -> None:
        """The operator wants more."""
        self._room = max(self._room, len(self.held().rows) + LOOKED)
        if self.lacks:
            self.repaint()

    def note(self) -> Line:
        """How far a search has come, and the rest."""
        return joined([self.progress(), super().note()], " · ")

    def progress(self) -> Line:
        """How far back the rows that are shown have been looked for."""
        page = self.held()
        if not self.narrowed or not page.read:
            return EMPTY
        if not self.is_answered:
            return (say("searching …", Tone.ACCENT),)
        if page.cursor is None:
            return (say("all searched", Tone.MUTED),)
        at = self.desk.clock.time(instant(page.reached))[:-3]
        to = f"{'on' if page.rising else 'back'} to {at}" if at else "…"
        if self.lacks:
            return (say(f"searching {to}", Tone.ACCENT),)
        further = f": {self.key('move.last')} goes on" if len(page.rows) >= self._room else ""
        return (say(f"searched {to}{further}", Tone.MUTED),)

    def nothing_matches(self) -> list[Line]:
        """The empty state: while it is being looked for nobody knows."""
        if self.is_answered and not self.lacks:
            return super().nothing_matches()
        return [line(say("  "), *(self.progress() or [say("searching …", Tone.MUTED)]))]
