"""Screen 7, Pending: nodes that have introduced themselves and wait to be accepted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import ClassVar

from textual.binding import BindingType
from textual.containers import Vertical
from textual.widget import Widget

from tui import actions, draft, pending
from tui.ink import EMPTY, Line, Tone, line, say
from tui.pending import PendingRow
from tui.screens.listing import ListPage
from tui.screens.page import Page
from tui.wants import Wants
from tui.widgets.inked import Block
from tui.widgets.table import Column, Table

COLUMNS = (
    Column("state", "STATE", 10),
    Column("name", "NODE", 8, share=2),
    Column("fingerprint", "FINGERPRINT", pending.FINGERPRINT),
    Column("first", "FIRST", 5, right=True),
    Column("last", "LAST", 5, right=True),
    Column("version", "VERSION", 8, room=100),
    Column("machine", "MACHINE", 12, share=2, room=112),
    Column("labels", "LABELS", 12, share=4, room=126),
)
LEAST_ROWS = 4
"""Lines that the table keeps, its heading among them."""
FRAME = 1
"""Lines around the entry, as in the style sheet."""


class PendingPage(ListPage):
    """Who waits, and below it the one under the cursor in full."""

    place = "pending"
    CSS_PATH = "pending.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings("pending")]

    def make_table(self) -> Table:
        """Alarms first, then who has waited longest."""
        return Table(COLUMNS, lambda row: row.key, self._cells, "rows")

    def body(self) -> Iterable[Widget]:
        """The table, and the entry."""
        with Vertical():
            yield self.make_table()
            yield Block("entry")

    def _cells(self, row: PendingRow, widths: Mapping[str, int]) -> Mapping[str, Line]:
        return pending.cells(row, self.desk.clock)

    def wants(self) -> Wants:
        """Who waits."""
        return Wants(pending=True)

    def shown(self) -> Sequence[PendingRow]:
        """Those that the filter keeps."""
        found, wanted = self.desk.board.pending, self.filter
        if not wanted:
            return found
        keeps = wanted.keeps
        return [row for row in found if keeps(pending.as_text(row), pending.fields(row))]

    def counted(self, rows: Sequence[PendingRow]) -> str:
        """``2 wait, 1 refused``."""
        waiting = sum(row.waits for row in rows)
        refused = f", {len(rows) - waiting:,} refused" if waiting < len(rows) else ""
        return f"{waiting:,} {'waits' if waiting == 1 else 'wait'}{refused}"

    def draw(self) -> None:
        """The table, and the entry."""
        super().draw()
        row, pane = self.table.current, self.query_one("#entry", Block)
        pane.display = row is not None
        if row is None:
            return
        accept = "" if self.desk.read_only else self.key("node.accept")
        lines = pending.entry(row, self.desk.clock, max(self.size.width - 2, 20), accept)
        pane.show(lines)
        room = self.query_one("#body").size.height - LEAST_ROWS - FRAME
        pane.styles.height = max(min(len(lines), room), 1) + FRAME

    @property
    def unread(self) -> bool:
        """Whether it is not known yet, and not because nothing is decided here."""
        board = self.desk.board
        return not board.pending_read and (board.status is None or board.status.decides)

    def lesson(self) -> list[Line]:
        """Nobody waits, or nobody has to, or it isn't decided here."""
        status = self.desk.board.status
        if self.unread or status is None:
            return self.reading("who waits to be accepted")
        if not status.trusted:
            return [
                (say("  Trust is off: no node waits, since every node is believed.", Tone.BAD),),
                EMPTY,
                (say("  That is enough for a lab. Anywhere else give it keys; on central:"),),
                (say("      steward keys init", Tone.ACCENT),),
            ]
        if not status.decides:
            return [
                (say(f"  {status.central} decides who belongs.", Tone.STRONG),),
                EMPTY,
                (say("  Who waits to be accepted is seen and answered there:"),),
                (say("      steward console", Tone.ACCENT),),
            ]
        return [
            (say("  No node waits to be accepted.", Tone.STRONG),),
            EMPTY,
            (say("  A new node needs a token, which is made here:"),),
            (say("      steward keys token", Tone.ACCENT),),
            (say("  and pasted there, before it is started:"),),
            (say("      steward keys join -", Tone.ACCENT),),
            EMPTY,
            line(
                say("  Then it waits here, with its fingerprint, until you press "),
                say(self.key("node.accept"), Tone.ACCENT),
                say("."),
            ),
        ]

    def on_table_moved(self) -> None:
        """Another one under the cursor."""
        self.repaint()

    def copied(self) -> str:
        """Name and fingerprint of the one under the cursor."""
        row = self.table.current
        return f"{row.name} {row.fingerprint}" if row is not None else ""

    def as_command(self) -> str:
        """What accepts it."""
        row = self.table.current
        return pending.command(row, self.desk.where) if row is not None else ""

    def do_compose(self) -> None:
        if (row := self.table.current) is not None:
            self.desk.draft = draft.addressed(self.desk.draft, [row.name])
        self.post_message(self.Turned("compose"))

    def do_node_accept(self) -> None:
        if (row := self.table.current) is not None:
            self.attempt(partial(_accept, self, row))

    def do_node_refuse(self) -> None:
        row: PendingRow | None = self.table.current
        if row is not None and row.waits:
            self.attempt(partial(_refuse, self, row))
        elif row is not None:
            self.tell(f"{row.name} is refused already: {self.key('node.accept')} accepts it")


async def _accept(page: Page, row: PendingRow) -> None:
    if not await page.sure(pending.accepting(row, page.desk.clock)):
        return
    how = {"name": row.name, "fingerprint": row.fingerprint, "replace": row.conflict}
    await _said(page, "accept", how)
    page.tell(f"{row.name} is accepted: it is here within seconds, if it can be reached")


async def _refuse(page: Page, row: PendingRow) -> None:
    if await page.sure(pending.refusing(row, page.desk.clock)):
        await _said(page, "refuse", {"name": row.name, "fingerprint": row.fingerprint})
        page.tell(f"{row.name} is refused")


async def _said(page: Page, method: str, how: Mapping[str, object]) -> None:
    """Who waits is read again also where it failed: that somebody else was faster is seen then."""
    try:
        await page.desk.link.call(method, **how)
    finally:
        page.desk.link.again("pending")
