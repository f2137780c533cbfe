"""PURE: what a receipt proves to the sender (DESIGN.md section 2, rules 5, 9, 10)."""

from __future__ import annotations

from steward.frames import Receipt
from steward.handoff.letters import LEAST_BYTES
from steward.handoff.peers import FRESH, LaneView, Peers, PeerView, Transmission
from steward.handoff.ports import Receiving, Sending
from steward.handoff.renewal import Renewal
from steward.handoff.sender import Sender, streams_of
from steward.handoff.state import Now, OutStream, Peer, Work
from steward.subjects import NodeName, Subject


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
        """Judge a receipt (rules 5, 9, 10). Raises nothing for bad content: it is ignored.
        ``signed``: by one whose word on this store's past is proof."""
        if r.to != self.me or r.to_store != box.store_id():
            return Work()
        if r.subject.partition(".")[0] != r.frm:
            return Work()
        if r.retired == box.store_id():
            how = "it says that this store was replaced"
            return Work(wake=self.renewal.outdated(box, inbox, r.frm, how, now, signed=signed))
        peer, view = box.peer(r.frm), self.peers[r.frm]
        if peer.alarm:
            return Work()
        is_other, wake = self.peers.heard(r.frm, r.start, r.store, now)
        if is_other:
            wake += streams_of(box, r.frm)
        tx = view.transmissions.get(r.tx)
        if tx is not None and not self._is_the_answer(box, r, tx, peer, view, now):
            return Work(wake=wake)
        if r.store != peer.instance:
            if not self._may_adopt(tx, view):
                return Work(wake=wake)
            box.adopt(peer, r.store, now)
            view.forget_store()
            wake = (*view.lanes, *wake)
        if tx is not None:
            wake = (*wake, *view.asking())
            view.fresh = max(view.fresh, tx.sent, now.steady - FRESH / 2)
            view.sample_clock(r.clock, now)
            view.pace.learn(tx.size, now.steady - tx.sent)
        subject = Subject(r.subject)
        if r.last is not None:
            wake += self._judge(box, inbox, r, subject, tx, view, signed, now)
        elif tx is not None:
            for name, lane in view.lanes.items():
                if name == subject or lane.asking:
                    lane.due, lane.tries = min(lane.due, now.steady), 0
        return Work(wake=tuple(dict.fromkeys(wake)))

    def _is_the_answer(
        self, box: Sending, r: Receipt, tx: Transmission, peer: Peer, view: PeerView, now: Now
    ) -> bool:
        """Rule 9: a retired store is told so, and of two that answer one transmission the second
        proves nothing; two that answer by turns are two machines with one name."""
        if r.store in peer.retired:
            view.tell_retired = r.store
            return False
        if view.are_two(r.store, tx, now):
            peer.alarm = f"two machines answer as {peer.name}: rename one, then release it"
            box.save_peer(peer)
            return False
        if tx.answered_by not in ("", r.store):
            return False
        if not tx.answered_by:
            view.note_answer(r.tx, r.store)
        return True

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
    ) -> tuple[Subject, ...]:
        stream = box.stream(r.frm, r.store, subject)
        assert r.last is not None
        if stream is None or self._knows_more(box, stream, r):
            how = "it has more of this node's messages than this node knows of"
            return self.renewal.outdated(box, inbox, r.frm, how, now, signed=signed)
        lane = view.lane(subject)
        lane.receipted_by = r.start
        if tx is None or not self._fits_newest(tx, lane):
            return ()
        last = min(r.last, self._said_until(tx))
        if last <= stream.base:
            return (subject,)
        self._learn_pace(lane, now)
        lane.due, lane.tries = now.steady, 0
        return (subject, *box.settle(stream, last, r.verdicts, now))

    def _fits_newest(self, tx: Transmission, lane: LaneView) -> bool:
        """Rule 5: the answer to any frame that said the same as the newest one."""
        return tx.signature is not None and tx.signature == lane.signature

    def _said_until(self, tx: Transmission) -> int:
        """Of what the frame did not hold, its tombstones were not told: nothing is proved."""
        return tx.signature.last if tx.signature else 0

    def _knows_more(self, box: Sending, stream: OutStream, r: Receipt) -> bool:
        """Rule 10: the receiver knows more of this store's past than the store itself."""
        assert r.last is not None
        if r.conflict or r.last >= stream.next or r.base > stream.base:
            return True
        return r.last > stream.base and box.id_at(stream, r.last) != r.last_id

    def _learn_pace(self, lane: LaneView, now: Now) -> None:
        """Frames grow while they are answered in less than a quarter of the timeout (rule 2)."""
        budget = max(lane.budget, LEAST_BYTES)
        is_quick = lane.tries == 1 and now.steady - lane.last_sent < lane.patience / 4
        most = self.sender.most_bytes
        lane.budget = min(budget * 2, most) if is_quick else max(budget // 2, LEAST_BYTES)

    def _may_adopt(self, tx: Transmission | None, view: PeerView) -> bool:
        """Rule 9: only from the answer to something sent since the current store was adopted."""
        return tx is not None and tx.era == view.era
