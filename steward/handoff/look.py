"""PURE: one look at a lane, and what time has done to the messages there (rules 8 and 11)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from steward.handoff.peers import LaneView, PeerView
from steward.handoff.ports import Sending
from steward.handoff.state import Now, Outgoing, OutStream, Peer
from steward.message import FINAL, MessageId
from steward.subjects import Subject


def attempts_at(clock: float, first_try: float, timeout: float, retries: int, steady: float) -> int:
    """How many attempts have begun: each ``timeout`` that passes is one (rule 8)."""
    begun = 1 + math.floor(max(0.0, steady - max(clock, first_try)) / timeout)
    return min(begun, retries) if retries else begun


def giving_up_at(m: Outgoing, first_try: float) -> float:
    """Steady time at which its N attempts of ``timeout`` seconds have passed (rule 8)."""
    return max(m.clock, first_try) + m.retries * m.timeout


def used_up(m: Outgoing, first_try: float, steady: float) -> bool:
    """Whether its attempts, if they are limited, have passed without a receipt (rule 8)."""
    return bool(m.retries) and steady >= giving_up_at(m, first_try)


def has_expired(m: Outgoing, now: Now) -> bool:
    return m.expires is not None and m.expires <= now.wall


@dataclass(slots=True)
class Look:
    """One look at a lane, with what was found there."""

    box: Sending
    subject: Subject
    now: Now
    can_send: bool
    peer: Peer
    view: PeerView
    lane: LaneView
    stream: OutStream | None
    flying: list[Outgoing]
    """Bound and unreceipted."""
    queued: bool = False
    """Something is unbound."""
    delivered: bool = False
    """Nothing is left to hand over, but a command that was has no result yet."""
    gave_up: list[MessageId] = field(default_factory=list)
    """Undelivered since just now, and unproved."""

    @property
    def is_ready(self) -> bool:
        """Whether the store to bind to is known, and its clock."""
        return bool(self.peer.instance) and self.view.offset is not None

    @property
    def is_due(self) -> bool:
        return self.can_send and self.now.steady >= self.lane.due

    @property
    def still_open(self) -> list[Outgoing]:
        return [m for m in self.flying if m.state not in FINAL]
