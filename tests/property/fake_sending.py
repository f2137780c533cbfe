"""``Sending`` (``steward/handoff/ports.py``) on plain dicts."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from steward.frames import Verdict
from steward.handoff.look import attempts_at
from steward.handoff.state import Now, Outgoing, OutStream, Peer
from steward.message import NEVER_STARTED, OPEN, Body, MessageId, State
from steward.outbox import cancel_message
from steward.subjects import NodeName, Subject
from tests.property.fake_rows import FakeRows

_body = msgspec.json.Decoder(Body)


class FakeSending(FakeRows):
    """The sender's port, over the daemon's part of the same dicts."""

    def store_id(self) -> str:
        return self.epoch

    def peer(self, name: NodeName) -> Peer:
        known = self.peers.get(name)
        return copy.copy(known) if known else Peer(name=name)

    def save_peer(self, peer: Peer) -> None:
        self.peers[peer.name] = copy.copy(peer)

    def first_try(self, subject: Subject) -> float | None:
        return self.tries.get(subject)

    def set_first_try(self, subject: Subject, steady: float | None) -> None:
        if steady is None:
            self.tries.pop(subject, None)
        else:
            self.tries[subject] = steady

    def has_queued(self, subject: Subject) -> bool:
        return any(row.unbound for row in self._lanes.get(subject, ()))

    def next_expiry(self, subject: Subject) -> float | None:
        return min(
            (
                row.expires
                for row in self._lanes.get(subject, ())
                if row.expires is not None and (row.unbound or self._may_be_given_up(row))
            ),
            default=None,
        )

    def next_giving_up(self, subject: Subject, first_try: float) -> float | None:
        return min(
            (
                max(row.clock, first_try) + row.used_up
                for row in self._lanes.get(subject, ())
                if row.unbound and row.message.retries
            ),
            default=None,
        )

    def expire_queued(self, subject: Subject, now: Now) -> None:
        for row in self._queued(subject):
            if row.expires is not None and row.expires <= now.wall:
                self._end(row, State.EXPIRED, "")

    def give_up_queued(self, subject: Subject, first_try: float, now: Now) -> None:
        for row in self._queued(subject):
            if row.message.retries and max(row.clock, first_try) + row.used_up <= now.steady:
                row.attempts = row.message.retries
                self._end(row, State.UNDELIVERED, "")

    def count_queued(self, subject: Subject, first_try: float, now: Now, limit: int) -> None:
        for row in self._queued(subject)[:limit]:
            m = row.message
            row.attempts = attempts_at(row.clock, first_try, m.timeout, m.retries, now.steady)

    def stream(self, to: NodeName, instance: str, subject: Subject) -> OutStream | None:
        key = self._keys.get((to, instance, subject))
        return None if key is None else copy.copy(self.streams[key])

    def streams_to(self, to: NodeName, instance: str) -> Sequence[OutStream]:
        return [
            copy.copy(s) for s in self.streams.values() if s.to == to and s.instance == instance
        ]

    def bind(
        self, stream: OutStream | None, subject: Subject, instance: str, most: int, most_bytes: int
    ) -> OutStream:
        if stream is None:
            stream = self._new_stream(subject, instance)
        size = 0
        for i, row in enumerate(self._queued(subject)[:most]):
            size += len(row.body)
            if i and size > most_bytes:
                break
            row.stream, row.seq, row.state = stream.key, stream.next, State.SENT
            row.attempts = max(row.attempts, 1)
            self._bound[stream.key].append(row)
            stream.next += 1
        self.streams[stream.key] = copy.copy(stream)
        return stream

    def unreceipted(self, stream: OutStream) -> list[Outgoing]:
        return [
            Outgoing(
                id=row.message.id,
                seq=row.seq,
                is_command=row.is_command,
                state=row.state,
                confirmed=row.confirmed,
                tombstone=row.tombstone,
                expires=row.expires,
                timeout=row.message.timeout,
                retries=row.message.retries,
                attempts=row.attempts,
                clock=row.clock,
                body=row.body,
            )
            for row in self._bound[stream.key][self.streams[stream.key].base :]
        ]

    def save_attempts(self, attempts: Mapping[MessageId, int], now: Now) -> None:
        for key, count in attempts.items():
            self.rows[key].attempts = count

    def give_up(self, ids: Iterable[MessageId], why: State, now: Now) -> None:
        for key in ids:
            row = self.rows[key]
            if row.stream is None or row.receipted or row.confirmed:
                continue
            if not row.tombstone or why is State.CANCELLED:
                row.state, row.tombstone = why, str(why)

    def id_at(self, stream: OutStream, seq: int) -> MessageId | None:
        rows = self._bound.get(stream.key, [])
        return rows[seq - 1].message.id if 1 <= seq <= len(rows) else None

    def awaits_result(self, stream: OutStream) -> bool:
        return any(
            row.is_command and row.state in OPEN
            for row in self._bound[stream.key][: self.streams[stream.key].base]
        )

    def settle(
        self, stream: OutStream, last: int, verdicts: Mapping[int, Verdict], now: Now
    ) -> list[Subject]:
        mine = self.streams[stream.key]
        cancels: list[Subject] = []
        for row in self._bound[stream.key][mine.base : last]:
            row.receipted = True
            self._leave_lane(row)
            if row.confirmed:
                continue
            verdict = verdicts.get(row.seq)
            if verdict is not None:
                proved = verdict.state in NEVER_STARTED
                state = State(verdict.state) if proved else State.UNKNOWN
                self._end(row, state, verdict.reason)
            elif not row.is_command:
                self._end(row, State.SUCCEEDED, "")
            else:
                why, row.tombstone, row.reason = row.tombstone, "", ""
                if row.state is not State.RUNNING:
                    row.state = State.DELIVERED
                if why == State.CANCELLED:
                    cancels.append(self.queue_cancel(row.message.id, now))
        mine.base = stream.base = max(mine.base, min(last, mine.next - 1))
        self.set_first_try(mine.subject, None)
        return list(dict.fromkeys(cancels))

    def adopt(self, peer: Peer, instance: str, now: Now) -> None:
        old = [s.key for s in self.streams.values() if self._is(s, peer.name, peer.instance)]
        for row in [row for key in old for row in self._bound[key] if not row.confirmed]:
            if row.is_command or row.tombstone:
                self._end(row, State.UNKNOWN, "")
                self._leave_lane(row)
            else:
                self._unbind(row)
        if peer.instance:
            peer.retired = (*peer.retired, peer.instance)
        peer.instance = instance
        self.save_peer(peer)

    def find(self, id: MessageId) -> tuple[Subject, State, bool, OutStream | None, int] | None:
        row = self.rows.get(id)
        if row is None:
            return None
        stream = None if row.stream is None else copy.copy(self.streams[row.stream])
        return row.subject, row.state, row.confirmed, stream, row.seq

    def end(self, id: MessageId, state: State, reason: str, now: Now) -> None:
        row = self.rows[id]
        if not row.confirmed or (row.state is State.UNKNOWN and state is not State.UNKNOWN):
            self._end(row, state, reason)

    def queue_cancel(self, target: MessageId, now: Now) -> Subject:
        cancel = cancel_message(self.make_id(), target, self.rows[target].message.to)
        for row in self._lanes.get(cancel.subject, ()):
            if row.message.data == cancel.data and not row.confirmed:
                return cancel.subject
        self.submit([cancel], None, now)
        return cancel.subject

    def renew(self, store_id: str, start: str, now: Now) -> None:
        self.epoch = store_id
        for row in self.rows.values():
            if not row.confirmed and row.is_result:
                self._unbind(row)
            elif not row.confirmed and (row.stream is not None or row.start != start):
                self._end(row, State.UNKNOWN, "")
            if row.confirmed:
                row.stream, row.seq = None, 0
                self._leave_lane(row)
        self.streams.clear()
        self._bound.clear()
        self._keys.clear()
        for peer in self.peers.values():
            peer.alarm = ""
