"""The rows under the outbox: lanes, tallies, and how messages come to an end."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Collection, Sequence
from typing import NamedTuple

import msgspec

from steward import subjects
from steward.handoff.state import Now, Outgoing, OutStream
from steward.ledger import HIDDEN, Lane, Shared
from steward.message import FINAL, NEVER_STARTED, OPEN, Body, Kind, MessageId, State
from steward.subjects import NodeName, Subject

ILL = FINAL - {State.SUCCEEDED, State.PUBLISHED}
QUEUED = "lane = ? AND stream IS NULL AND confirmed = 0"
_END = """
    UPDATE message SET state = ?, ill = ?, confirmed = 1, reason = ?, due = NULL, ended_at = ?
    WHERE n = ?"""
_UNBIND = """
    UPDATE message SET stream = NULL, seq = NULL, state = 'queued', ill = 0, tombstone = '',
        maybe = 1, sent_at = NULL, due = expires WHERE n = ?"""
_body = msgspec.json.Decoder(Body)

_REMEMBERED = 16
_REMEMBERED_BYTES = 256 * 1024


class Row(NamedTuple):
    """As much of a message as its end needs."""

    n: int
    id: MessageId
    state: State
    maybe: bool


class Bound(NamedTuple):
    """A message under way, as the core sees it and as its row is found."""

    n: int
    maybe: bool
    out: Outgoing

    @property
    def row(self) -> Row:
        return Row(self.n, self.out.id, self.out.state, self.maybe)


class OutboxRows:
    """Lanes and tallies are cached; ``forget_caches`` after every rollback."""

    def __init__(self, shared: Shared) -> None:
        self.shared = shared
        self.con = shared.con
        self._lanes: dict[Subject, Lane] = {}
        self._lanes_by_key: dict[int, Lane] = {}
        self._tally: dict[tuple[int, str], int] | None = None
        self._node_load: dict[NodeName, int] = {}
        self._moves: dict[tuple[int, str], int] = defaultdict(int)
        self._open = 0
        self._next_n = 0
        self._flying: OrderedDict[int, list[Bound]] = OrderedDict()
        self._secret: set[int] | None = None

    def forget_caches(self) -> None:
        """What is in memory may be of a transaction that was rolled back."""
        self._lanes.clear()
        self._lanes_by_key.clear()
        self._tally = None
        self._node_load.clear()
        self._moves.clear()
        self._next_n = 0
        self._flying.clear()
        self._secret = None

    def flush(self) -> None:
        """Write the tallies that this unit of work has moved."""
        if not self._moves:
            return
        moves = [(lane, state, by) for (lane, state), by in self._moves.items() if by]
        self._moves.clear()
        self.con.executemany(
            "INSERT INTO tally VALUES (?, ?, ?)"
            " ON CONFLICT (lane, state) DO UPDATE SET count = count + excluded.count",
            moves,
        )

    # ---------------------------------------------------------------- lanes and tallies

    def find_lane(self, subject: Subject) -> Lane | None:
        lane = self._lanes.get(subject)
        if lane is None:
            lane = self._load_lane("subject", subject)
        return lane

    def lane_at(self, key: int) -> Lane:
        lane = self._lanes_by_key.get(key) or self._load_lane("key", key)
        assert lane is not None
        return lane

    def lane(self, subject: Subject) -> Lane:
        """The lane, made if there is none."""
        lane = self.find_lane(subject)
        if lane is None:
            node, kind, method = subjects.parse(subject)
            self.con.execute(
                "INSERT INTO lane (subject, node, kind, method, hidden) VALUES (?, ?, ?, ?, ?)",
                (subject, node, kind, method, method in HIDDEN),
            )
            lane = self._load_lane("subject", subject)
            assert lane is not None
        return lane

    def _load_lane(self, column: str, value: object) -> Lane | None:
        row = self.con.execute(
            "SELECT key, subject, node, kind, method, hidden, first_try FROM lane"
            f" WHERE {column} = ?",
            (value,),
        ).fetchone()
        if row is None:
            return None
        key, subject, node, kind, method, hidden, first_try = row
        lane = Lane(key, subject, node, Kind(kind), method, bool(hidden), first_try)
        self._lanes[lane.subject] = self._lanes_by_key[lane.key] = lane
        return lane

    def _move(self, lane: Lane, before: str | None, after: str | None, count: int = 1) -> None:
        if before == after or not count:
            return
        tally = self._tallies()
        for state, by in ((before, -count), (after, count)):
            if state is not None:
                tally[(lane.key, state)] = tally.get((lane.key, state), 0) + by
                self._moves[(lane.key, state)] += by
                if state in OPEN:
                    self._open += by
                if state in ("queued", "sent"):
                    self._node_load[lane.node] = self._node_load.get(lane.node, 0) + by
        self.shared.touched.nodes.add(lane.node)

    def _tallies(self) -> dict[tuple[int, str], int]:
        if self._tally is None:
            self._tally = {}
            for key, state, count in self.con.execute("SELECT lane, state, count FROM tally"):
                self._tally[(key, state)] = count
            rows = self.con.execute(
                "SELECT node, sum(count) FROM tally JOIN lane ON lane.key = tally.lane"
                " WHERE state IN ('queued', 'sent') GROUP BY node"
            )
            self._node_load = dict(rows.fetchall())
            self._open = sum(n for (_, state), n in self._tally.items() if state in OPEN)
        return self._tally

    def open_messages(self) -> int:
        """How many messages have no end yet."""
        self._tallies()
        return self._open

    def load(self, node: NodeName) -> int:
        """How many messages for the node are queued or sent: what its bound counts."""
        self._tallies()
        return self._node_load.get(node, 0)

    def next_n(self, count: int) -> int:
        """Reserve ``count`` places in the order of acceptance; the first of them."""
        if not self._next_n:
            (used,) = self.con.execute(
                "SELECT max(coalesce((SELECT max(n) FROM message), 0), journaled) FROM meta"
            ).fetchone()
            self._next_n = used + 1
        first = self._next_n
        self._next_n += count
        return first

    # ---------------------------------------------------------------- what is under way

    def remember(self, key: int, bound: list[Bound]) -> None:
        """Frame, attempts and receipt look at the same messages of a stream again and again."""
        if sum(len(b.out.body) for b in bound) > _REMEMBERED_BYTES:
            return
        self._flying[key] = bound
        if len(self._flying) > _REMEMBERED:
            self._flying.popitem(last=False)

    def forget_stream(self, key: int | None) -> None:
        """A message of the stream has changed: read them again."""
        if key is not None:
            self._flying.pop(key, None)

    # ---------------------------------------------------------------- ends

    def _end_rows(
        self, lane: Lane, rows: Sequence[Row], state: State, reason: str, now: Now
    ) -> None:
        """Settle rows of one lane, confirmed; ``unknown`` those a lost store may have handled."""
        if not rows:
            return
        ends = [self._proved(row, state) for row in rows]
        self.con.executemany(
            _END,
            [
                (end, end in ILL, reason, now.wall, row.n)
                for row, end in zip(rows, ends, strict=True)
            ],
        )
        for row, end in zip(rows, ends, strict=True):
            self._move(lane, row.state, end)
        self._ended(lane, [row.n for row in rows], [row.id for row in rows])

    @staticmethod
    def _proved(row: Row, state: State) -> State:
        return State.UNKNOWN if row.maybe and state in NEVER_STARTED else state

    def _ended(self, lane: Lane, numbers: Sequence[int], ids: Sequence[MessageId]) -> None:
        self.shared.touched.messages.update(ids)
        self.shared.touched.ends.update(ids)
        self.shared.touched.ended += len(numbers)
        if secret := self._secrets().intersection(numbers):
            self._wipe(secret)
        if not lane.hidden and numbers:
            self.con.execute(
                "INSERT INTO final (messages) VALUES (?)",
                (msgspec.json.encode(numbers).decode(),),
            )

    def _secrets(self) -> set[int]:
        """The secret messages that have not ended."""
        if self._secret is None:
            self._secret = {n for (n,) in self.con.execute("SELECT n FROM secret")}
            if self._secret:
                self.shared.overwrite()
        return self._secret

    def _keep_secret(self, numbers: Sequence[int]) -> None:
        """These messages' bodies are wiped once they have ended."""
        self.shared.overwrite()
        self.con.executemany("INSERT INTO secret VALUES (?)", [(n,) for n in numbers])
        self._secrets().update(numbers)

    def _wipe(self, numbers: Collection[int]) -> None:
        """They have ended: nothing sends them again."""
        for n in numbers:
            (body,) = self.con.execute("SELECT body FROM body WHERE n = ?", (n,)).fetchone()
            rest = msgspec.json.encode(_body.decode(body).without_secrets)
            self.con.execute("UPDATE body SET body = ? WHERE n = ?", (rest, n))
            self.con.execute("DELETE FROM secret WHERE n = ?", (n,))
        self._secrets().difference_update(numbers)
        self.shared.touched.wiped = True

    def _requeue(self, lane: Lane, rows: Sequence[Row]) -> None:
        """Unbind events or results: they go again, and may have been handled before."""
        self.con.executemany(_UNBIND, [(row.n,) for row in rows])
        for row in rows:
            self._move(lane, row.state, State.QUEUED)
        self.shared.touched.messages.update(row.id for row in rows)

    def _lanes_of_open(self) -> list[Lane]:
        keys = self.con.execute(
            "SELECT DISTINCT lane FROM message INDEXED BY message_open WHERE confirmed = 0"
        ).fetchall()
        return [self.lane_at(key) for (key,) in keys]

    def _rows(self, where: str, *args: object) -> list[Row]:
        found = self.con.execute(f"SELECT n, id, state, maybe FROM message WHERE {where}", args)
        return [Row(n, id, State(state), bool(maybe)) for n, id, state, maybe in found]

    def _stream_row(self, key: int | None) -> OutStream | None:
        row = self.con.execute(
            "SELECT key, lane, instance, next, base FROM out_stream WHERE key = ?", (key,)
        ).fetchone()
        return None if row is None else self._as_stream(*row)

    def _as_stream(self, key: int, lane: int, instance: str, next: int, base: int) -> OutStream:
        found = self.lane_at(lane)
        return OutStream(
            to=found.node, instance=instance, subject=found.subject, next=next, base=base, key=key
        )
