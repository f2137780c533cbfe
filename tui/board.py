"""PURE: folds what was heard into what is known: the one model that every screen draws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from tui import events, processes
from tui.held import Page
from tui.live import Live
from tui.pending import PendingRow
from tui.processes import Process
from tui.rows import ErrorRow, Health, Job, MessageRow, NodeRow, Status, briefly

MOST_SAMPLES = 64


@dataclass(frozen=True)
class Opened:
    """A node in full. ``told``: its latest answer to ListProcesses, if it is another's."""

    node: NodeRow
    processes: tuple[object, ...] | None
    messages: tuple[MessageRow, ...]
    told: MessageRow | None = None

    @cached_property
    def listed(self) -> list[Process] | None:
        """Its processes, trouble first; None: what it answered cannot be read, or it wasn't asked.
        There may be thousands, and they are looked at with every picture."""
        if self.processes is not None:
            return processes.ordered(self.processes)
        return None if self.told is None else processes.from_answer(self.told)


@dataclass
class Board:
    """All that the console knows. ``lost`` is the wall time (seconds) since when nobody answers."""

    connected: bool = False
    lost: float | None = None
    lost_reason: str = ""
    lost_hint: str = ""
    declined: str = ""
    status: Status | None = None
    nodes: dict[str, NodeRow] = field(default_factory=dict)
    nodes_read: bool = False
    opened: Opened | None = None
    messages: Page[MessageRow] = field(default_factory=Page)
    errors: Page[ErrorRow] = field(default_factory=Page)
    message: MessageRow | None = None
    live: Live | None = None
    jobs: Page[Job] = field(default_factory=Page)
    job: Job | None = None
    samples: Mapping[str, MessageRow] = field(default_factory=dict)
    health: Health | None = None
    pending: tuple[PendingRow, ...] = ()
    pending_read: bool = False

    def fold(self, event: events.Heard) -> None:
        """Take in what was heard."""
        match event:
            case events.Connected():
                self.connected, self.lost = True, None
            case events.Lost():
                self.connected = False
                self.lost = self.lost if self.lost is not None else event.at
                self.lost_reason, self.lost_hint = event.reason, event.hint
            case events.Declined():
                self.declined = f"{event.about}: {event.text}"
            case events.StatusRead():
                self.status = event.status
                if not event.status.decides:
                    self.pending, self.pending_read = (), False
            case events.PendingRead():
                self.pending, self.pending_read = event.found, True
            case events.NodesRead():
                self._take_nodes(event)
            case events.NodeOpened():
                self.opened = Opened(event.node, event.processes, event.messages, event.told)
            case events.MessagesRead():
                self.messages = self.messages.joined(event.query, event.part)
            case events.MessageRead():
                self.message = event.row
                self._replace(event.row)
            case events.OutputCame():
                if self.live is None or self.live.id != event.output.id:
                    self.live = Live(event.output.id)
                self.live = self.live.after(event.output)
            case events.JobsRead():
                self.jobs = self.jobs.joined(event.query, event.part)
            case events.JobRead():
                held = self.samples if self.job and self.job.job == event.job.job else {}
                self.job, self.samples = event.job, _kept(held, event.samples)
            case events.SamplesRead():
                self.samples = _kept(self.samples, event.samples)
            case events.HealthRead():
                self.health = event.health
            case events.ErrorsRead():
                self.errors = self.errors.joined(event.query, event.part)

    def _take_nodes(self, event: events.NodesRead) -> None:
        fresh = {row.name: row for row in event.nodes}
        if event.asked is None:
            last, self.nodes_read = event.upto, self.nodes_read or event.upto is None
            gone = {n for n in self.nodes if n > event.after and (last is None or n <= last)}
        else:
            gone = set(event.asked)
        held = {name: row for name, row in self.nodes.items() if name not in gone or name in fresh}
        self.nodes = held | fresh

    def _replace(self, fresh: MessageRow) -> None:
        held = self.messages
        if any(row.id == fresh.id for row in held.rows):
            rows = tuple(briefly(fresh) if row.id == fresh.id else row for row in held.rows)
            self.messages = replace(held, rows=rows)


def _kept(
    held: Mapping[str, MessageRow], fresh: Mapping[str, MessageRow]
) -> Mapping[str, MessageRow]:
    """The fresh ones, and of those held the latest: each may be 64 KiB of output."""
    both = {id: row for id, row in held.items() if id not in fresh} | dict(fresh)
    return dict(list(both.items())[-MOST_SAMPLES:])
