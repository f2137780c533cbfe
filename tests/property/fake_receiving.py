"""``Receiving`` (``steward/handoff/ports.py``) on plain dicts, and the execution of commands."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import msgspec

from steward.handoff.state import Arrival, InStream, Now
from steward.inbox import Command, Stage
from steward.message import Body, MessageId
from steward.subjects import NodeName, Subject
from tests.property.fake_sending import FakeSending

_body = msgspec.json.Decoder(Body)


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


def _copied(stream: InStream) -> InStream:
    twin = copy.copy(stream)
    twin.ids, twin.verdicts = dict(stream.ids), dict(stream.verdicts)
    return twin
