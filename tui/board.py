"""PURE: folds what was heard into what is known: the one model that every screen draws."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from tui import events
from tui.live import Live
from tui.rows import ErrorRow, Health, Job, MessageRow, NodeRow, Status

T = TypeVar("T")
MOST_ROWS = 5000
MOST_SAMPLES = 64


@dataclass(frozen=True)
class Page(Generic[T]):
    """The rows held of a query, newest first; ``cursor`` leads to older ones, None: no more."""

    query: object = None
    rows: tuple[T, ...] = ()
    cursor: str | None = None
    total: int | None = 0
    read: bool = False


@dataclass(frozen=True)
class Opened:
    """A node in full. ``told``: its latest answer to ListProcesses, if it is another's."""

    node: NodeRow
    processes: tuple[object, ...] | None
    messages: tuple[MessageRow, ...]
    told: MessageRow | None = None


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
            case events.NodesRead():
                fresh = {row.name: row for row in event.nodes}
                if event.asked is None:
                    self.nodes, self.nodes_read = fresh, True
                else:
                    gone = event.asked - fresh.keys()
                    self.nodes = self.nodes | fresh
                    for name in gone & self.nodes.keys():
                        del self.nodes[name]
            case events.NodeOpened():
                self.opened = Opened(event.node, event.processes, event.messages, event.told)
            case events.MessagesRead():
                self.messages = _merged(
                    self.messages,
                    Page(event.query, event.rows, event.cursor, event.total, True),
                    event.first,
                    lambda row: row.id,
                )
            case events.MessageRead():
                self.message = event.row
                self._replace(event.row)
            case events.OutputCame():
                if self.live is None or self.live.id != event.output.id:
                    self.live = Live(event.output.id)
                self.live = self.live.after(event.output)
            case events.JobsRead():
                self.jobs = _merged(
                    self.jobs,
                    Page(event.query, event.rows, event.cursor, len(event.rows), True),
                    event.first,
                    lambda row: row.job,
                )
            case events.JobRead():
                held = self.samples if self.job and self.job.job == event.job.job else {}
                self.job, self.samples = event.job, _kept(held, event.samples)
            case events.SamplesRead():
                self.samples = _kept(self.samples, event.samples)
            case events.HealthRead():
                self.health = event.health
            case events.ErrorsRead():
                self.errors = _merged(
                    self.errors,
                    Page(event.query, event.rows, event.cursor, len(event.rows), True),
                    event.first,
                    lambda row: row.n,
                )

    def _replace(self, fresh: MessageRow) -> None:
        held = self.messages
        rows = tuple(fresh if row.id == fresh.id else row for row in held.rows)
        self.messages = Page(held.query, rows, held.cursor, held.total, held.read)


def _kept(
    held: Mapping[str, MessageRow], fresh: Mapping[str, MessageRow]
) -> Mapping[str, MessageRow]:
    """The fresh ones, and of those held the latest: each may be 64 KiB of output."""
    both = {id: row for id, row in held.items() if id not in fresh} | dict(fresh)
    return dict(list(both.items())[-MOST_SAMPLES:])


def _merged(held: Page[T], page: Page[T], first: bool, key: Callable[[T], object]) -> Page[T]:
    """A first page goes before the older rows held, if they join up; a next page goes behind.

    Above ``MOST_ROWS`` the older ones are let go: their page comes again when somebody scrolls.
    """
    if held.query != page.query:
        return page if first else held
    if not first:
        known = {key(row) for row in held.rows}
        older = tuple(row for row in page.rows if key(row) not in known)
        return Page(page.query, held.rows + older, page.cursor, page.total, True)
    if page.cursor is None or not page.rows:
        return page
    last = key(page.rows[-1])
    place = next((i for i, row in enumerate(held.rows) if key(row) == last), None)
    if place is None or place + 1 == len(held.rows) or len(held.rows) > MOST_ROWS:
        return page
    fresh = {key(row) for row in page.rows}
    older = tuple(row for row in held.rows[place + 1 :] if key(row) not in fresh)
    return Page(page.query, page.rows + older, held.cursor, page.total, True)
