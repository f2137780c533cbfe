"""PURE: the sender's decisions (DESIGN.md section 2, rules 2, 3, 7-9, 11)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from random import Random

import msgspec

from steward.errors import NotPossible, UnknownId
from steward.frames import Entry, Frame
from steward.handoff.peers import LaneView, Peers, PeerView
from steward.handoff.ports import Sending
from steward.handoff.state import SETTLED, Now, Outgoing, OutStream, Peer, Work
from steward.message import FINAL, MessageId, State
from steward.subjects import NodeName, Subject, parse

MOST_MESSAGES = 256
LEAST_BYTES = 16 * 1024
FRESH = 60.0
"""Seconds for which an answer, or a hello of the same store, lets new messages be bound."""
PROBE = 60.0
LONGEST_PAUSE = 60.0


def attempts_at(clock: float, first_try: float, timeout: float, retries: int, steady: float) -> int:
    """How many attempts have begun: each ``timeout`` that passes is one (rule 8)."""
    begun = 1 + math.floor(max(0.0, steady - max(clock, first_try)) / timeout)
    return min(begun, retries) if retries else begun


def used_up(m: Outgoing, first_try: float, steady: float) -> bool:
    """Whether N attempts of ``timeout`` seconds have passed without a receipt (rule 8)."""
    return bool(m.retries) and steady >= max(m.clock, first_try) + m.retries * m.timeout


def streams_of(box: Sending, name: NodeName) -> tuple[Subject, ...]:
    """The subjects of the streams to the peer's current store."""
    instance = box.peer(name).instance
    return tuple(s.subject for s in box.streams_to(name, instance)) if instance else ()


class Sender:
    """Decides for every lane of one node what goes out.

    Call it inside one transaction of the port's store; carry out what it returns after the commit.
    ``new_token`` makes random ids; ``most_bytes`` is half of the broker's ``max_payload``.
    """

    def __init__(
        self, me: NodeName, start: str, peers: Peers, rng: Random, new_token: Callable[[], str]
    ) -> None:
        self.me = me
        self.start = start
        self.peers = peers
        self.rng = rng
        self.new_token = new_token
        self.most_bytes = 512 * 1024

    # ---------------------------------------------------------------- what a lane does now

    def pump(self, box: Sending, subject: Subject, now: Now, *, can_send: bool = True) -> Work:
        """One look at a lane: on a new message, a receipt, evidence, or when it is due.

        ``can_send`` False: the last copy hasn't left the machine, or there is no link."""
        to = parse(subject).node
        peer, view = box.peer(to), self.peers[to]
        lane = view.lane(subject)
        box.expire_queued(subject, now)
        if peer.held or peer.alarm:
            return Work(due=self._in_steady(box.next_expiry(subject), now))
        stream = box.stream(to, peer.instance, subject) if peer.instance else None
        flying = box.unreceipted(stream) if stream else []
        queued = box.has_queued(subject)
        if flying or queued:
            self._count(box, subject, flying, now)
            queued = box.has_queued(subject)
        ready = bool(peer.instance) and view.offset is not None
        frame: Frame | None = None
        if self._must_ask(view, peer, ready, bool(flying), queued, now):
            if can_send and now.steady >= lane.due:
                frame = self._question(box, subject, view, lane, now)
        elif ready:
            if queued and not flying:
                stream = self._bind(box, stream, subject, peer, lane)
                flying = box.unreceipted(stream)
                self._count(box, subject, flying, now)
            if stream and flying:
                if can_send and now.steady >= lane.due:
                    flying = box.unreceipted(stream)
                    frame = self._frame(box, stream, flying, view, lane, now)
            elif stream and can_send and self._must_probe(box, stream, view, lane, now):
                frame = self._frame(box, stream, [], view, lane, now)
        due = self._next_look(box, subject, view, lane, stream, flying, can_send, now)
        return Work(frames=(frame,) if frame else (), due=due)

    def _must_ask(
        self, view: PeerView, peer: Peer, ready: bool, flying: bool, queued: bool, now: Now
    ) -> bool:
        """A sender that has restarted asks before it resends; one that has heard nothing for a
        while asks before it binds; another store id is a reason to ask, no more (rule 9)."""
        fresh = ready and now.steady - view.fresh < FRESH
        differs = view.store not in ("", peer.instance)
        return (queued and not flying and not fresh) or (flying and not ready) or differs

    def _must_probe(
        self, box: Sending, stream: OutStream, view: PeerView, lane: LaneView, now: Now
    ) -> bool:
        if not stream.base or now.steady < lane.due:
            return False
        restarted = view.start != "" and lane.receipted_by != view.start
        return restarted or (now.steady - lane.last_sent >= PROBE and box.awaits_result(stream))

    def _count(self, box: Sending, subject: Subject, flying: list[Outgoing], now: Now) -> None:
        """Attempts pass whether or not a frame could go; what has used them up is given up."""
        first = box.first_try(subject)
        if first is None:
            box.set_first_try(subject, first := now.steady)
        box.give_up_queued(subject, first, now)
        still_open = [m for m in flying if m.state not in FINAL]
        expired = [m for m in still_open if m.expires is not None and m.expires <= now.wall]
        late = [m for m in still_open if used_up(m, first, now.steady) and m not in expired]
        counted = {
            m.id: n
            for m in still_open
            if (n := attempts_at(m.clock, first, m.timeout, m.retries, now.steady)) != m.attempts
        }
        if counted:
            box.save_attempts(counted, now)
        if expired:
            self._give_up(box, expired, State.EXPIRED, now)
        if late:
            self._give_up(box, late, State.UNDELIVERED, now)
        if not flying:
            box.count_queued(subject, first, now, MOST_MESSAGES)

    def _give_up(self, box: Sending, given_up: Sequence[Outgoing], why: State, now: Now) -> None:
        """Bound and unreceipted: only a receipt proves which came first (rule 7)."""
        box.give_up([m.id for m in given_up], why, now)
        for m in given_up:
            m.state, m.confirmed, m.tombstone = why, False, why

    def _bind(
        self, box: Sending, stream: OutStream | None, subject: Subject, peer: Peer, lane: LaneView
    ) -> OutStream:
        most = min(max(lane.budget, LEAST_BYTES), self.most_bytes)
        lane.due, lane.tries = 0.0, 0
        return box.bind(stream, subject, peer.instance, MOST_MESSAGES, most)

    # ---------------------------------------------------------------- frames

    def _question(
        self, box: Sending, subject: Subject, view: PeerView, lane: LaneView, now: Now
    ) -> Frame:
        frame = self._letter(box, subject, now, instance="", base=0, messages=(), view=view)
        view.sent(frame, None, now)
        self._sent(lane, self._pause(lane, 1.0), now)
        return frame

    def _frame(
        self,
        box: Sending,
        stream: OutStream,
        flying: list[Outgoing],
        view: PeerView,
        lane: LaneView,
        now: Now,
    ) -> Frame:
        entries = tuple(self._entry(m, view.offset or 0.0) for m in flying)
        frame = self._letter(
            box,
            stream.subject,
            now,
            instance=stream.instance,
            base=stream.base,
            messages=entries,
            view=view,
        )
        lane.signature = (
            stream.instance,
            stream.base,
            tuple((e.seq, bool(e.tombstone)) for e in entries),
        )
        view.sent(frame, lane.signature, now)
        still_open = [m for m in flying if m.state not in FINAL]
        timeout = min((m.timeout for m in still_open), default=10.0)
        patient = not any(m.retries for m in still_open)
        pause = self._pause(lane, timeout) if patient and lane.tries else timeout
        self._sent(lane, pause, now)
        return frame

    def _entry(self, m: Outgoing, offset: float) -> Entry:
        tombstone = SETTLED if m.state in FINAL and m.confirmed else m.tombstone
        if tombstone:
            return Entry(seq=m.seq, id=m.id, tombstone=tombstone)
        expires = None if m.expires is None else self._their_time(m.expires, offset)
        body = msgspec.Raw(m.body)
        return Entry(seq=m.seq, id=m.id, expires=expires, deadline=m.expires, body=body)

    def _their_time(self, wall: float, offset: float) -> float:
        return wall + offset

    def _letter(
        self,
        box: Sending,
        subject: Subject,
        now: Now,
        *,
        view: PeerView,
        instance: str,
        base: int,
        messages: tuple[Entry, ...],
    ) -> Frame:
        retired, view.tell_retired = view.tell_retired, ""
        return Frame(
            frm=self.me,
            store=box.store_id(),
            start=self.start,
            tx=self.new_token(),
            to=parse(subject).node,
            subject=subject,
            clock=now.wall,
            instance=instance,
            base=base,
            messages=messages,
            retired=retired,
        )

    def _sent(self, lane: LaneView, pause: float, now: Now) -> None:
        lane.last_sent, lane.due = now.steady, now.steady + pause
        lane.tries += 1

    def _pause(self, lane: LaneView, timeout: float) -> float:
        """Back off with full jitter, up to a minute (rule 8)."""
        most = min(LONGEST_PAUSE, max(timeout, 1.0) * 2.0 ** min(lane.tries + 1, 10))
        return max(min(timeout, 1.0), self.rng.uniform(0.0, most))

    def _next_look(
        self,
        box: Sending,
        subject: Subject,
        view: PeerView,
        lane: LaneView,
        stream: OutStream | None,
        flying: list[Outgoing],
        can_send: bool,
        now: Now,
    ) -> float | None:
        times = [self._in_steady(box.next_expiry(subject), now)]
        first = box.first_try(subject)
        waiting = bool(flying) or box.has_queued(subject)
        if waiting and can_send:
            times.append(lane.due)
        if waiting and first is not None:
            times.append(box.next_giving_up(subject, first))
            times += [
                max(m.clock, first) + m.retries * m.timeout
                for m in flying
                if m.retries and m.state not in FINAL
            ]
        if not waiting and stream and stream.base and box.awaits_result(stream):
            times.append(max(lane.due, lane.last_sent + PROBE))
        return min((t for t in times if t is not None), default=None)

    @staticmethod
    def _in_steady(wall: float | None, now: Now) -> float | None:
        return None if wall is None else now.steady + max(0.0, wall - now.wall)

    # ---------------------------------------------------------------- evidence and cancelling

    def on_hello(
        self, box: Sending, frm: NodeName, start: str, store: str, now: Now
    ) -> tuple[Subject, ...]:
        """A sign of life (rule 9: another store id is a hint). Returns the lanes to look at."""
        self.peers.heard(frm, start, store, now)
        view = self.peers[frm]
        if store == box.peer(frm).instance and view.offset is not None:
            view.fresh = max(view.fresh, now.steady)
        for lane in view.lanes.values():
            lane.due = min(lane.due, now.steady)
        return tuple(dict.fromkeys((*view.lanes, *streams_of(box, frm))))

    def cancel(self, box: Sending, id: MessageId, now: Now) -> tuple[Subject, ...]:
        """Rule 7. Returns the lanes to look at. Raises UnknownId, NotPossible."""
        found = box.find(id)
        if found is None:
            raise UnknownId(f"no message has the id {id}", "steward messages ls")
        subject, state, confirmed, stream, seq = found
        if state in FINAL and confirmed:
            raise NotPossible(f"{id} has ended: {state}", f"steward messages show {id}")
        if stream is None:
            box.end(id, State.CANCELLED, "cancelled before it was sent", now)
            return (subject,)
        if seq > stream.base:
            box.give_up([id], State.CANCELLED, now)
            self.peers[stream.to].lane(subject).due = now.steady
            return (subject,)
        return (subject, box.queue_cancel(id, now))
