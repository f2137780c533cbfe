"""What outbox, inbox and records share: one connection, the store's identity, what was touched."""

from __future__ import annotations

import dataclasses
import sqlite3
import time
from collections.abc import Callable, Mapping

from steward.message import NOBODY, Kind, Operator, State
from steward.subjects import NodeName, Subject

HIDDEN = frozenset(
    {"Result", "Cancel", "ErrorLog", "Running", "SayHello", "WatchOutput", "Ping"}
    | {"Trust", "Rekey", "Join", "Joined"}
)
"""The machinery's own methods: not listed and not journaled unless somebody asks for them."""

ASKING = frozenset({"Ping"})
"""Of these, what somebody waits for: that it does not arrive is an answer, and no error."""

GAVE_UP: Mapping[State, str] = {
    State.EXPIRED: "its time had passed before it was delivered",
    State.UNDELIVERED: "no receipt in all its attempts",
    State.CANCELLED: "cancelled before it was delivered",
}
"""Why a message is given up by its sender."""


@dataclasses.dataclass
class Touched:
    """What a commit changed: message ids, names of nodes, how many errors were recorded."""

    messages: set[str] = dataclasses.field(default_factory=set)
    ends: set[str] = dataclasses.field(default_factory=set)
    """Of these, which have come to an end, proved or not."""
    nodes: set[str] = dataclasses.field(default_factory=set)
    errors: int = 0
    alarms: list[tuple[str, str, str]] = dataclasses.field(default_factory=list)
    """Alarms that were raised: code, why, and what to do."""
    delivered: list[float] = dataclasses.field(default_factory=list)
    """Of each message that was receipted: seconds since its acceptance."""
    accepted: int = 0
    ended: int = 0
    """How many messages were taken in, and how many ends were proved."""
    wiped: bool = False
    """Whether a secret was overwritten, of which the log may have a copy."""
    units: int = 0
    """How many units of work the commit took together."""

    def __bool__(self) -> bool:
        return bool(self.messages or self.nodes or self.errors)

    def add(self, other: Touched) -> None:
        self.messages |= other.messages
        self.ends |= other.ends
        self.nodes |= other.nodes
        self.errors += other.errors
        self.alarms += other.alarms
        self.delivered += other.delivered
        self.accepted += other.accepted
        self.ended += other.ended
        self.wiped |= other.wiped
        self.units += other.units


@dataclasses.dataclass
class Identity:
    """Whose store this is, and for how long it has been."""

    node: NodeName
    store_id: str
    start: str
    """Random, of this start of the daemon."""
    first_n: int = 1
    """Messages from here on were accepted during this start."""


@dataclasses.dataclass
class Shared:
    """One connection and what hangs on it. Used in that connection's thread alone."""

    con: sqlite3.Connection
    identity: Identity
    check_intake: Callable[[], None] = lambda: None
    """Raises StoreFull while nothing new may be taken in."""
    check_reserve: Callable[[], None] = lambda: None
    """Raises StoreFull while not even results may be stored."""
    wall: Callable[[], float] = time.time
    touched: Touched = dataclasses.field(default_factory=Touched)
    operator: Operator = NOBODY
    """On whose behalf the unit of work is, as far as it asks nodes for something by itself."""
    overwrites: bool = False

    def overwrite(self) -> None:
        """There are secrets: from now on, until the next start, what is deleted is overwritten."""
        if not self.overwrites:
            self.con.execute("PRAGMA secure_delete = ON").fetchone()
            self.overwrites = True


@dataclasses.dataclass(slots=True)
class Lane:
    """The queue of one subject."""

    key: int
    subject: Subject
    node: NodeName
    kind: Kind
    method: str
    hidden: bool
    first_try: float | None

    @property
    def is_command(self) -> bool:
        return self.kind.is_command
