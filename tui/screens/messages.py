"""Screen 2, Messages: every message, how far it is, how it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import ClassVar

from textual.binding import BindingType

from steward.message import State
from tui import actions, draft, equivalents, pages, render
from tui.filters import Filter
from tui.held import Page
from tui.ink import EMPTY, Line, Tone, line, say
from tui.looks import PROBLEMS
from tui.reading import PAGE
from tui.registry import Action
from tui.rows import MessageRow
from tui.screens import deeds, taking
from tui.screens.paged import PagedPage
from tui.screens.taking import Parts
from tui.times import short
from tui.wants import Query, Wants
from tui.widgets.table import Column, Table
from tui.words import plural

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


class MessagesPage(PagedPage):
    """The messages sent from here, page by page."""

    place = "messages"
    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings("messages")]
    _order = ORDERS[0]

    def make_table(self) -> Table:
        """One line a message."""
        return Table(COLUMNS, lambda row: row.id, self._cells, "rows", self._moment)

    def _cells(self, row: MessageRow, widths: Mapping[str, int]) -> Mapping[str, Line]:
        state = self.desk.node_state(row.to_node)
        return render.message_cells(row, self.desk.clock, state, widths)

    def _moment(self, row: MessageRow) -> tuple[str, str]:
        """Its age; while it is open also the second, and the state of its node."""
        now = self.desk.clock.now()
        if row.is_open:
            return str(int(now)), self.desk.node_state(row.to_node)
        accepted = row.at("accepted")
        return short(None if accepted is None else now - accepted), ""

    def asked(self) -> Query:
        """What the daemon can look up; the rest of the filter is done here."""
        wanted = self.filter
        return Query.of(
            state=wanted.exact("state", set(State)),
            node=wanted.exact("node", self.desk.board.nodes),
            method=wanted.exact("method", draft.METHODS),
            job=",".join(wanted.pairs.get("job", ())),
            text=list(wanted.words),
            problems=self.problems,
            sort="" if self._order == "newest" else "accepted",
        )

    def wants(self) -> Wants:
        """The first page of the query, and what is on the screen of further ones."""
        table = self.table
        top = max(table.scroll_offset.y, PAGE)
        seen = table.rows[top : table.scroll_offset.y + table.size.height]
        return Wants(messages=self.asked(), sight=tuple(row.id for row in seen if row.is_open))

    def held(self) -> Page[MessageRow]:
        """The messages on the board."""
        return self.desk.board.messages

    def keeps(self, row: MessageRow, wanted: Filter) -> bool:
        """Whether it is meant."""
        if self.problems and row.state not in PROBLEMS and not row.is_unconfirmed:
            return False
        return not wanted or wanted.keeps(render.as_text(row), render.fields(row))

    def counted(self, rows: Sequence[MessageRow]) -> str:
        """``200 of 12,345 messages``, ``200+ messages``."""
        held = self.desk.board.messages
        total = max(held.total or 0, len(rows))
        if held.total is None:
            return f"{len(rows):,}+ messages"
        head = f"{len(rows):,} of {total:,}" if len(rows) < total else f"{total:,}"
        return f"{head} {plural(total, 'message')}"

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
        """Other rows may be in sight."""
        self.rewant()

    def on_table_opened(self) -> None:
        self.do_open_message()

    def copied(self) -> str:
        """The ids of the messages chosen."""
        return "\n".join(row.id for row in self.table.chosen)

    def as_command(self) -> str:
        """What sends them again."""
        return equivalents.sends(self.table.chosen, self.desk.where)

    def do_copy_command(self) -> None:
        if any(row.data_cut for row in self.table.chosen):
            self.attempt(self._copy_commands, "copy", exclusive=True)
        else:
            super().do_copy_command()

    async def _copy_commands(self) -> None:
        """With all of the data, of which the list holds the beginning."""
        rows = await pages.whole(self.desk.link, self.table.chosen)
        taking.copy(self, equivalents.sends(rows, self.desk.where))

    async def parts(self) -> Parts:
        """Every message that the filter keeps, also those that are not here."""
        link, query, keeps = self.desk.link, self.asked(), partial(self.keeps, wanted=self.left())
        async for part in pages.kept(link, "messages", query, MessageRow, keeps):
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
