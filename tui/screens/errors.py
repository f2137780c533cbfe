"""Screen 4, Errors: the central error log, following."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import ClassVar

from textual.binding import BindingType
from textual.containers import Vertical
from textual.widget import Widget

from tui import actions, draft, equivalents, pages, render
from tui.desk import Desk
from tui.filters import Filter
from tui.held import Page
from tui.ink import EMPTY, Line, Tone, joined, line, say
from tui.rows import ErrorRow
from tui.screens.paged import PagedPage
from tui.screens.taking import Parts
from tui.wants import Query, Wants
from tui.widgets.inked import Block
from tui.widgets.table import Column, Table
from tui.words import plural

COLUMNS = (
    Column("time", "TIME", 8),
    Column("level", "LEVEL", 9),
    Column("node", "NODE", 8, share=1),
    Column("times", "", 5, right=True),
    Column("text", "WHAT WENT WRONG", 20, share=6),
    Column("code", "CODE", 16, room=120),
    Column("message", "MESSAGE", 10, room=140),
)
LEVELS: tuple[tuple[str, frozenset[str] | None], ...] = (
    ("", None),
    ("warnings and worse", frozenset({"warning", "error", "critical"})),
    ("errors only", frozenset({"error", "critical"})),
)


class ErrorsPage(PagedPage):
    """The log, newest first. While it is paused the rows stand still and new ones are counted."""

    place = "errors"
    CSS_PATH = "errors.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings("errors")]

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._level = 0
        self._paused_at: int | None = None

    def make_table(self) -> Table:
        """Newest first."""
        return Table(COLUMNS, lambda row: row.n, self._cells, "rows")

    def body(self) -> Iterable[Widget]:
        """The table, and below it the entry under the cursor in full."""
        with Vertical():
            yield self.make_table()
            yield Block("entry")

    def draw(self) -> None:
        """The table, and the entry."""
        super().draw()
        row, pane = self.table.current, self.query_one("#entry", Block)
        pane.display = row is not None
        if row is not None:
            pane.show(render.error_entry(row, self.desk.clock, max(self.size.width - 2, 20)))

    def _cells(self, row: ErrorRow, widths: Mapping[str, int]) -> Mapping[str, Line]:
        return render.error_cells(row, self.desk.clock)

    def asked(self) -> Query:
        """What the daemon can look up; the rest of the filter is done here."""
        node = self.filter.exact("node", self.desk.board.nodes)
        levels = sorted(LEVELS[self._level][1] or ())
        name = node[0] if len(node) == 1 else ""
        return Query.of(node=name, level=levels, text=list(self.filter.words))

    def wants(self) -> Wants:
        """The first page."""
        return Wants(errors=self.asked())

    def held(self) -> Page[ErrorRow]:
        """The errors on the board."""
        return self.desk.board.errors

    def kept_by(self) -> tuple[object, ...]:
        """The level, and where the log was paused."""
        return (self._level, self._paused_at)

    def keeps(self, row: ErrorRow, wanted: Filter) -> bool:
        """Whether it is meant."""
        if self._paused_at is not None and row.n > self._paused_at:
            return False
        levels = LEVELS[self._level][1]
        if levels is not None and row.level not in levels:
            return False
        return not wanted or wanted.keeps(render.as_text(row), render.fields(row))

    @property
    def narrowed(self) -> bool:
        """Whether the rows are fewer than there are."""
        return super().narrowed or bool(self._level)

    def nothing_matches(self) -> list[Line]:
        """The empty state under a filter or a level."""
        if self.filter or not self._level:
            return super().nothing_matches()
        return [
            (say(f"  Nothing here with: {LEVELS[self._level][0]}", Tone.STRONG),),
            EMPTY,
            (say(f"  {self.key('errors.level')} shows the next level", Tone.MUTED),),
        ]

    def counted(self, rows: Sequence[ErrorRow]) -> str:
        """How many are held here."""
        more = "+" if self.desk.board.errors.cursor else ""
        return f"{len(rows):,}{more} {plural(len(rows), 'error')}"

    def note(self) -> Line:
        """Follows or paused, the level, and the rest."""
        parts: list[Line] = []
        if self._paused_at is not None:
            new = sum(row.n > self._paused_at for row in self.desk.board.errors.rows)
            parts.append((say(f"paused, {new:,} new", Tone.WARN),))
        else:
            parts.append((say("follows", Tone.GOOD),))
        if self._level:
            parts.append((say(LEVELS[self._level][0], Tone.WARN),))
        return joined([*parts, super().note()], " · ")

    def lesson(self) -> list[Line]:
        """No errors yet."""
        if self.unread:
            return self.reading("the error log")
        return [
            (say("  No errors.", Tone.GOOD),),
            EMPTY,
            (say("  Whatever fails on any node is reported here, also after its link was down:"),),
            (say("  with its time, its node, and the message that it was about."),),
            EMPTY,
            line(
                say("  A command that ends badly is no error of the node's: see "),
                say(self.key("go.messages"), Tone.ACCENT),
                say(" Messages, "),
                say(self.key("list.problems"), Tone.ACCENT),
                say("."),
            ),
        ]

    def on_table_moved(self) -> None:
        """Another entry under the cursor."""
        self.repaint()

    def on_table_opened(self) -> None:
        self.do_open_cause()

    def copied(self) -> str:
        """What went wrong: the errors chosen, each with its remedy."""
        return "\n".join(
            f"{row.node}: {row.text}" + (f" ({row.hint})" if row.hint else "")
            for row in self.table.chosen
        )

    def as_command(self) -> str:
        """What lists their nodes' errors."""
        return equivalents.errors(self.table.chosen, self.desk.where)

    async def parts(self) -> Parts:
        """Every error that filter and level keep, also those that are not here."""
        link, query, keeps = self.desk.link, self.asked(), partial(self.keeps, wanted=self.left())
        async for part in pages.kept(link, "errors", query, ErrorRow, keeps):
            yield part

    def do_open_cause(self) -> None:
        row = self.table.current
        if row is not None and row.message_id:
            self.post_message(self.MessageChosen(row.message_id))
        elif row is not None:
            key = self.key("open.origin")
            self.tell(f"This error is about no message: {key} goes to its node")

    def do_open_origin(self) -> None:
        if (row := self.table.current) is not None:
            self.post_message(self.Turned("nodes", f"name={row.node}"))

    def do_compose(self) -> None:
        if (row := self.table.current) is not None:
            self.desk.draft = draft.addressed(self.desk.draft, [row.node])
        self.post_message(self.Turned("compose"))

    def do_errors_follow(self) -> None:
        held = self.desk.board.errors.rows
        paused = self._paused_at is not None
        self._paused_at = None if paused else max((row.n for row in held), default=0)
        if paused:
            self.table.go(0)
        self.repaint()

    def do_errors_level(self) -> None:
        self._level = (self._level + 1) % len(LEVELS)
        self.rewant()
        self.repaint()
