"""What the link has heard, in the past tense: Textual events that the board folds into rows."""

from __future__ import annotations

from collections.abc import Mapping

from textual.message import Message as Event

from tui.held import Part
from tui.pending import PendingRow
from tui.rows import ErrorRow, Health, Job, MessageRow, NodeRow, Output, Status


class Heard(Event):
    """Anything that the link tells. One handler of the application takes them all. ``draws``
    False: more comes with it at once, so that drawing can wait for that. ``urgent``: somebody has
    just asked for it."""

    draws = True
    urgent = False


class Connected(Heard):
    """A daemon answers."""


class Lost(Heard):
    """No daemon answers, since ``at`` (wall time, seconds); ``hint`` says what to do."""

    def __init__(self, at: float, reason: str, hint: str) -> None:
        super().__init__()
        self.at, self.reason, self.hint = at, reason, hint


class Declined(Heard):
    """The daemon would not answer a question that the console keeps asking."""

    def __init__(self, about: str, text: str, hint: str) -> None:
        super().__init__()
        self.about, self.text, self.hint = about, text, hint


class StatusRead(Heard):
    """The daemon at a glance was read."""

    def __init__(self, status: Status) -> None:
        super().__init__()
        self.status = status


class NodesRead(Heard):
    """Nodes were read: those ``asked`` for by name, of which some may be gone; or (None) all whose
    names are after ``after``, up to ``upto`` (None: to the end)."""

    def __init__(
        self,
        nodes: tuple[NodeRow, ...],
        asked: frozenset[str] | None,
        after: str = "",
        upto: str | None = None,
    ) -> None:
        super().__init__()
        self.nodes, self.asked = nodes, asked
        self.after, self.upto = after, upto


class NodeOpened(Heard):
    """One node was read in full: its last messages too, and its processes if it is this daemon's
    own. ``told``: another's latest answer to ListProcesses."""

    def __init__(
        self,
        node: NodeRow,
        processes: tuple[object, ...] | None,
        messages: tuple[MessageRow, ...],
        told: MessageRow | None = None,
    ) -> None:
        super().__init__()
        self.node, self.processes, self.messages, self.told = node, processes, messages, told


class MessagesRead(Heard):
    """A part of the messages that a query means was read."""

    def __init__(self, query: object, part: Part[MessageRow]) -> None:
        super().__init__()
        self.query, self.part = query, part


class MessageRead(Heard):
    """One message was read in full."""

    def __init__(self, row: MessageRow) -> None:
        super().__init__()
        self.row = row


class ErrorsRead(Heard):
    """A part of the error log was read."""

    def __init__(self, query: object, part: Part[ErrorRow]) -> None:
        super().__init__()
        self.query, self.part = query, part


class JobsRead(Heard):
    """A part of the jobs was read."""

    def __init__(self, query: object, part: Part[Job]) -> None:
        super().__init__()
        self.query, self.part = query, part


class JobRead(Heard):
    """One job was read in full; ``samples``: one message of each of its largest groups, by id."""

    def __init__(self, job: Job, samples: Mapping[str, MessageRow]) -> None:
        super().__init__()
        self.job, self.samples = job, samples


class SamplesRead(Heard):
    """Messages were read, each to stand for a group of a job, by id."""

    def __init__(self, samples: Mapping[str, MessageRow]) -> None:
        super().__init__()
        self.samples = samples


class HealthRead(Heard):
    """How the daemon and its link are was read."""

    def __init__(self, health: Health) -> None:
        super().__init__()
        self.health = health


class PendingRead(Heard):
    """Who waits to be accepted, and who was refused, was read."""

    def __init__(self, found: tuple[PendingRow, ...]) -> None:
        super().__init__()
        self.found = found


class OutputCame(Heard):
    """A running command has written."""

    def __init__(self, output: Output) -> None:
        super().__init__()
        self.output = output
