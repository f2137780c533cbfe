"""PURE: the sender's decisions (DESIGN.md section 2, rules 2, 7-9, 11)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from msgspec import structs

from steward.errors import NotPossible, UnknownId
from steward.frames import Frame
from steward.handoff.letters import LEAST_BYTES, PROBE, Letters, signature_of
from steward.handoff.look import Look, attempts_at, giving_up_at, has_expired, used_up
from steward.handoff.peers import FRESH, Peers
from steward.handoff.ports import Sending
from steward.handoff.state import Now, Outgoing, Work
from steward.message import FINAL, MessageId, State
from steward.subjects import NodeName, Subject, parse

MOST_MESSAGES = 256


def streams_of(box: Sending, name: NodeName) -> tuple[Subject, ...]:
    """The subjects of the streams to the peer's current store."""
    instance = box.peer(name).instance
    return tuple(s.subject for s in box.streams_to(name, instance)) if instance else ()


class Sender:
    """Decides for every lane of one node what goes out.

    Call it inside one transaction of the port's store; carry out what it returns after the commit.
    ``new_token`` makes random ids.
    """

    def __init__(
        self, me: NodeName, start: str, peers: Peers, rng: Random, new_token: Callable[[], str]
    ) -> None:
        self.peers = peers
        self.letters = Letters(me, start, rng, new_token)
        self.most_bytes = 512 * 1024
        """Of bodies in one frame: half of the broker's ``max_payload``."""

    # ---------------------------------------------------------------- what a lane does now

    def pump(self, box: Sending, subject: Subject, now: Now, *, can_send: bool = True) -> Work:
        """One look at a lane: on a new message, a receipt, evidence, or when it is due.

        ``can_send`` False: the last copy hasn't left the machine, or there is no link."""
        to = parse(subject).node
        peer, view = box.peer(to), self.peers[to]
        stream = box.stream(to, peer.instance, subject) if peer.instance else None
        flying = box.unreceipted(stream) if stream else []
        look = Look(box, subject, now, can_send, peer, view, view.lane(subject), stream, flying)
        self._expire(look)
        if peer.held or peer.alarm:
            return self._stand_still(look)
        self._find_work(look)
        frame = self._decide(look)
        frames = (frame,) if frame else ()
        return Work(frames=frames, due=self._next_look(look), gave_up=tuple(look.gave_up))

    def _decide(self, look: Look) -> Frame | None:
        look.lane.asking = self._must_ask(look)
        if look.lane.asking:
            self._count_queued(look)
            return self.letters.question(look) if look.is_due else None
        if look.flying:
            return self.letters.frame(look) if look.is_due else None
        if look.queued and not look.can_send:
            self._count_queued(look)
            return None
        if look.queued:
            self._bind(look)
            return self.letters.frame(look)
        return self.letters.frame(look) if look.is_due and self._must_probe(look) else None

    def shorten(self, frame: Frame) -> Frame:
        """The first half of a frame that is larger than the broker takes, to be sent in its place:
        its receipt settles no more than it has said. The rest goes after that."""
        half = frame.messages[: max(1, len(frame.messages) // 2)]
        shorter = structs.replace(frame, messages=half)
        view, signature = self.peers[frame.to], signature_of(shorter)
        view.lane(Subject(frame.subject)).signature = signature
        if (tx := view.transmissions.get(frame.tx)) is not None:
            tx.signature = signature
        return shorter

    def _stand_still(self, look: Look) -> Work:
        """Held: ttl goes on, attempts don't, so that they begin anew with the release."""
        look.lane.waiting = look.lane.pressing = look.lane.asking = False
        if look.box.first_try(look.subject) is not None:
            look.box.set_first_try(look.subject, None)
        return Work(due=self._next_expiry(look))

    def _find_work(self, look: Look) -> None:
        box, subject = look.box, look.subject
        look.queued = box.has_queued(subject)
        if look.flying or look.queued:
            self._count(look)
            look.queued = look.queued and box.has_queued(subject)
        elif look.stream is not None:
            look.delivered = box.awaits_result(look.stream)
        look.lane.pressing = bool(look.flying) or look.queued
        look.lane.waiting = look.lane.pressing or look.delivered

    def _must_ask(self, look: Look) -> bool:
        """A sender that has restarted asks before it resends; one that has heard nothing for a
        while asks before it binds; another store id is a reason to ask, no more (rule 9)."""
        if not look.lane.waiting:
            return False
        is_fresh = look.now.steady - look.view.fresh < FRESH
        is_new = look.queued and not look.flying
        return not look.is_ready or self._has_other_id(look) or (is_new and not is_fresh)

    def _has_other_id(self, look: Look) -> bool:
        return look.view.store not in ("", look.peer.instance)

    def _must_probe(self, look: Look) -> bool:
        """Every minute while a result is outstanding, and once for each new start of the peer."""
        is_time = look.now.steady - look.lane.last_sent >= PROBE
        return (look.delivered and is_time) or self._owes_probe(look)

    def _owes_probe(self, look: Look) -> bool:
        """The peer has started since this stream's last receipt, and is there."""
        if look.stream is None or not look.stream.base:
            return False
        is_new_start = look.view.start not in ("", look.lane.receipted_by)
        return is_new_start and look.now.steady - look.view.heard < FRESH

    def _bind(self, look: Look) -> None:
        """Bind and commit before the first transmission (rule 2)."""
        lane = look.lane
        lane.due, lane.tries = look.now.steady, 0
        most = min(max(lane.budget, LEAST_BYTES), self.most_bytes)
        look.stream = look.box.bind(
            look.stream, look.subject, look.peer.instance, MOST_MESSAGES, most
        )
        look.flying = look.box.unreceipted(look.stream)

    # ---------------------------------------------------------------- giving up

    def _expire(self, look: Look) -> None:
        look.box.expire_queued(look.subject, look.now)
        gone = [m for m in look.still_open if has_expired(m, look.now)]
        self._give_up(look, gone, State.EXPIRED)

    def _count(self, look: Look) -> None:
        """Attempts pass whether or not a frame could go; what has used them up is given up."""
        box, steady = look.box, look.now.steady
        first = box.first_try(look.subject)
        if first is None:
            box.set_first_try(look.subject, first := steady)
        box.give_up_queued(look.subject, first, look.now)
        still_open = look.still_open
        counted = {
            m.id: n
            for m in still_open
            if (n := attempts_at(m.clock, first, m.timeout, m.retries, steady)) != m.attempts
        }
        if counted:
            box.save_attempts(counted, look.now)
        self._give_up(look, [m for m in still_open if used_up(m, first, steady)], State.UNDELIVERED)

    def _count_queued(self, look: Look) -> None:
        first = look.box.first_try(look.subject)
        if first is not None and look.queued and not look.flying:
            look.box.count_queued(look.subject, first, look.now, MOST_MESSAGES)

    def _give_up(self, look: Look, given_up: Sequence[Outgoing], why: State) -> None:
        """Bound and unreceipted: only a receipt proves which came first (rule 7)."""
        if given_up:
            ids = [m.id for m in given_up]
            look.box.give_up(ids, why, look.now)
            look.gave_up += ids if why is State.UNDELIVERED else []
        for m in given_up:
            m.state, m.confirmed, m.tombstone = why, False, why

    # ---------------------------------------------------------------- when to look again

    def _next_look(self, look: Look) -> float | None:
        times = [self._next_expiry(look)]
        lane, can_send = look.lane, look.can_send
        if look.flying or look.queued:
            if can_send:
                times.append(lane.due)
            if (first := look.box.first_try(look.subject)) is not None:
                times.append(look.box.next_giving_up(look.subject, first))
                times += [giving_up_at(m, first) for m in look.still_open if m.retries]
        elif can_send and (lane.asking or self._owes_probe(look)):
            times.append(lane.due)
        elif can_send and look.delivered:
            times.append(max(lane.due, lane.last_sent + PROBE))
        return min((t for t in times if t is not None), default=None)

    def _next_expiry(self, look: Look) -> float | None:
        wall, now = look.box.next_expiry(look.subject), look.now
        return None if wall is None else now.steady + max(0.0, wall - now.wall)

    # ---------------------------------------------------------------- evidence and cancelling

    def on_hello(
        self, box: Sending, frm: NodeName, start: str, store: str, now: Now
    ) -> tuple[Subject, ...]:
        """A sign of life (rule 9: another store id is a hint). Returns the lanes to look at."""
        is_other, wake = self.peers.heard(frm, start, store, now)
        if store == box.peer(frm).instance:
            self.peers[frm].shown(now)
        return tuple(dict.fromkeys((*wake, *streams_of(box, frm)))) if is_other else wake

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
