"""What the core reads and writes: peers, streams, and the messages under way."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from steward.frames import Frame, Receipt, Verdict
from steward.message import MessageId, State
from steward.subjects import NodeName, Subject

SETTLED = "settled"
"""Tombstone of a message whose end is known already: its seq still has to go."""


class Now(NamedTuple):
    """Both clocks, in seconds. ``wall`` is for expiry and people and may jump; ``steady`` never
    goes back, not even over a restart: the store continues it."""

    wall: float
    steady: float


class Peer(msgspec.Struct, kw_only=True):
    """What this store knows of another node: the store id it hands messages to."""

    name: NodeName
    instance: str = ""
    retired: tuple[str, ...] = ()
    held: bool = False
    """The operator's hold."""
    alarm: str = ""
    """Why nothing is exchanged with it until somebody decides; empty: nothing is wrong."""


class OutStream(msgspec.Struct, kw_only=True):
    """(my store, its store, subject). ``base``: the highest seq whose receipt is committed."""

    to: NodeName
    instance: str
    subject: Subject
    next: int = 1
    base: int = 0
    key: int = 0
    """The store's own key of the row."""


class Outgoing(msgspec.Struct, kw_only=True):
    """A message bound to a stream and not receipted yet. ``clock``: steady time of acceptance."""

    id: MessageId
    seq: int
    is_command: bool
    state: State
    confirmed: bool
    tombstone: str
    """Why it was given up; empty: it was not."""
    expires: float | None
    timeout: float
    retries: int
    attempts: int
    clock: float
    body: bytes


class InStream(msgspec.Struct, kw_only=True):
    """(its store, my store, subject). ``ids`` and ``verdicts`` are kept above ``base``, by seq."""

    frm: NodeName
    store: str
    subject: Subject
    last: int = 0
    last_id: str = ""
    base: int = 0
    ids: dict[int, MessageId] = {}
    verdicts: dict[int, Verdict] = {}


class Arrival(NamedTuple):
    """A message at its receiver. ``seq`` 0: of a NACK kind, from no stream. ``expires`` is wall
    time on this node's clock, ``deadline`` the same on the sender's."""

    frm: NodeName
    store: str
    subject: Subject
    seq: int
    id: MessageId
    expires: float | None
    deadline: float | None
    body: bytes
    order: bytes = b""
    """Of a command: its sender's signature of it alone; empty where there are no keys."""


class Work(NamedTuple):
    """What to do once the transaction that decided it is committed."""

    frames: tuple[Frame, ...] = ()
    receipt: Receipt | None = None
    due: float | None = None
    """Steady time at which to look again if nothing happens before."""
    wake: tuple[Subject, ...] = ()
    """Lanes that have something to do now."""
    gave_up: tuple[MessageId, ...] = ()
    """Undelivered, and nobody knows yet whether they had arrived."""
