"""PURE: the receiver's decisions (DESIGN.md section 2, rules 3, 4, 5, 7, 10, 11)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from msgspec import structs

from steward.frames import Entry, Frame, Receipt, Verdict
from steward.handoff.peers import Peers
from steward.handoff.ports import Receiving, Sending
from steward.handoff.renewal import Renewal
from steward.handoff.sender import streams_of
from steward.handoff.state import SETTLED, Arrival, InStream, Now, Work
from steward.message import State
from steward.subjects import NodeName, Subject

STEP = 1.0
"""Seconds by which a clock has to jump to count as set anew."""


class Admission(NamedTuple):
    """What the node says to a message before it is taken. ``refusal`` None: it is taken."""

    refusal: Verdict | None
    is_command: bool


class Node(NamedTuple):
    """The node's own word on messages, handed in by the daemon.

    ``admit``: permitted, known, well formed? It has no side effect. ``handle``: an event's work,
    in the running transaction; for each event None, or the verdict of a handler that refuses.
    """

    admit: Callable[[Arrival], Admission]
    handle: Callable[[Sequence[Arrival]], Sequence[Verdict | None]]


class Receiver:
    """Decides what of a frame is taken, and what the receipt says.

    Call it inside one transaction of both ports' store; send the receipt after the commit.
    """

    def __init__(self, me: NodeName, start: str, peers: Peers, renewal: Renewal) -> None:
        self.me = me
        self.start = start
        self.peers = peers
        self.renewal = renewal
        self._drift: float | None = None
        """Wall minus steady time: a step of the clock changes it."""

    def on_frame(
        self,
        inbox: Receiving,
        box: Sending,
        f: Frame,
        now: Now,
        node: Node,
        *,
        signed: bool = False,
    ) -> Work:
        """Judge a frame, in the order of rule 4. Raises nothing for bad content: it is refused.
        ``signed``: by one whose word on this store's past is proof."""
        if f.to != self.me or f.subject.partition(".")[0] != self.me:
            return Work()
        self.hear(inbox, f.frm, f.clock, now)
        is_other, wake = self.peers.heard(f.frm, f.start, f.store, now)
        peer = box.peer(f.frm)
        if is_other:
            wake = tuple(dict.fromkeys((*wake, *streams_of(box, f.frm))))
        if f.retired == box.store_id():
            return self._outdated(inbox, box, f, "this store was replaced", signed, now)
        if f.store == peer.instance:
            self.peers[f.frm].shown(now)
        if f.store in peer.retired:
            return Work(receipt=self._receipt(box, f, None, now, retired=f.store), wake=wake)
        if f.instance != box.store_id():
            return Work(receipt=self._receipt(box, f, None, now), wake=wake)
        if peer.alarm:
            return Work()
        stream = self._stream(inbox, f)
        if self._lacks_some(stream, f):
            return self._outdated(inbox, box, f, "it has had receipts for more", signed, now)
        if f.base < stream.base:
            return Work(receipt=self._receipt(box, f, stream, now), wake=wake)
        if self._conflicts(stream, f):
            receipt = self._receipt(box, f, stream, now, conflict=True)
            return Work(receipt=receipt, wake=wake)
        self._take(inbox, stream, f, now, node)
        self._forget_below(stream, f.base)
        if stream.last:  # of a stream that has carried nothing there is nothing to remember
            inbox.save_in_stream(stream)
        return Work(receipt=self._receipt(box, f, stream, now), wake=wake)

    def hear(self, inbox: Receiving, frm: NodeName, clock: float, now: Now) -> None:
        """News of the sender's clock: its waiting expiries are reckoned anew (rule 11)."""
        self.watch_clock(now)
        view = self.peers[frm]
        view.heard_since_step = True
        inbox.reckon(frm, view.ahead.add(clock - now.wall, now))

    def watch_clock(self, now: Now) -> None:
        """After a step of this node's own clock, what was known of the others' says nothing."""
        drift = now.wall - now.steady
        if self._drift is None:
            self._drift = drift
        elif abs(drift - self._drift) > STEP:
            self.peers.clock_stepped(back=drift < self._drift)
            self._drift = drift

    def clock_is_trusted(self, frm: NodeName, now: Now, highest_wall: float) -> bool:
        """Whether a command of ``frm`` that expires may start: not while this node's clock is
        behind the highest time that it has stored, until the sender has been heard (rule 11)."""
        self.watch_clock(now)
        return now.wall >= highest_wall - STEP or self.peers[frm].heard_since_step

    # ---------------------------------------------------------------- taking

    def _stream(self, inbox: Receiving, f: Frame) -> InStream:
        """What was taken before of this stream; ``last`` is never forgotten (rule 4)."""
        subject = Subject(f.subject)
        known = inbox.in_stream(f.frm, f.store, subject)
        return known or InStream(frm=f.frm, store=f.store, subject=subject, ids={}, verdicts={})

    def _lacks_some(self, stream: InStream, f: Frame) -> bool:
        """Rule 10: a base above my last, or a gap, which no sender makes."""
        new = [e.seq for e in f.messages if self._is_new(stream, e)]
        return f.base > stream.last or new != list(
            range(stream.last + 1, stream.last + 1 + len(new))
        )

    def _is_new(self, stream: InStream, e: Entry) -> bool:
        return e.seq > stream.last

    def _conflicts(self, stream: InStream, f: Frame) -> bool:
        known = ((e, stream.ids.get(e.seq)) for e in f.messages if e.seq <= stream.last)
        return any(e.seq > stream.base and id != e.id for e, id in known)

    def _take(self, inbox: Receiving, stream: InStream, f: Frame, now: Now, node: Node) -> None:
        commands: list[Arrival] = []
        events: list[Arrival] = []
        new = [e.id for e in f.messages if self._is_new(stream, e)]
        again = inbox.known(new) if new else frozenset()
        for e in f.messages:
            if not self._is_new(stream, e):
                if e.tombstone:
                    self._void(inbox, stream, e)
                continue
            arrival = Arrival(
                f.frm,
                f.store,
                stream.subject,
                e.seq,
                e.id,
                self._expiry(e, f.frm),
                e.deadline,
                bytes(e.body),
                e.order,
            )
            stream.last, stream.last_id = e.seq, e.id
            stream.ids[e.seq] = e.id
            verdict, is_command = self._verdict(e, arrival, e.id in again, now, node)
            if verdict is not None:
                stream.verdicts[e.seq] = verdict
            elif is_command:
                commands.append(arrival)
            elif e.id not in again:
                events.append(arrival)
        if commands:
            inbox.accept(commands, now)
        if events:
            for arrival, refusal in zip(events, node.handle(events), strict=True):
                if refusal is not None:
                    stream.verdicts[arrival.seq] = refusal

    def _expiry(self, e: Entry, frm: NodeName) -> float | None:
        """As the sender reckoned it, or by what I know of its clock: the earlier one holds."""
        ahead = self.peers[frm].ahead.value
        if e.expires is None or e.deadline is None or ahead is None:
            return e.expires
        return min(e.expires, e.deadline - ahead)

    def _verdict(
        self, e: Entry, arrival: Arrival, again: bool, now: Now, node: Node
    ) -> tuple[Verdict | None, bool]:
        if e.tombstone:
            return Verdict(state=e.tombstone, reason="given up before it arrived"), False
        admission = node.admit(arrival)
        if again and not admission.is_command:
            return None, False
        if admission.refusal is not None:
            return admission.refusal, admission.is_command
        if arrival.expires is not None and arrival.expires <= now.wall:
            return Verdict(state=State.EXPIRED, reason="expired on its way"), admission.is_command
        return None, admission.is_command

    def _void(self, inbox: Receiving, stream: InStream, e: Entry) -> None:
        """A tombstone for what was accepted: it ends a command that hasn't started (rule 7)."""
        if e.seq <= stream.base or e.seq in stream.verdicts:
            return
        voided = inbox.void(stream.frm, stream.store, stream.subject, e.seq)
        if voided and e.tombstone != SETTLED:
            stream.verdicts[e.seq] = Verdict(state=e.tombstone, reason="given up before it started")

    def _forget_below(self, stream: InStream, base: int) -> None:
        stream.base = max(stream.base, base)
        stream.ids = {q: v for q, v in stream.ids.items() if q > stream.base}
        stream.verdicts = {q: v for q, v in stream.verdicts.items() if q > stream.base}

    def _receipt(
        self,
        box: Sending,
        f: Frame,
        stream: InStream | None,
        now: Now,
        *,
        conflict: bool = False,
        retired: str = "",
    ) -> Receipt:
        own = Receipt(
            frm=self.me,
            store=box.store_id(),
            start=self.start,
            tx=f.tx,
            to=f.frm,
            to_store=f.store,
            subject=f.subject,
            clock=now.wall,
            retired=retired,
        )
        if stream is None:
            return own
        return structs.replace(
            own,
            last=stream.last,
            last_id=stream.last_id,
            base=stream.base,
            conflict=conflict,
            verdicts=dict(stream.verdicts),
        )

    def _outdated(
        self, inbox: Receiving, box: Sending, f: Frame, how: str, signed: bool, now: Now
    ) -> Work:
        """Rule 10: take nothing; once renewed, the answer is the new store id."""
        wake = self.renewal.outdated(box, inbox, f.frm, how, now, signed=signed)
        return Work(receipt=self._receipt(box, f, None, now) if signed else None, wake=wake)
