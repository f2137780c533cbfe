"""What this node received: streams in, and commands from acceptance to their end."""

from __future__ import annotations

import enum
from typing import NamedTuple

from steward.message import MessageId
from steward.subjects import NodeName, Subject


class Stage(enum.StrEnum):
    """How far a command is on the node that runs it."""

    RECEIVED = "received"
    STARTED = "started"


class Command(NamedTuple):
    """An accepted command that has not ended. Times are wall seconds on this node's clock."""

    n: int
    """The store's own key of the row; grows in the order of acceptance."""
    frm: NodeName
    store: str
    """The sender's store id."""
    instance: str
    """This store's id when it accepted the command."""
    subject: Subject
    seq: int
    """0: of a NACK kind, from no stream."""
    id: MessageId
    expires: float | None
    deadline: float | None
    """The expiry on the sender's clock."""
    parallel: bool
    body: bytes
    stage: Stage
    cancelled: bool
    """It was asked to stop while it ran."""
    accepted: float
    started: float | None
    boot_id: str
    """Of the boot in which it was started; empty before."""
    ends_by: float | None
    """When a started command has to be stopped (its method timeout)."""
