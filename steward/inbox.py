"""What this node received: the SQL behind ``Receiving`` (``steward/handoff/ports.py``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from steward.frames import Verdict
from steward.handoff.peers import MOST_PEERS
from steward.handoff.state import Arrival, InStream, Now
from steward.inbox_commands import Command, Commands, Stage
from steward.ledger import Shared
from steward.message import Body, MessageId
from steward.subjects import NodeName, Subject

__all__ = ["Command", "Inbox", "Stage"]

_body = msgspec.json.Decoder(Body)
_ids = msgspec.msgpack.Decoder(dict[int, MessageId])
_verdicts = msgspec.msgpack.Decoder(dict[int, Verdict])
_pack = msgspec.msgpack.Encoder().encode
_NEVER = -1e300
_SECRET = "instr(body, '\"secret\"') LIMIT 1"


class Inbox(Commands):
    """``Receiving`` on SQLite; with it the execution of what was received."""

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared)
        self._queues: dict[tuple[str, str, str, str], int] = {}
        self._reckoned: dict[NodeName, float] = {}

    def forget_caches(self) -> None:
        """What is in memory may be of a transaction that was rolled back."""
        self._queues.clear()
        self._reckoned.clear()

    def in_stream(self, frm: NodeName, store: str, subject: Subject) -> InStream | None:
        row = self.con.execute(
            "SELECT last, last_id, base, ids, verdicts FROM in_stream"
            " WHERE frm = ? AND store = ? AND subject = ?",
            (frm, store, subject),
        ).fetchone()
        if row is None:
            return None
        last, last_id, base, ids, verdicts = row
        return InStream(
            frm=frm,
            store=store,
            subject=subject,
            last=last,
            last_id=last_id,
            base=base,
            ids=_ids.decode(ids),
            verdicts=_verdicts.decode(verdicts),
        )

    def save_in_stream(self, stream: InStream) -> None:
        self.con.execute(
            "INSERT OR REPLACE INTO in_stream VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                stream.frm,
                stream.store,
                stream.subject,
                stream.last,
                stream.last_id,
                stream.base,
                _pack(stream.ids),
                _pack(stream.verdicts),
            ),
        )

    def known(self, ids: Sequence[MessageId]) -> frozenset[MessageId]:
        if self.con.execute("SELECT 1 FROM known LIMIT 1").fetchone() is None:
            return frozenset()
        sql = "SELECT 1 FROM known WHERE id = ?"
        return frozenset(id for id in ids if self.con.execute(sql, (id,)).fetchone())

    def accept(self, arrivals: Sequence[Arrival], now: Now) -> None:
        self.shared.check_intake()
        rows = []
        for a in arrivals:
            if not a.seq and self._had(a):
                continue
            ahead = None
            if a.deadline is not None:
                ahead = _NEVER if a.expires is None else a.deadline - a.expires
            body = _body.decode(a.body)
            parallel = body.parallel
            if body.secret:
                self.shared.overwrite()
            at = (self._queue(a.frm, a.store, a.subject), a.seq, a.id)
            free = parallel or not a.seq
            rows.append(
                (*at, a.expires, a.deadline, ahead, parallel, free, now.wall, a.body, a.order)
            )
        self.con.executemany(
            "INSERT INTO command (queue, seq, id, expires, deadline, ahead, parallel, free, stage,"
            " accepted_at, body, signed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'received', ?, ?, ?)",
            rows,
        )

    def _had(self, a: Arrival) -> bool:
        """A NACK kind has no stream that would tell a repetition."""
        sql = (
            "SELECT EXISTS (SELECT 1 FROM command JOIN queue ON key = queue"
            " WHERE id = ?1 AND frm = ?2 AND seq = 0)"
            " OR EXISTS (SELECT 1 FROM run WHERE id = ?1 AND frm = ?2)"
        )
        return bool(self.con.execute(sql, (a.id, a.frm)).fetchone()[0])

    def _queue(self, frm: NodeName, store: str, subject: Subject) -> int:
        queue = (frm, store, self.shared.identity.store_id, subject)
        key = self._queues.get(queue)
        if key is None:
            self.con.execute(
                "INSERT OR IGNORE INTO queue (frm, store, instance, subject) VALUES (?, ?, ?, ?)",
                queue,
            )
            (key,) = self.con.execute(
                "SELECT key FROM queue WHERE frm = ? AND store = ? AND instance = ?"
                " AND subject = ?",
                queue,
            ).fetchone()
            self._queues[queue] = key
        assert key is not None
        return key

    def void(self, frm: NodeName, store: str, subject: Subject, seq: int) -> bool:
        where = "queue = ? AND seq = ? AND seq > 0 AND stage = 'received'"
        return self._drop(where, self._queue(frm, store, subject), seq) > 0

    def _drop(self, where: str, *args: Any) -> int:
        """Delete these commands; how many."""
        if self.con.execute(f"SELECT 1 FROM command WHERE {where} AND {_SECRET}", args).fetchone():
            self._leave_no_trace()
        return self.con.execute(f"DELETE FROM command WHERE {where}", args).rowcount

    def reckon(self, frm: NodeName, ahead: float) -> None:
        if self._reckoned.get(frm) == ahead:
            return
        self.con.execute(
            "UPDATE command SET ahead = :ahead,"
            " expires = min(coalesce(expires, deadline - :ahead), deadline - :ahead)"
            " WHERE stage = 'received' AND deadline IS NOT NULL AND ahead < :ahead"
            " AND queue IN (SELECT key FROM queue WHERE frm = :frm)",
            {"ahead": ahead, "frm": frm},
        )
        if len(self._reckoned) >= MOST_PEERS:
            self._reckoned.clear()
        self._reckoned[frm] = ahead

    def renew(self, now: Now) -> None:
        for ids, verdicts in self.con.execute("SELECT ids, verdicts FROM in_stream").fetchall():
            refused = _verdicts.decode(verdicts)
            accepted = [(id,) for seq, id in _ids.decode(ids).items() if seq not in refused]
            self.con.executemany("INSERT OR IGNORE INTO known VALUES (?)", accepted)
        self.con.execute("DELETE FROM in_stream")
        self.con.execute("DELETE FROM spoken")
        self.con.execute("UPDATE meta SET trusting = ? WHERE trusting > 0", (max(1.0, now.wall),))
        self._drop("stage = 'received'")
