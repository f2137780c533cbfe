"""Screen 2, Messages: every message, how far it is, how it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import ClassVar

from textual.binding import BindingType

from steward.message import State
from tui import actions, draft, equivalents, pages, render
from tui.ink import EMPTY, Line, Tone, line, say
from tui.looks import PROBLEMS
from tui.registry import Action
from tui.rows import MessageRow
from tui.screens import deeds
from tui.screens.listing import ListPage
from tui.screens.taking import Parts
from tui.wants import Query, Wants
from tui.widgets.table import Column, Table

COLUMNS = (
    Column("state", "STATE", 15),
    Column("node", "NODE", 8, share=1),
    Column("method", "METHOD", 13, room=108),
    Column("what", "WHAT", 12, share=4),
    Column("attempt", "TRY", 5, right=True, room=116),
    Column("next", "NEXT", 5, right=True, room=132),
    Column("expires", "EXPIRES", 7, right=True, room=140),
    Column("progress", "HOW FAR", 16, share=4),
    Column("age", "AGE", 4, right=True),
    Column("id", "ID", 10, room=150),
)
ORDERS = ("newest", "oldest")
"""Which messages come first: the daemon has them in the order in which they were accepted."""


class MessagesPage(ListPage):
    """The messages sent from here, page by page."""

    place = "messages"
    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings("messages")]
    _made: tuple[object, ...] = ()
    _rows: Sequence[MessageRow] = ()
    _order = ORDERS[0]

    def make_table(self) -> Table:
        """One line a message."""
        return Table(COLUMNS, lambda row: row.id, self._cells, "rows")

    def _cells(self, row: MessageRow, widths: Mapping[str, int]) -> Mapping[str, Line]:
        state = self.desk.node_state(row.to_node)
        return render.message_cells(row, self.desk.clock, state, widths)

    def asked(self) -> Query:
        """What the daemon can look up; the rest of the filter is done here."""
        wanted = self.filter
        return Query.of(
            state=wanted.exact("state", set(State)),
            node=wanted.exact("node", self.desk.board.nodes),
            method=wanted.exact("method", draft.METHODS),
            job=",".join(wanted.pairs.get("job", ())),
            text=wanted.words[0] if wanted.words else "",
            problems=self.problems,
            sort="" if self._order == "newest" else "accepted",
        )

    def wants(self) -> Wants:
        """The first page of the query, and the nodes' states for what a message waits for."""
        return Wants(nodes=True, messages=self.asked())

    def shown(self) -> Sequence[MessageRow]:
        """What the page holds and the filter keeps."""
        page = self.desk.board.messages
        made = (page, self.filter, self.problems)
        if made != self._made:
            rows = [row for row in page.rows if self._keeps(row)]
            self._made, self._rows = made, rows
        return self._rows

    def _keeps(self, row: MessageRow) -> bool:
        if self.problems and row.state not in PROBLEMS and not row.is_unconfirmed:
            return False
        return not self.filter or self.filter.keeps(render.as_text(row), render.fields(row))

    def counted(self, rows: Sequence[MessageRow]) -> str:
        """``200 of 12,345 messages``."""
        total = max(self.desk.board.messages.total or 0, len(rows))
        head = f"{len(rows):,} of {total:,}" if len(rows) < total else f"{total:,}"
        return f"{head} message{'s' if total != 1 else ''}"

    @property
    def unread(self) -> bool:
        """Whether nothing was read yet."""
        return not self.desk.board.messages.read

    def lesson(self) -> list[Line]:
        """No messages yet."""
        if self.unread:
            return self.reading("the messages")
        return [
            (say("  Nothing has been sent yet.", Tone.STRONG),),
            EMPTY,
            (say("  Every message is listed here from the moment that it is accepted,"),),
            (say("  with its state, its attempts and its outcome."),),
            EMPTY,
            line(
                say("  Press "),
                say(self.key("compose"), Tone.ACCENT),
                say(" to write the first, or type"),
            ),
            (say("      steward send ship1 -- uptime", Tone.ACCENT),),
        ]

    def on_table_moved(self) -> None:
        """The cursor moved: nothing depends on it."""

    def on_table_opened(self) -> None:
        self.do_open_message()

    def on_table_neared_end(self) -> None:
        """The next page, before the last row is reached."""
        page = self.desk.board.messages
        query = self.asked()
        if page.cursor and page.query == query:
            more = partial(self.desk.link.more, "messages", query, page.cursor)
            self.attempt(more, "more", exclusive=True)

    def copied(self) -> str:
        """The ids of the messages chosen."""
        return "\n".join(row.id for row in self.table.chosen)

    def as_command(self) -> str:
        """What sends them again."""
        return equivalents.sends(self.table.chosen, self.desk.where)

    async def parts(self) -> Parts:
        """Every message that the filter keeps, also those that are not here."""
        link, query = self.desk.link, self.asked()
        async for part in pages.kept(link, "messages", query, MessageRow, self._keeps):
            yield part

    def sorted_by(self) -> str:
        """By age: the least first, or the greatest."""
        return "age" if self._order == "newest" else "-age"

    def values(self, action: Action) -> Sequence[str]:
        """What may come first."""
        return ORDERS if action.id == "list.sort" else super().values(action)

    def do_list_sort(self, order: str = "") -> None:
        if order and order not in ORDERS:
            self.tell(f"Messages are not sorted by {order}: {' or '.join(ORDERS)} first", bad=True)
            return
        self._order = order or ORDERS[1 - ORDERS.index(self._order)]
        self.table.go(0)
        self.rewant()
        self.repaint()

    def do_open_message(self) -> None:
        if (row := self.table.current) is not None:
            self.post_message(self.MessageChosen(row.id))

    def do_message_output(self) -> None:
        if (row := self.table.current) is not None:
            self.post_message(self.MessageChosen(row.id, output=True))

    def do_open_origin(self) -> None:
        if (row := self.table.current) is not None:
            self.post_message(self.Turned("nodes", f"name={row.to_node}"))

    def do_compose(self) -> None:
        if names := list(dict.fromkeys(row.to_node for row in self.table.chosen)):
            self.desk.draft = draft.addressed(self.desk.draft, names)
        self.post_message(self.Turned("compose"))

    def do_message_cancel(self) -> None:
        deeds.cancel(self, self.table.chosen)

    def do_message_retry(self) -> None:
        deeds.retry(self, self.table.chosen)
