"""Screen 1, Nodes: which are there, what waits for each, what each is doing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache, partial
from operator import attrgetter
from typing import Any, ClassVar

from textual.binding import BindingType
from textual.containers import Horizontal
from textual.widget import Widget

from tui import actions, detail, draft, render
from tui.arranged import Arranged
from tui.desk import Desk
from tui.ink import EMPTY, Line, Tone, line, say
from tui.rows import NodeRow
from tui.screens.listing import ListPage
from tui.wants import Wants
from tui.widgets.inked import Block
from tui.widgets.table import Column, Table

COLUMNS = (
    Column("state", "STATE", 10),
    Column("name", "NODE", 8, share=2),
    Column("labels", "LABELS", 12, share=5, room=96),
    Column("seen", "SEEN", 5, right=True),
    Column("version", "VERSION", 8, room=112),
    Column("queued", "QUEUED", 6, right=True),
    Column("underway", "UNDER WAY", 9, right=True),
    Column("running", "RUNS", 4, right=True),
    Column("oldest", "OLDEST", 8, right=True, room=84),
    Column("errors", "ERRORS, 1 H", 16),
)
TROUBLE = {"conflict": 0, "offline": 1, "stale": 2, "unheard": 3, "online": 4}
"""A state's place in the order of what needs a look first."""


@lru_cache(maxsize=20_000)
def natural(name: str) -> tuple[tuple[bool, int, str], ...]:
    """Sorts ``ship9`` before ``ship10``."""
    parts: list[tuple[bool, int, str]] = []
    digits = word = ""
    for character in name + "\0":
        if character.isascii() and character.isdigit():
            if word:
                parts.append((True, 0, word))
                word = ""
            digits += character
        else:
            if digits:
                parts.append((False, int(digits), ""))
                digits = ""
            word += character.lower()
    return (*parts, (True, 0, word))


SORTS: Mapping[str, Callable[[NodeRow], Any]] = {
    "name": lambda row: natural(row.name),
    "state": lambda row: (TROUBLE.get(row.state, 5), not row.held, natural(row.name)),
    "seen": lambda row: -(row.seen_at or 0.0),
    "queued": lambda row: (-row.queued, natural(row.name)),
    "errors": lambda row: (-row.errors_last_hour, natural(row.name)),
}
WIDE = 120
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

    def make_table(self) -> Table:
        """The nodes, by name."""
        return Table(COLUMNS, lambda row: row.name, self._cells, "rows")

    def body(self) -> Iterable[Widget]:
        """The table and the pane beside it."""
        with Horizontal():
            yield self.make_table()
            yield Block("detail")

    def _cells(self, row: NodeRow, widths: Mapping[str, int]) -> Mapping[str, Line]:
        return render.node_cells(row, self.desk.clock)

    def wants(self) -> Wants:
        """All nodes; in full the one under the cursor, if its pane is there."""
        wide = self.size.width >= WIDE
        row = self.table.current if wide else None
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
        return self._sort

    def counted(self, rows: Sequence[NodeRow]) -> str:
        """``3 of 43 nodes``."""
        total = len(self.desk.board.nodes)
        head = f"{len(rows):,} of {total:,}" if self.narrowed else f"{total:,}"
        return f"{head} node{'s' if total != 1 else ''}"

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
                say("c", Tone.ACCENT),
                say(", and it waits for the node."),
            ),
        ]

    def draw(self) -> None:
        """The table, and the pane."""
        super().draw()
        row, opened = self.table.current, self.desk.board.opened
        pane = self.query_one("#detail", Block)
        if self.size.width < WIDE or row is None:
            pane.display = False
            return
        pane.display = True
        whole = opened if opened is not None and opened.node.name == row.name else None
        pane.show(detail.node(row, whole, self.desk.clock, DETAIL))

    def on_table_moved(self) -> None:
        """Another node under the cursor: its pane."""
        self.rewant()
        self.repaint()

    def on_table_opened(self) -> None:
        self.do_open_node()

    def on_table_neared_end(self) -> None:
        """All nodes are here already."""

    def do_open_node(self) -> None:
        if (row := self.table.current) is not None:
            self.post_message(self.Turned("messages", f"node={row.name}"))

    def do_compose(self) -> None:
        names = [row.name for row in self.table.chosen]
        self.desk.draft = draft.addressed(self.desk.draft, names)
        self.post_message(self.Turned("compose"))

    def do_list_sort(self) -> None:
        order = list(SORTS)
        self._sort = order[(order.index(self._sort) + 1) % len(order)]
        self.repaint()

    def do_node_hold(self) -> None:
        if chosen := self.table.chosen:
            release = all(row.held for row in chosen)
            names = [row.name for row in chosen]
            self.attempt(partial(self._hold, names, release=release))

    async def _hold(self, names: list[str], *, release: bool) -> None:
        verb = "Release" if release else "Hold"
        stake = draft.wide_stake(len(names)) if len(names) > 1 else draft.Stake.NONE
        question = f"{verb} the queues of {len(names)} nodes?"
        if await self.sure(question, detail.names(names), stake, len(names)):
            await self.desk.link.call("release" if release else "hold", nodes=names)
            what = names[0] if len(names) == 1 else f"{len(names)} nodes"
            self.tell(f"{what}: released" if release else f"{what}: held until you press h again")
            self.desk.link.refresh()

    def do_node_clear(self) -> None:
        if chosen := self.table.chosen:
            self.attempt(partial(self._clear, chosen))

    async def _clear(self, chosen: Sequence[NodeRow]) -> None:
        names = [row.name for row in chosen]
        waiting = sum(row.queued + row.under_way for row in chosen)
        if not waiting:
            self.tell(f"Nothing waits for {', '.join(names[:3])}")
            return
        question = f"Cancel all {waiting:,} messages to {', '.join(names[:3])}"
        question += f" and {len(names) - 3} more nodes?" if len(names) > 3 else "?"
        stake = draft.wide_stake(max(waiting, len(names)))
        details = [(say("Those waiting end here; those running are killed.", Tone.MUTED),)]
        if await self.sure(question, details, stake, max(waiting, len(names))):
            answer = await self.desk.link.call("clear", nodes=names)
            self.tell(f"{answer.get('messages', 0):,} messages cancelled")
            self.desk.link.refresh()
