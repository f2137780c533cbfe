"""PURE: both ends' decisions of the handoff, store to store, exactly once (DESIGN.md section 2)."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from steward.handoff.peers import Peers
from steward.handoff.receipts import Receipts
from steward.handoff.receiver import Receiver
from steward.handoff.renewal import Renewal
from steward.handoff.sender import Sender
from steward.subjects import NodeName


class Handoff:
    """One node's core, for one start of its daemon. It has no I/O, no clock and no await.

    Everything is decided inside one transaction of the caller's store (``ports``); the ``Work``
    that comes back is carried out after the commit. What it keeps in memory are hints.
    """

    def __init__(self, me: NodeName, start: str, rng: Random, new_token: Callable[[], str]) -> None:
        self.peers = Peers()
        self.renewal = Renewal(start, self.peers, new_token)
        self.sender = Sender(me, start, self.peers, rng, new_token)
        self.receipts = Receipts(me, self.peers, self.sender, self.renewal)
        self.receiver = Receiver(me, start, self.peers, self.renewal)
