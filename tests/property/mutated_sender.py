"""The sender with one rule switched off."""

# mypy: disable-error-code="method-assign"

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import structs

from steward.frames import Frame, Verdict
from steward.handoff.look import Look
from steward.handoff.peers import LaneView, Transmission
from steward.handoff.state import Now, OutStream, Peer
from steward.message import FINAL, State
from steward.subjects import NodeName, Subject
from tests.ends import End
from tests.property.fake_rows import Row
from tests.property.sim_node import SimNode


def raw_expiry(node: SimNode) -> None:
    node.core.sender.letters._their_time = lambda wall, offset: wall
    node.core.receiver._expiry = lambda e, frm: e.expires
    node.receiving.reckon = lambda frm, ahead: None


def bound_when_receipted(node: SimNode) -> None:
    """Until then a message belongs to no store: it goes to the next one as if it were new."""
    box = node.sending
    adopt = box.adopt

    def _adopt(peer: Peer, instance: str, now: Now) -> None:
        for row in box.rows.values():
            is_under_way = row.stream is not None and not row.receipted
            if row.message.to == peer.name and is_under_way and row.state not in FINAL:
                box._unbind(row)
                row.maybe = False
        for bound in box._bound.values():
            bound[:] = [row for row in bound if row.stream is not None]
        adopt(peer, instance, now)

    box.adopt = _adopt


def tombstone_is_final(node: SimNode) -> None:
    box = node.sending

    def give_up(ids: Any, why: State, now: Now) -> None:
        for id in ids:
            if not box.rows[id].confirmed:
                box._end(box.rows[id], why, "")

    box.give_up = give_up


def base_moved_before_settling(node: SimNode) -> None:
    box = node.sending
    settle = box.settle

    def _settle(
        stream: OutStream, last: int, verdicts: Mapping[int, Verdict], now: Now
    ) -> list[Subject]:
        mine = box.streams[stream.key]
        base, mine.base = mine.base, min(last, mine.next - 1)
        node.world.crash_point(node, 0.03)
        mine.base = base
        return settle(stream, last, verdicts, now)

    box.settle = _settle


def no_seq_for_the_new_instance(node: SimNode) -> None:
    box = node.sending
    make = box._new_stream

    def _new_stream(subject: Subject, instance: str) -> OutStream:
        before = [s for s in box.streams.values() if s.subject == subject]
        stream = make(subject, instance)
        if before:
            stream.next = before[-1].next
            stream.base = stream.next - 1
            box._bound[stream.key] = list(box._bound[before[-1].key])
            box.streams[stream.key] = structs.replace(stream)
        return stream

    box._new_stream = _new_stream


def cancel_lost_when_it_crosses(node: SimNode) -> None:
    box = node.sending
    settle = box.settle

    def _settle(
        stream: OutStream, last: int, verdicts: Mapping[int, Verdict], now: Now
    ) -> list[Subject]:
        queue, box.queue_cancel = box.queue_cancel, lambda target, now: Subject("")
        try:
            return [s for s in settle(stream, last, verdicts, now) if s]
        finally:
            box.queue_cancel = queue

    box.settle = _settle


def lost_events_end_never(node: SimNode) -> None:
    """A given-up event that a lost store may have handled ends as if nobody had."""
    box = node.sending
    unbind, adopt = box._unbind, box.adopt

    def _unbind(row: Row) -> None:
        unbind(row)
        row.maybe = False

    def _adopt(peer: Peer, instance: str, now: Now) -> None:
        for row in list(box.rows.values()):
            is_given_up = bool(row.tombstone) and not row.confirmed and not row.is_command
            if row.message.to == peer.name and is_given_up:
                box._end(row, State(row.tombstone), "")
        adopt(peer, instance, now)

    box._unbind, box.adopt = _unbind, _adopt


def any_receipt_is_judged(node: SimNode) -> None:
    node.core.receipts._fits_newest = lambda tx, lane: True
    node.core.receipts._said_until = lambda tx: 2**53


def what_was_not_said_is_settled(node: SimNode | End) -> None:
    node.core.receipts._said_until = lambda tx: 2**53


def only_the_newest_is_judged(node: SimNode) -> None:
    def _fits_newest(tx: Transmission, lane: LaneView) -> bool:
        return tx.signature is not None and tx.sent == lane.last_sent

    node.core.receipts._fits_newest = _fits_newest


def adopted_from_a_hello(node: SimNode) -> None:
    sender = node.core.sender
    on_hello = sender.on_hello

    def _on_hello(box: Any, frm: NodeName, start: str, store: str, now: Now) -> tuple[Subject, ...]:
        peer = box.peer(frm)
        if store != peer.instance:
            box.adopt(peer, store, now)
            sender.peers[frm].forget_store()
        return on_hello(box, frm, start, store, now)

    sender.on_hello = _on_hello


def no_probe(node: SimNode | End) -> None:
    sender, box = node.core.sender, node.ledger.sending
    sender._owes_probe = lambda look: False
    sender._has_other_id = lambda look: False
    box.awaits_result = lambda stream: False


def one_frame_per_node(node: SimNode) -> None:
    sender = node.core.sender
    decide = sender._decide

    def _decide(look: Look) -> Frame | None:
        others = [s for s in look.view.lanes if s != look.subject]
        streams = [look.box.stream(look.peer.name, look.peer.instance, s) for s in others]
        if not look.flying and any(s and look.box.unreceipted(s) for s in streams):
            look.lane.due = look.now.steady + 1
            return None
        return decide(look)

    sender._decide = _decide
