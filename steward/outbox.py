"""What this node sends: the SQL behind ``Sending`` (``steward/handoff/ports.py``)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from steward.frames import Verdict
from steward.handoff.state import Now, Outgoing, OutStream, Peer
from steward.ledger import GAVE_UP, Lane
from steward.message import NEVER_STARTED, MessageId, State
from steward.outbox_care import Care
from steward.outbox_intake import RESULTS, Accepted, cancel_message
from steward.outbox_loads import Load
from steward.outbox_notices import Published
from steward.outbox_rows import QUEUED, Bound, Row
from steward.subjects import NodeName, Subject

__all__ = ["RESULTS", "Accepted", "Load", "Outbox", "Published", "cancel_message"]

_RANGE = "stream = ? AND seq > ? AND seq <= ?"
_OUTGOING = """
    SELECT m.n, maybe, id, seq, state, confirmed, tombstone, expires, timeout, retries, attempts,
        clock, body FROM message m JOIN body b ON b.n = m.n"""
_STREAM = "SELECT s.key, s.lane, s.instance, s.next, s.base FROM out_stream s"


class Outbox(Care):
    """``Sending`` on SQLite. A frame's worth of messages is read once and settled in ranges."""

    # ---------------------------------------------------------------- streams

    def stream(self, to: NodeName, instance: str, subject: Subject) -> OutStream | None:
        lane = self.find_lane(subject)
        if lane is None:
            return None
        row = self.con.execute(
            f"{_STREAM} WHERE lane = ? AND instance = ?", (lane.key, instance)
        ).fetchone()
        return None if row is None else self._as_stream(*row)

    def streams_to(self, to: NodeName, instance: str) -> Sequence[OutStream]:
        rows = self.con.execute(
            f"{_STREAM} JOIN lane ON lane.key = s.lane WHERE node = ? AND instance = ?"
            " ORDER BY s.key",
            (to, instance),
        ).fetchall()
        return [self._as_stream(*row) for row in rows]

    def bind(
        self, stream: OutStream | None, subject: Subject, instance: str, most: int, most_bytes: int
    ) -> OutStream:
        lane = self.lane(subject)
        if stream is None:
            new = "INSERT INTO out_stream (lane, instance, next, base) VALUES (?, ?, 1, 0)"
            key = self.con.execute(new, (lane.key, instance)).lastrowid
            assert key is not None
            stream = self._as_stream(key, lane.key, instance, 1, 0)
        bound: list[Bound] = []
        is_command, size = lane.is_command, 0
        cursor = self.con.execute(
            f"{_OUTGOING} WHERE {QUEUED} ORDER BY m.n LIMIT ?", (lane.key, most)
        )
        for row in cursor:
            size += len(row[-1])
            if bound and size > most_bytes:
                break
            seq = stream.next + len(bound)
            bound.append(_as_bound(is_command, row, seq, State.SENT))
            bound[-1].out.attempts = max(bound[-1].out.attempts, 1)
        cursor.close()
        wall = self.shared.wall()
        self.con.execute(
            "UPDATE message SET state = 'sent', stream = ?, seq = ? + place.key, sent_at = ?,"
            " attempts = max(attempts, 1) FROM json_each(?) AS place WHERE message.n = place.value",
            (stream.key, stream.next, wall, msgspec.json.encode([b.n for b in bound]).decode()),
        )
        self._move(lane, State.QUEUED, State.SENT, len(bound))
        self.shared.touched.messages.update(b.out.id for b in bound)
        self.forget_stream(stream.key)
        if stream.next == stream.base + 1:
            self.remember(stream.key, bound)
        stream.next += len(bound)
        self.con.execute("UPDATE out_stream SET next = ? WHERE key = ?", (stream.next, stream.key))
        return stream

    def _bound(self, stream: OutStream) -> list[Bound]:
        if stream.next == stream.base + 1:
            return []
        bound = self._flying.get(stream.key)
        if bound is None:
            is_command = self.lane(stream.subject).is_command
            rows = self.con.execute(
                f"{_OUTGOING} WHERE {_RANGE} ORDER BY seq",
                (stream.key, stream.base, stream.next - 1),
            )
            bound = [_as_bound(is_command, row, row[3], State(row[4])) for row in rows]
            self.remember(stream.key, bound)
        return bound

    def unreceipted(self, stream: OutStream) -> list[Outgoing]:
        return [b.out for b in self._bound(stream)]

    def id_at(self, stream: OutStream, seq: int) -> MessageId | None:
        row = self.con.execute(
            "SELECT id FROM message WHERE stream = ? AND seq = ?", (stream.key, seq)
        ).fetchone()
        return None if row is None else row[0]

    def awaits_result(self, stream: OutStream) -> bool:
        sql = (
            "SELECT 1 FROM message WHERE stream = ? AND seq <= ?"
            " AND delivered_at IS NOT NULL AND confirmed = 0 LIMIT 1"
        )
        return self.con.execute(sql, (stream.key, stream.base)).fetchone() is not None

    # ---------------------------------------------------------------- under way

    def save_attempts(self, attempts: Mapping[MessageId, int], now: Now) -> None:
        self.con.executemany(
            "UPDATE message SET attempts = ? WHERE id = ?", [(n, id) for id, n in attempts.items()]
        )
        for bound in self._flying.values():
            for b in bound:
                b.out.attempts = attempts.get(b.out.id, b.out.attempts)
        self.shared.touched.messages.update(attempts)

    def give_up(self, ids: Iterable[MessageId], why: State, now: Now) -> None:
        for id in ids:
            row = self.con.execute(
                "SELECT n, m.lane, state, m.stream FROM message m JOIN out_stream s"
                " ON s.key = m.stream WHERE id = ? AND confirmed = 0 AND seq > base"
                " AND (tombstone = '' OR ? = 'cancelled')",
                (id, why),
            ).fetchone()
            if row is None:
                continue
            n, lane, state, stream = row
            self.con.execute(
                "UPDATE message SET state = ?, ill = 1, tombstone = ?, reason = ?, due = NULL"
                " WHERE n = ?",
                (why, why, GAVE_UP.get(why, ""), n),
            )
            self._move(self.lane_at(lane), state, why)
            self.forget_stream(stream)
            self.shared.touched.messages.add(id)
            self.shared.touched.ends.add(id)

    def settle(
        self, stream: OutStream, last: int, verdicts: Mapping[int, Verdict], now: Now
    ) -> list[Subject]:
        lane = self.lane(stream.subject)
        last = min(last, stream.next - 1)
        if last > stream.base:
            bound = self._bound(stream)
            self.forget_stream(stream.key)
            mine = [b for b in bound if b.out.seq <= last and not b.out.confirmed]
            for b in mine:
                if verdict := verdicts.get(b.out.seq):
                    proved = verdict.state in NEVER_STARTED
                    state = State(verdict.state) if proved else State.UNKNOWN
                    self._end_rows(lane, [b.row], state, verdict.reason, now)
            accepted = [b for b in mine if b.out.seq not in verdicts]
            self.shared.touched.delivered += [now.steady - b.out.clock for b in accepted]
            self._accepted(lane, stream, last, accepted, now)
            stream.base = last
            self.con.execute("UPDATE out_stream SET base = ? WHERE key = ?", (last, stream.key))
            if last < stream.next - 1:
                self.remember(stream.key, [b for b in bound if b.out.seq > last])
        else:
            accepted = []
        self.set_first_try(stream.subject, None)
        cancelled = [b.out.id for b in accepted if b.out.tombstone == State.CANCELLED]
        cancels = [self.queue_cancel(id, now) for id in cancelled if lane.is_command]
        return list(dict.fromkeys(cancels))

    def _accepted(
        self, lane: Lane, stream: OutStream, last: int, bound: Sequence[Bound], now: Now
    ) -> None:
        """The receiver took them: events are done, commands wait for their results."""
        where = f"WHERE {_RANGE} AND confirmed = 0"
        at = (stream.key, stream.base, last)
        before = Counter(b.out.state for b in bound)
        ids = [b.out.id for b in bound]
        if lane.is_command:
            self.con.execute(
                "UPDATE message SET state = iif(state = 'running', state, 'delivered'),"
                f" ill = 0, tombstone = '', reason = '', due = NULL, delivered_at = ? {where}",
                (now.wall, *at),
            )
            before.pop(State.RUNNING, None)
            self.shared.touched.messages.update(ids)
        elif bound:
            self.con.execute(
                "UPDATE message SET state = 'succeeded', ill = 0, confirmed = 1, reason = '',"
                f" due = NULL, delivered_at = ?, ended_at = ? {where}",
                (now.wall, now.wall, *at),
            )
            self._ended(lane, [b.n for b in bound], ids)
        after = State.DELIVERED if lane.is_command else State.SUCCEEDED
        for state, count in before.items():
            self._move(lane, state, after, count)

    # ---------------------------------------------------------------- one message, another store

    def find(self, id: MessageId) -> tuple[Subject, State, bool, OutStream | None, int] | None:
        row = self.con.execute(
            "SELECT lane, state, confirmed, stream, seq FROM message WHERE id = ?", (id,)
        ).fetchone()
        if row is None:
            return None
        lane, state, confirmed, key, seq = row
        stream = self._stream_row(key)
        at = 0 if stream is None else seq
        return self.lane_at(lane).subject, State(state), bool(confirmed), stream, at

    def end(self, id: MessageId, state: State, reason: str, now: Now) -> None:
        row = self.con.execute(
            "SELECT n, lane, state, maybe, stream FROM message WHERE id = ?"
            " AND (confirmed = 0 OR (state = 'unknown' AND ? != 'unknown'))",
            (id, state),
        ).fetchone()
        if row is not None:
            n, lane, before, maybe, stream = row
            ended = Row(n, id, State(before), bool(maybe))
            self._end_rows(self.lane_at(lane), [ended], state, reason, now)
            self.forget_stream(stream)

    def adopt(self, peer: Peer, instance: str, now: Now) -> None:
        for stream in self.streams_to(peer.name, peer.instance):
            lane = self.lane(stream.subject)
            above = "stream = ? AND seq > ? AND confirmed = 0"
            lost = self._rows(
                f"{above} AND (? OR tombstone != '')", stream.key, stream.base, lane.is_command
            )
            told_again = self._rows(
                f"{above} AND tombstone = '' AND NOT ?", stream.key, stream.base, lane.is_command
            )
            lost += self._rows(
                "stream = ? AND seq <= ? AND delivered_at IS NOT NULL AND confirmed = 0",
                stream.key,
                stream.base,
            )
            self._end_rows(lane, lost, State.UNKNOWN, f"{peer.name} has lost its store", now)
            self._requeue(lane, told_again)
            self.forget_stream(stream.key)
        if peer.instance:
            peer.retired = (*peer.retired, peer.instance)
        peer.instance = instance
        self.save_peer(peer)

    def renew(self, store_id: str, start: str, now: Now) -> None:
        identity = self.shared.identity
        since = identity.first_n if start == identity.start else self.next_n(0)
        open_rows = self.con.execute(
            "SELECT lane, stream, n, id, state, maybe FROM message INDEXED BY message_open"
            " WHERE confirmed = 0 ORDER BY n"
        ).fetchall()
        for key, stream, n, id, state, maybe in open_rows:
            lane, row = self.lane_at(key), Row(n, id, State(state), bool(maybe))
            if lane.method == "Result":
                self._requeue(lane, [row])
            elif stream is not None or n < since:
                reason = "this node's store was restored"
                self._end_rows(lane, [row], State.UNKNOWN, reason, now)
        self.con.execute("DELETE FROM out_stream")
        self._flying.clear()
        self._end_alarms()
        self.con.execute("UPDATE meta SET store_id = ?", (store_id,))
        identity.store_id = store_id


def _as_bound(is_command: bool, row: Sequence[Any], seq: int, state: State) -> Bound:
    n, maybe, id, _, _, confirmed, tombstone, expires, timeout, retries, attempts, clock, body = row
    out = Outgoing(
        id=id,
        seq=seq,
        is_command=is_command,
        state=state,
        confirmed=bool(confirmed),
        tombstone=tombstone,
        expires=expires,
        timeout=timeout,
        retries=retries,
        attempts=attempts,
        clock=clock,
        body=body,
    )
    return Bound(n, bool(maybe), out)
