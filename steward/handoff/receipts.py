"""PURE: what a receipt proves to the sender (DESIGN.md section 2, rules 5, 9, 10)."""

from __future__ import annotations

from steward.frames import Receipt
from steward.handoff.peers import LaneView, Peers, PeerView, Transmission
from steward.handoff.ports import Receiving, Sending
from steward.handoff.renewal import Renewal
from steward.handoff.sender import LEAST_BYTES, Sender, streams_of
from steward.handoff.state import Now, OutStream, Peer, Work
from steward.subjects import NodeName, Subject, parse


class Receipts:
    """Judges receipts and settles what they prove, inside one transaction of the ports' store."""

    def __init__(self, me: NodeName, peers: Peers, sender: Sender, renewal: Renewal) -> None:
        self.me = me
        self.peers = peers
        self.sender = sender
        self.renewal = renewal

    def on_receipt(
        self, box: Sending, inbox: Receiving, r: Receipt, now: Now, *, signed: bool = False
    ) -> Work:
        """Judge a receipt (rules 5, 9, 10)."""
        if r.to != self.me or r.to_store != box.store_id():
            return Work()
        if r.retired == box.store_id():
            how = "it says that this store was replaced"
            return self.renewal.outdated(box, inbox, r.frm, how, now, signed=signed)
        subject = Subject(r.subject)
        if parse(subject).node != r.frm:
            return Work()
        started = self.peers.heard(r.frm, r.start, r.store, now)
        peer, view = box.peer(r.frm), self.peers[r.frm]
        tx = view.transmissions.get(r.tx)
        if tx is not None and tx.answered_by not in ("", r.store):
            return self._second_answer(box, peer, view, tx, subject, now)
        if r.store != peer.instance:
            if not self._may_adopt(tx, view):
                return Work(wake=(subject,))
            if r.store in peer.retired:
                view.tell_retired = r.store
                return Work(wake=(subject,))
            box.adopt(peer, r.store, now)
            view.forget_store()
        if tx is not None:
            tx.answered_by = r.store
            view.fresh = max(view.fresh, tx.sent)
            view.sample_clock(r.clock, now)
            lane = view.lane(subject)
            if r.last is None:
                lane.due, lane.tries = now.steady, 0
        wake = streams_of(box, r.frm) if started else ()
        if r.last is None:
            return Work(wake=(subject, *view.lanes, *wake))
        return self._judge(box, inbox, r, subject, tx, view, signed, now, wake)

    def _judge(
        self,
        box: Sending,
        inbox: Receiving,
        r: Receipt,
        subject: Subject,
        tx: Transmission | None,
        view: PeerView,
        signed: bool,
        now: Now,
        wake: tuple[Subject, ...],
    ) -> Work:
        stream = box.stream(r.frm, r.store, subject)
        assert r.last is not None
        if stream is None or self._knows_more(box, stream, r):
            how = "it has more of this node's messages than this node knows of"
            return self.renewal.outdated(box, inbox, r.frm, how, now, signed=signed)
        lane = view.lane(subject)
        lane.receipted_by = r.start
        if not self._fits_newest(tx, lane):
            return Work(wake=(subject, *wake))
        if r.last > stream.base:
            self._learn_pace(box, stream, lane, now)
            wake += tuple(box.settle(stream, r.last, r.verdicts, now))
            lane.due, lane.tries = now.steady, 0
        return Work(wake=(subject, *wake))

    def _fits_newest(self, tx: Transmission | None, lane: LaneView) -> bool:
        """Rule 5: the answer to any frame that said the same as the newest one."""
        return tx is not None and tx.signature is not None and tx.signature == lane.signature

    def _knows_more(self, box: Sending, stream: OutStream, r: Receipt) -> bool:
        """Rule 10: the receiver knows more of this store's past than the store itself."""
        assert r.last is not None
        if r.conflict or r.last >= stream.next or r.base > stream.base:
            return True
        return r.last > stream.base and box.id_at(stream, r.last) != r.last_id

    def _learn_pace(self, box: Sending, stream: OutStream, lane: LaneView, now: Now) -> None:
        """Frames grow while they are answered in less than a quarter of the timeout (rule 2)."""
        timeout = min((m.timeout for m in box.unreceipted(stream)), default=10.0)
        budget = max(lane.budget, LEAST_BYTES)
        quick = lane.tries == 1 and now.steady - lane.last_sent < timeout / 4
        lane.budget = (
            min(budget * 2, self.sender.most_bytes) if quick else max(budget // 2, LEAST_BYTES)
        )

    def _may_adopt(self, tx: Transmission | None, view: PeerView) -> bool:
        """Rule 9: only from the answer to something sent since the current store was adopted."""
        return tx is not None and tx.era == view.era

    def _second_answer(
        self, box: Sending, peer: Peer, view: PeerView, tx: Transmission, subject: Subject, now: Now
    ) -> Work:
        """Another store has answered this transmission before (rule 9). Once may be a repeated
        frame that found a new store; again, for a frame sent since, it is two machines."""
        if tx.sent > view.suspected and not peer.alarm:
            peer.alarm = f"two machines answer as {peer.name}: rename one, then release it"
            box.save_peer(peer)
        view.suspected = min(view.suspected, now.steady)
        return Work(wake=(subject,))
