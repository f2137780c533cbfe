"""Screen 1, Nodes: which are there, what waits for each, what each is doing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import inf
from operator import attrgetter
from typing import Any, ClassVar

from textual.binding import BindingType
from textual.containers import Horizontal
from textual.widget import Widget

from steward.errors import nearest
from tui import actions, detail, draft, equivalents, pending, render
from tui.arranged import Arranged
from tui.desk import Desk
from tui.ink import EMPTY, Line, Tone, joined, line, say
from tui.naming import natural
from tui.registry import Action
from tui.rows import NodeRow
from tui.screens import node_asks, node_deeds
from tui.screens.listing import ListPage
from tui.times import calm
from tui.wants import Wants
from tui.widgets.inked import Block
from tui.widgets.table import Column, Table
from tui.words import plural

COLUMNS = (
    Column("state", "STATE", 10),
    Column("name", "NODE", 8, share=2),
    Column("labels", "LABELS", 12, share=5, room=96),
    Column("seen", "SEEN", 5, right=True),
    Column("version", "VERSION", 8, room=112),
    Column("queued", "QUEUED", 7, right=True),
    Column("underway", "UNDER WAY", 10, right=True),
    Column("running", "RUNS", 5, right=True),
    Column("oldest", "OLDEST", 7, right=True, room=83),
    Column("errors", "ERRORS, 1 H", 14),
)
TROUBLE = {"conflict": 0, "offline": 1, "stale": 2, "unheard": 3, "online": 4}
"""A state's place in the order of what needs a look first."""


SORTS: Mapping[str, Callable[[NodeRow], Any]] = {
    "name": lambda row: natural(row.name),
    "state": lambda row: (TROUBLE.get(row.state, 5), not row.held, natural(row.name)),
    "seen": lambda row: (row.seen_at or 0.0, natural(row.name)),
    "queued": lambda row: (-row.queued, natural(row.name)),
    "underway": lambda row: (-row.under_way, natural(row.name)),
    "running": lambda row: (-(row.running_now or 0), natural(row.name)),
    "oldest": lambda row: (row.waiting_from or inf, natural(row.name)),
    "errors": lambda row: (-row.errors_last_hour, natural(row.name)),
}
"""Each with what needs a look at the top: trouble, the longest silent, the most, the oldest."""
RISING = ("name", "state")
"""Columns of which the least comes first; of the others the greatest."""
DETAIL = 42
"""Cells of the text in the pane, whose width is in the style sheet."""


class NodesPage(ListPage):
    """The roster, and, where there is room, the node under the cursor in full."""

    place = "nodes"
    CSS_PATH = "nodes.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings("nodes")]
    _sort = "name"
    _made: tuple[object, ...] = ()
    _rows: Sequence[NodeRow] = ()

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._roster: Arranged[NodeRow] = Arranged(render.as_text, render.fields)
        self._asking = node_asks.Asking(self)

    def make_table(self) -> Table:
        """The nodes, by name."""
        return Table(COLUMNS, lambda row: row.name, self._cells, "rows", self._moment)

    def body(self) -> Iterable[Widget]:
        """The table and the pane beside it."""
        with Horizontal():
            yield self.make_table()
            yield Block("detail")

    def _cells(self, row: NodeRow, widths: Mapping[str, int]) -> Mapping[str, Line]:
        return render.node_cells(row, self.desk.clock)

    def _moment(self, row: NodeRow) -> tuple[str, str]:
        """How long ago it was seen, and how long the oldest waits."""
        now, seen = self.desk.clock.now(), row.seen_at
        return calm(None if seen is None else now - seen), calm(row.waited(now))

    def wants(self) -> Wants:
        """All nodes; in full the one under the cursor, if its pane is there."""
        row = self.table.current if self.is_wide else None
        return Wants(nodes=True, node=row.name if row is not None else None)

    def shown(self) -> Sequence[NodeRow]:
        """The nodes that the filter keeps, sorted; made anew only when something has changed."""
        changed = self._roster.take(self.desk.board.nodes, SORTS[self._sort])
        made = (self.filter, self.problems)
        if changed or made != self._made:
            self._made = made
            is_problem = attrgetter("is_problem") if self.problems else None
            self._rows = self._roster.kept(self.filter, is_problem)
        return self._rows

    def sorted_by(self) -> str:
        """The sort's column."""
        return self._sort if self._sort in RISING else f"-{self._sort}"

    def note(self) -> Line:
        """Who waits to be accepted, how many answers to a ping are missing, and the rest."""
        waiting = pending.note(self.desk.board.pending, self.key("go.pending"))
        return joined([waiting, self._asking.note, super().note()], " · ")

    def counted(self, rows: Sequence[NodeRow]) -> str:
        """``3 of 43 nodes``."""
        total = len(self.desk.board.nodes)
        head = f"{len(rows):,} of {total:,}" if self.narrowed else f"{total:,}"
        return f"{head} {plural(total, 'node')}"

    @property
    def unread(self) -> bool:
        """Whether nothing was read yet."""
        return not self.desk.board.nodes_read

    def lesson(self) -> list[Line]:
        """No nodes yet."""
        if self.unread:
            return self.reading("the roster")
        central = self.desk.board.status.node if self.desk.board.status else "central"
        return [
            (say("  No node has been heard of yet.", Tone.STRONG),),
            EMPTY,
            (say("  A node appears here with its first hello, within seconds of its start:"),),
            (say(f"      steward node --node ship1 --central {central}", Tone.ACCENT),),
            EMPTY,
            line(
                say("  A message can be sent before: press "),
                say(self.key("compose"), Tone.ACCENT),
                say(", and it waits for the node."),
            ),
        ]

    def draw(self) -> None:
        """The table, and the pane."""
        super().draw()
        row, opened = self.table.current, self.desk.board.opened
        pane = self.query_one("#detail", Block)
        if not self.is_wide or row is None:
            pane.display = False
            return
        pane.display = True
        whole = opened if opened is not None and opened.node.name == row.name else None
        ping = self._asking.of(row.name)
        pane.show(detail.node(row, whole, self.desk.clock, DETAIL, ping, self.key))

    def on_table_moved(self) -> None:
        """Another node under the cursor: its pane."""
        self.rewant()
        self.repaint()

    def on_table_opened(self) -> None:
        self.do_open_node()

    def on_table_neared_end(self) -> None:
        """All nodes are here already."""

    def copied(self) -> str:
        """The names of the nodes chosen."""
        return "\n".join(row.name for row in self.table.chosen)

    def as_command(self) -> str:
        """What shows them."""
        return equivalents.nodes(self.table.chosen, self.desk.where)

    def values(self, action: Action) -> Sequence[str]:
        """The columns to sort by."""
        return list(SORTS) if action.id == "list.sort" else super().values(action)

    def do_open_node(self) -> None:
        if (row := self.table.current) is not None:
            self.post_message(self.Turned("messages", f"node={row.name}"))

    def do_compose(self) -> None:
        names = [row.name for row in self.table.chosen]
        self.desk.draft = draft.addressed(self.desk.draft, names)
        self.post_message(self.Turned("compose"))

    def do_list_sort(self, column: str = "") -> None:
        order = list(SORTS)
        if column and column not in SORTS:
            self.tell(f"Nodes are not sorted by {column}: {nearest(column, order)}", bad=True)
            return
        self._sort = column or order[(order.index(self._sort) + 1) % len(order)]
        self.repaint()

    def do_node_ping(self) -> None:
        self._asking.ping(self.table.chosen)

    def do_node_processes(self) -> None:
        node_asks.processes(self, self.table.chosen)

    def do_node_hold(self) -> None:
        node_deeds.hold(self, self.table.chosen)

    def do_node_clear(self) -> None:
        node_deeds.clear(self, self.table.chosen)
