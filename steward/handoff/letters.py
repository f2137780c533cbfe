"""PURE: what a sender puts into a frame, and how long it waits for the answer (rules 3, 8, 11)."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import msgspec

from steward.frames import Entry, Frame
from steward.handoff.look import Look
from steward.handoff.peers import LaneView, Signature
from steward.handoff.state import SETTLED, Now, Outgoing
from steward.message import FINAL
from steward.subjects import NodeName

LEAST_BYTES = 16 * 1024
PROBE = 60.0
LONGEST_PAUSE = 60.0


def signature_of(frame: Frame) -> Signature:
    """What it says of its stream, without what is only of this transmission."""
    last = frame.messages[-1].seq if frame.messages else frame.base
    tombstones = tuple(e.seq for e in frame.messages if e.tombstone)
    return Signature(frame.instance, frame.base, last, tombstones)


class Letters:
    """Makes one node's frames, for one start of its daemon."""

    def __init__(self, me: NodeName, start: str, rng: Random, new_token: Callable[[], str]) -> None:
        self.me = me
        self.start = start
        self.rng = rng
        self.new_token = new_token
        self.least_wait = 0.0
        """Seconds that the link needs, whatever the messages' timeouts: results and cancels have
        their own, which knows nothing of it."""

    def question(self, look: Look) -> Frame:
        """Who are you? A frame without messages and instance."""
        frame = self._letter(look, "", 0, ())
        look.view.sent(frame, None, look.now)
        overdue = look.view.pace.overdue(0, 1.0)
        self._sent(look.lane, max(self._pause(look.lane, 1.0), overdue), look.now)
        return frame

    def frame(self, look: Look) -> Frame:
        """Every bound message above base, in order, none skipped; without any, a probe."""
        stream, lane = look.stream, look.lane
        assert stream is not None
        entries = tuple(self._entry(m, look.view.offset or 0.0) for m in look.flying)
        frame = self._letter(look, stream.instance, stream.base, entries)
        lane.signature = signature_of(frame)
        look.view.sent(frame, lane.signature, look.now)
        still_open = look.still_open
        lane.patience = max(self.least_wait, min((m.timeout for m in still_open), default=10.0))
        is_patient = not any(m.retries for m in still_open)
        pause = self._pause(lane, lane.patience) if is_patient and lane.tries else lane.patience
        overdue = look.view.pace.overdue(lane.size, lane.patience)
        self._sent(lane, max(pause, overdue), look.now)
        return frame

    def _letter(self, look: Look, instance: str, base: int, messages: tuple[Entry, ...]) -> Frame:
        retired, look.view.tell_retired = look.view.tell_retired, ""
        return Frame(
            frm=self.me,
            store=look.box.store_id(),
            start=self.start,
            tx=self.new_token(),
            to=look.peer.name,
            subject=look.subject,
            clock=look.now.wall,
            instance=instance,
            base=base,
            messages=messages,
            retired=retired,
        )

    def _entry(self, m: Outgoing, offset: float) -> Entry:
        tombstone = SETTLED if m.state in FINAL and m.confirmed else m.tombstone
        if tombstone:
            return Entry(seq=m.seq, id=m.id, tombstone=tombstone)
        expires = None if m.expires is None else self._their_time(m.expires, offset)
        body = msgspec.Raw(m.body)
        return Entry(seq=m.seq, id=m.id, expires=expires, deadline=m.expires, body=body)

    def _their_time(self, wall: float, offset: float) -> float:
        return wall + offset

    def _sent(self, lane: LaneView, pause: float, now: Now) -> None:
        lane.last_sent, lane.due = now.steady, now.steady + pause
        lane.tries += 1

    def _pause(self, lane: LaneView, timeout: float) -> float:
        """Back off with full jitter, up to a minute (rule 8)."""
        most = min(LONGEST_PAUSE, max(timeout, 1.0) * 2.0 ** min(lane.tries + 1, 10))
        return max(min(timeout, 1.0), self.rng.uniform(0.0, most))
