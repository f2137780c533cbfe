"""PURE: a database that turns out to be an older copy of itself (DESIGN.md section 2, rule 10)."""

from __future__ import annotations

from collections.abc import Callable

from steward.handoff.peers import Peers
from steward.handoff.ports import Receiving, Sending
from steward.handoff.state import Now
from steward.subjects import NodeName, Subject


class Renewal:
    """Renews the database on signed proof; on unsigned proof, which may be a lie, it holds."""

    def __init__(self, start: str, peers: Peers, new_token: Callable[[], str]) -> None:
        self.start = start
        self.peers = peers
        self.new_token = new_token

    def outdated(
        self, box: Sending, inbox: Receiving, frm: NodeName, how: str, now: Now, *, signed: bool
    ) -> tuple[Subject, ...]:
        """``frm`` shows that it knows more of this database than the database itself. Returns the
        lanes to look at."""
        if signed:
            return self.renew(box, inbox, now)
        peer = box.peer(frm)
        if not peer.alarm:
            peer.alarm = (
                f"{frm}: {how}. Either this node's database is an older copy: start it once with"
                " --restored; or somebody else speaks in its name"
            )
            box.save_peer(peer)
        return ()

    def renew(self, box: Sending, inbox: Receiving, now: Now) -> tuple[Subject, ...]:
        """Both halves take a new life, under a new store id, in one commit. Returns the lanes to
        look at."""
        inbox.renew(now)
        box.renew(self.new_token(), self.start, now)
        return self.peers.lanes()
