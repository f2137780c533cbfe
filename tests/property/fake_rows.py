"""The sender's messages on plain dicts, and what a daemon does with them beside the handoff."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import msgspec

from steward import subjects
from steward.errors import IdConflict, QueueFull, Refused, StewardError
from steward.handoff.state import Now, OutStream, Peer
from steward.message import NEVER_STARTED, Body, Kind, Message, MessageId, State, new_id
from steward.outbox import RESULTS, Accepted
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


class FakeRows:
    """What an outbox is for its daemon: submitting, and news of commands."""

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

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        twin = type(self)(self.epoch, self.start, self.make_id)
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
