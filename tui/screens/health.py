"""Screen 6, Health: the broker link, the store, the queue, this daemon and its processes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import ClassVar

from textual.binding import BindingType
from textual.containers import Vertical
from textual.widget import Widget

from tui import actions, processes, vitals
from tui.desk import Desk
from tui.ink import Line, Tone, line, say
from tui.processes import Process
from tui.rows import Health
from tui.screens.page import Page
from tui.wants import Wants
from tui.widgets.inked import Block
from tui.widgets.table import Column, Table

COLUMNS = (
    Column("state", "STATE", 12),
    Column("name", "PROCESS", 18, share=4),
    Column("role", "ROLE", 12, room=100),
    Column("restarts", "RESTARTS", 8, right=True),
    Column("queue", "QUEUE", 6, right=True),
    Column("since", "SINCE", 5, right=True, room=90),
    Column("error", "LAST ERROR", 10, share=3),
)
LEAST_ROWS = 4
"""Lines that the table keeps, however much the panels have to say."""
MEASURED = 15
"""Readings over which the daemon's use of the processor is taken."""


class HealthPage(Page):
    """What somebody looks at when it seems slow."""

    place = "health"
    CSS_PATH = "health.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings("health")]

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._read: Health | None = None
        self._rows: Sequence[Process] = ()
        self._used: deque[tuple[object, float, float]] = deque(maxlen=MEASURED)

    @property
    def table(self) -> Table:
        return self.query_one(Table)

    def body(self) -> Iterable[Widget]:
        """The panels, and the table below them."""
        with Vertical():
            yield Block("panels")
            yield Block("title")
            yield Table(COLUMNS, lambda row: row.name, self._cells, "rows")

    def on_mount(self) -> None:
        self.table.focus()

    def wants(self) -> Wants:
        """How the daemon is, and the nodes: for whom the oldest message waits."""
        return Wants(health=True, nodes=True)

    def _cells(self, row: Process, widths: Mapping[str, int]) -> Mapping[str, Line]:
        return processes.cells(row, self.desk.clock, role="role" in widths)

    def draw(self) -> None:
        """Panels and table; before the first reading, what will be here."""
        found = self.desk.board.health
        if found is not None and found is not self._read:
            self._read, self._rows = found, processes.ordered(found.processes)
            self._measure(found)
        panels, title = self.query_one("#panels", Block), self.query_one("#title", Block)
        panels.display = title.display = found is not None
        if found is not None:
            cells = self.size.width
            known = vitals.Known(found, self.desk.board, self.desk.clock, self._load())
            lines = vitals.panels(known, cells)
            most = max(self.query_one("#body").size.height - LEAST_ROWS - 2, 1)
            panels.show(lines)
            panels.styles.height = min(len(lines), most)
            summary = processes.summary(self._rows)
            title.show([line(" ", *vitals.rule("processes", cells - 2, summary))])
        self.table.show(self._rows, empty=self._lesson())

    def _measure(self, found: Health) -> None:
        pid = found.daemon.get("pid")
        numbers = [found.daemon.get(name) for name in ("uptime", "cpuSeconds")]
        up, used = (float(n) if isinstance(n, int | float) else None for n in numbers)
        if up is None or used is None:
            return
        if self._used and (self._used[-1][0] != pid or self._used[-1][1] > up):
            self._used.clear()  # another daemon than before
        self._used.append((pid, up, used))

    def _load(self) -> float | None:
        """Cores in use over the last readings."""
        if not self._used:
            return None
        (_, began, before), (_, ended, after) = self._used[0], self._used[-1]
        return (after - before) / (ended - began) if ended > began else None

    def _lesson(self) -> list[Line]:
        if self._read is not None:
            return [(say("  No process runs: each starts with the first message it is for."),)]
        if not self.desk.board.connected:
            return [
                (say("  No daemon answers: how it is will be here when one does.", Tone.MUTED),)
            ]
        return [(say("  Reading how the daemon is …", Tone.MUTED),)]

    def on_table_moved(self) -> None:
        """The cursor's place is the table's own."""

    def do_compose(self) -> None:
        self.post_message(self.Turned("compose"))

    def do_process_start(self) -> None:
        row: Process | None = self.table.current
        if row is None:
            return
        if row.state != "terminated":
            self.tell(f"{row.name} is {row.state or 'unknown'}: only a terminated one is started")
            return
        self.attempt(partial(self._start, row.name))

    async def _start(self, name: str) -> None:
        await self.desk.link.call("startProcess", name=name)
        self.tell(f"{name}: started again")
        self.desk.link.refresh()
