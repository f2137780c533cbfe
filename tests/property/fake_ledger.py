"""The store's contract (``steward/handoff/ports.py``) on plain dicts: what the simulator runs on.

``copy.deepcopy`` of a :class:`FakeLedger` is a backup of the whole store. What the methods return
are copies, as from a database: changing one changes nothing until it is saved.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from steward import subjects
from steward.errors import IdConflict, QueueFull, Refused, StewardError
from steward.frames import Verdict
from steward.handoff.sender import attempts_at
from steward.handoff.state import Arrival, InStream, Now, Outgoing, OutStream, Peer
from steward.inbox import Command, Stage
from steward.message import NEVER_STARTED, OPEN, Body, Kind, Message, MessageId, State, new_id
from steward.outbox import RESULTS, Accepted, cancel_message
from steward.subjects import NodeName, Subject

_body = msgspec.json.Decoder(Body)


@dataclasses.dataclass(slots=True, eq=False)
class Row:
    """A message at its sender. Unbound: ``stream`` is None."""

    message: Message
    subject: Subject
    is_command: bool
    body: bytes
    expires: float | None
    clock: float
    start: str
    state: State = State.QUEUED
    confirmed: bool = False
    reason: str = ""
    tombstone: str = ""
    attempts: int = 0
    maybe: bool = False
    """A store that is lost may have handled it."""
    stream: int | None = None
    seq: int = 0
    receipted: bool = False
    outcome: Mapping[str, Any] | None = None

    @property
    def unbound(self) -> bool:
        return self.stream is None and not self.confirmed

    @property
    def is_result(self) -> bool:
        return self.message.method == "Result"

    @property
    def used_up(self) -> float:
        return self.message.retries * self.message.timeout


class FakeSending:
    """``Sending``, and what the daemon asks of an outbox beside it."""

    def __init__(
        self, store_id: str, start: str = "", make_id: Callable[[], MessageId] = new_id
    ) -> None:
        self.epoch = store_id
        self.start = start
        """The daemon's start: the simulator sets it anew at every restart."""
        self.make_id = make_id
        self.rows: dict[MessageId, Row] = {}
        self.peers: dict[NodeName, Peer] = {}
        self.tries: dict[Subject, float] = {}
        self.streams: dict[int, OutStream] = {}
        self.orphans: dict[tuple[str, str], Mapping[str, Any]] = {}
        self._lanes: dict[Subject, list[Row]] = {}
        self._bound: dict[int, list[Row]] = {}
        self._keys: dict[tuple[str, str, str], int] = {}
        self._next_key = 1

    def __deepcopy__(self, memo: dict[int, Any]) -> FakeSending:
        twin = FakeSending(self.epoch, self.start, self.make_id)
        memo[id(self)] = twin
        twin.rows = {key: copy.copy(row) for key, row in self.rows.items()}
        twin.peers = {key: copy.copy(peer) for key, peer in self.peers.items()}
        twin.tries = dict(self.tries)
        twin.streams = {key: copy.copy(stream) for key, stream in self.streams.items()}
        twin.orphans = dict(self.orphans)
        for subject, lane in self._lanes.items():
            twin._lanes[subject] = [twin.rows[row.message.id] for row in lane]
        for key, bound in self._bound.items():
            twin._bound[key] = [twin.rows[row.message.id] for row in bound]
        twin._keys = dict(self._keys)
        twin._next_key = self._next_key
        return twin

    # ---------------------------------------------------------------- Sending

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

    # ---------------------------------------------------------------- the daemon's part

    def submit(
        self,
        messages: Sequence[Message],
        uid: int | None,
        now: Now,
        limit_per_node: int | None = None,
    ) -> list[Accepted | StewardError]:
        answers: list[Accepted | StewardError] = []
        for message in messages:
            row = self.rows.get(message.id)
            if row is not None:
                same = row.message.digest() == message.digest()
                answers.append(Accepted(message.id, True) if same else IdConflict(message.id))
            elif limit_per_node is not None and self._waiting(message.to) >= limit_per_node:
                answers.append(QueueFull(message.to))
            else:
                known = self.peers.get(message.to)
                answers.append(Accepted(message.id, False, not (known and known.instance)))
                self._add(message, now)
        return answers

    def settle_result(
        self, about: MessageId, frm: NodeName, outcome: Mapping[str, Any], now: Now
    ) -> bool:
        if outcome.get("state") not in RESULTS:
            raise Refused(f"{outcome.get('state')!r} is not how a command ends")
        row = self.rows.get(about)
        if row is None or row.message.to != frm or row.message.kind is not Kind.COMMAND_ACK:
            self.orphans.setdefault((about, frm), outcome)
            return False
        if row.confirmed and row.state is not State.UNKNOWN:
            return False
        self._end(row, State(outcome["state"]), outcome.get("reason", ""))
        row.outcome = outcome
        return True

    def running(self, about: MessageId, frm: NodeName, started: float, now: Now) -> bool:
        row = self.rows.get(about)
        if row is None or row.message.to != frm or row.message.kind is not Kind.COMMAND_ACK:
            return False
        if row.state not in (State.SENT, State.DELIVERED):
            return False
        row.state = State.RUNNING
        return True

    # ---------------------------------------------------------------- inside

    def _add(self, message: Message, now: Now) -> None:
        row = Row(
            message=message,
            subject=message.subject,
            is_command=message.kind.is_command,
            body=message.body(),
            expires=now.wall + message.ttl if message.ttl else None,
            clock=now.steady,
            start=self.start,
        )
        self.rows[message.id] = row
        if message.kind.is_acked:
            self._lanes.setdefault(row.subject, []).append(row)

    def _queued(self, subject: Subject) -> list[Row]:
        return [row for row in self._lanes.get(subject, ()) if row.unbound]

    def _waiting(self, to: NodeName) -> int:
        return sum(
            row.state in (State.QUEUED, State.SENT)
            for subject, lane in self._lanes.items()
            if subjects.parse(subject).node == to
            for row in lane
        )

    def _may_be_given_up(self, row: Row) -> bool:
        bound = row.stream is not None and not row.receipted
        return bound and not row.confirmed and not row.tombstone

    def _new_stream(self, subject: Subject, instance: str) -> OutStream:
        to = subjects.parse(subject).node
        stream = OutStream(to=to, instance=instance, subject=subject, key=self._next_key)
        self._next_key += 1
        self.streams[stream.key] = stream
        self._keys[(to, instance, subject)] = stream.key
        self._bound[stream.key] = []
        return copy.copy(stream)

    def _is(self, stream: OutStream, to: NodeName, instance: str) -> bool:
        return stream.to == to and stream.instance == instance

    def _unbind(self, row: Row) -> None:
        row.stream, row.seq, row.receipted = None, 0, False
        row.state, row.tombstone, row.maybe = State.QUEUED, "", True

    def _end(self, row: Row, state: State, reason: str) -> None:
        if row.maybe and state in NEVER_STARTED:
            state = State.UNKNOWN
        row.state, row.reason, row.confirmed = state, reason, True
        if row.stream is None:
            self._leave_lane(row)

    def _leave_lane(self, row: Row) -> None:
        """A lane holds what is unbound or unreceipted."""
        lane = self._lanes.get(row.subject, [])
        if row in lane:
            lane.remove(row)


class FakeReceiving:
    """``Receiving``, and the execution of commands."""

    def __init__(self, sending: FakeSending) -> None:
        self.sending = sending
        self.streams: dict[tuple[str, str, str], InStream] = {}
        self.known_ids: set[MessageId] = set()
        self.commands: dict[int, Command] = {}
        self.wall = 0.0
        self.finished: list[Command] = []
        self._next = 1

    def __deepcopy__(self, memo: dict[int, Any]) -> FakeReceiving:
        twin = FakeReceiving(copy.deepcopy(self.sending, memo))
        twin.streams = {key: _copied(stream) for key, stream in self.streams.items()}
        twin.known_ids = set(self.known_ids)
        twin.commands = dict(self.commands)
        twin.finished = list(self.finished)
        twin.wall, twin._next = self.wall, self._next
        return twin

    # ---------------------------------------------------------------- Receiving

    def in_stream(self, frm: NodeName, store: str, subject: Subject) -> InStream | None:
        stream = self.streams.get((frm, store, subject))
        return _copied(stream) if stream else None

    def save_in_stream(self, stream: InStream) -> None:
        self.streams[(stream.frm, stream.store, stream.subject)] = _copied(stream)

    def known(self, ids: Sequence[MessageId]) -> frozenset[MessageId]:
        return frozenset(key for key in ids if key in self.known_ids)

    def accept(self, arrivals: Sequence[Arrival], now: Now) -> None:
        self.saw(now)
        for a in arrivals:
            if a.seq == 0 and self._had(a):
                continue
            self.commands[self._next] = Command(
                n=self._next,
                frm=a.frm,
                store=a.store,
                instance=self.sending.epoch,
                subject=a.subject,
                seq=a.seq,
                id=a.id,
                expires=a.expires,
                deadline=a.deadline,
                parallel=_body.decode(a.body).parallel,
                body=a.body,
                stage=Stage.RECEIVED,
                cancelled=False,
                accepted=now.wall,
                started=None,
                boot_id="",
                ends_by=None,
            )
            self._next += 1

    def void(self, frm: NodeName, store: str, subject: Subject, seq: int) -> bool:
        for c in self.commands.values():
            stream = (c.frm, c.store, c.subject, c.seq, c.instance)
            if seq and stream == (frm, store, subject, seq, self.sending.epoch):
                if c.stage is Stage.STARTED:
                    return False
                del self.commands[c.n]
                return True
        return False

    def reckon(self, frm: NodeName, ahead: float) -> None:
        for c in self._waiting():
            if c.frm == frm and c.deadline is not None:
                mine = c.deadline - ahead
                self.commands[c.n] = c._replace(
                    expires=mine if c.expires is None else min(mine, c.expires)
                )

    def renew(self, now: Now) -> None:
        for stream in self.streams.values():
            self.known_ids.update(i for seq, i in stream.ids.items() if seq not in stream.verdicts)
        self.streams.clear()
        for c in self._waiting():
            del self.commands[c.n]

    # ---------------------------------------------------------------- execution

    def startable(self, per_stream: int = 16) -> list[Command]:
        """The waiting commands that may be next, in the order of acceptance: of each stream the
        first ``per_stream`` parallel ones and the first that is not; of those without a stream
        the first ``per_stream``."""
        taken: dict[tuple[object, ...], int] = {}
        found = []
        for c in self._waiting():
            free = c.parallel or not c.seq
            lane = (c.frm, c.store, c.instance, c.subject, free)
            taken[lane] = taken.get(lane, 0) + 1
            if taken[lane] <= (per_stream if free else 1):
                found.append(c)
        return found

    def mark_started(
        self, rows: Sequence[Command], boot_id: str, now: Now, deadline: float | None = None
    ) -> None:
        for row in rows:
            limit = _body.decode(row.body).method_timeout
            ends_by = deadline if deadline is not None or not limit else now.wall + limit
            if row.n in self.commands:
                self.commands[row.n] = self.commands[row.n]._replace(
                    stage=Stage.STARTED, boot_id=boot_id, started=now.wall, ends_by=ends_by
                )

    def started_rows(self) -> list[Command]:
        return [c for c in self.commands.values() if c.stage is Stage.STARTED]

    def finish(self, row: Command, now: Now, key: str = "", size: int = 0) -> bool:
        """Remove the command; False if it has ended already."""
        if self.commands.pop(row.n, None) is None:
            return False
        self.finished.append(row)
        return True

    def cancel(self, id: MessageId, frm: NodeName) -> tuple[list[Command], list[Command]]:
        """(waiting commands, for the caller to end; running ones, flagged and to be killed)."""
        mine = [c for c in self.commands.values() if c.id == id and c.frm == frm]
        for c in mine:
            if c.stage is Stage.STARTED:
                self.commands[c.n] = c._replace(cancelled=True)
        return (
            [c for c in mine if c.stage is Stage.RECEIVED],
            [self.commands[c.n] for c in mine if c.stage is Stage.STARTED],
        )

    def expired_waiting(self, now: Now) -> list[Command]:
        return [c for c in self._waiting() if c.expires is not None and c.expires <= now.wall]

    def next_expiry(self) -> float | None:
        """Wall time at which the first waiting command expires."""
        return min((c.expires for c in self._waiting() if c.expires is not None), default=None)

    def highest_wall(self) -> float:
        """The highest wall time stored so far."""
        return self.wall

    def saw(self, now: Now) -> None:
        """Remember the time; the daemon's store does it in every commit."""
        self.wall = max(self.wall, now.wall)

    # ---------------------------------------------------------------- inside

    def _waiting(self) -> list[Command]:
        return [c for c in self.commands.values() if c.stage is Stage.RECEIVED]

    def _had(self, a: Arrival) -> bool:
        seen = [*self.commands.values(), *self.finished]
        return any(c.id == a.id and c.frm == a.frm and c.seq == 0 for c in seen)


@dataclasses.dataclass
class FakeLedger:
    """A whole store: both halves, copied together."""

    sending: FakeSending
    receiving: FakeReceiving

    @classmethod
    def new(
        cls, store_id: str, start: str = "", make_id: Callable[[], MessageId] = new_id
    ) -> FakeLedger:
        sending = FakeSending(store_id, start, make_id)
        return cls(sending, FakeReceiving(sending))


def _copied(stream: InStream) -> InStream:
    twin = copy.copy(stream)
    twin.ids, twin.verdicts = dict(stream.ids), dict(stream.verdicts)
    return twin
