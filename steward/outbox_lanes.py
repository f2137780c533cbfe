"""Peers, and the queues of unbound messages: attempts, expiry and giving up, by ranges."""

from __future__ import annotations

import msgspec

from steward.handoff.state import Now, Peer
from steward.ledger import GAVE_UP, Shared
from steward.message import MessageId, State
from steward.outbox_rows import QUEUED, OutboxRows
from steward.subjects import NodeName, Subject


class Lanes(OutboxRows):
    """The part of ``Sending`` that deals with peers, and with messages before they are bound."""

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared)
        self._peers: dict[NodeName, Peer] = {}

    def forget_caches(self) -> None:
        super().forget_caches()
        self._peers.clear()

    # ---------------------------------------------------------------- peers

    def store_id(self) -> str:
        return self.shared.identity.store_id

    def peer(self, name: NodeName) -> Peer:
        peer = self._peers.get(name)
        if peer is None:
            row = self.con.execute(
                "SELECT instance, retired, held, alarm FROM peer WHERE name = ?", (name,)
            ).fetchone()
            peer = Peer(name=name)
            if row is not None:
                retired = tuple(msgspec.json.decode(row[1]))
                peer = Peer(
                    name=name, instance=row[0], retired=retired, held=bool(row[2]), alarm=row[3]
                )
            self._peers[name] = peer
        return msgspec.structs.replace(peer)

    def save_peer(self, peer: Peer) -> None:
        if peer.alarm and not self.peer(peer.name).alarm:
            hint = f"steward nodes release {peer.name}, once that is done"
            self.shared.touched.alarms.append(("alarm", peer.alarm, hint))
        self._peers[peer.name] = msgspec.structs.replace(peer)
        self.con.execute(
            "INSERT OR REPLACE INTO peer VALUES (?, ?, ?, ?, ?)",
            (
                peer.name,
                peer.instance,
                msgspec.json.encode(peer.retired).decode(),
                peer.held,
                peer.alarm,
            ),
        )
        self.shared.touched.nodes.add(peer.name)

    def alarms(self) -> list[str]:
        """Why nothing is exchanged with some peers until somebody decides."""
        return [
            alarm
            for (alarm,) in self.con.execute(
                "SELECT alarm FROM peer WHERE alarm != '' ORDER BY name"
            )
        ]

    def _end_alarms(self) -> None:
        alarmed = self.con.execute("SELECT name FROM peer WHERE alarm != ''").fetchall()
        for (name,) in alarmed:
            self.save_peer(msgspec.structs.replace(self.peer(name), alarm=""))

    # ---------------------------------------------------------------- lanes

    def first_try(self, subject: Subject) -> float | None:
        lane = self.find_lane(subject)
        return None if lane is None else lane.first_try

    def set_first_try(self, subject: Subject, steady: float | None) -> None:
        lane = self.lane(subject)
        if lane.first_try != steady:
            lane.first_try = steady
            self.con.execute("UPDATE lane SET first_try = ? WHERE key = ?", (steady, lane.key))

    def has_queued(self, subject: Subject) -> bool:
        return self._one(subject, f"SELECT 1 FROM message WHERE {QUEUED} LIMIT 1") is not None

    def next_expiry(self, subject: Subject) -> float | None:
        return self._one(subject, "SELECT min(due) FROM message WHERE lane = ? AND due IS NOT NULL")

    def next_giving_up(self, subject: Subject, first_try: float) -> float | None:
        lane = self.find_lane(subject)
        best: float | None = None
        patience: float | None = -1.0
        while lane is not None:  # one look for each different patience, the least first
            patience = self.con.execute(
                f"SELECT min(patience) FROM message WHERE {QUEUED} AND patience > ?",
                (lane.key, patience),
            ).fetchone()[0]
            if patience is None or (best is not None and first_try + patience >= best):
                break
            (clock,) = self.con.execute(
                f"SELECT min(clock) FROM message WHERE {QUEUED} AND patience = ?",
                (lane.key, patience),
            ).fetchone()
            end = max(clock, first_try) + patience
            best = end if best is None else min(best, end)
        return best

    def expire_queued(self, subject: Subject, now: Now) -> None:
        lane = self.find_lane(subject)
        if lane is not None:
            late = self._rows("lane = ? AND due <= ? AND stream IS NULL", lane.key, now.wall)
            self._end_rows(lane, late, State.EXPIRED, GAVE_UP[State.EXPIRED], now)

    def give_up_queued(self, subject: Subject, first_try: float, now: Now) -> None:
        at = self.next_giving_up(subject, first_try)
        if at is None or at > now.steady:
            return
        lane = self.lane(subject)
        late = self._rows(
            f"{QUEUED} AND patience IS NOT NULL AND max(clock, ?) + patience <= ?",
            *(lane.key, first_try, now.steady),
        )
        self.con.executemany(
            "UPDATE message SET attempts = retries WHERE n = ?", [(row.n,) for row in late]
        )
        self._end_rows(lane, late, State.UNDELIVERED, GAVE_UP[State.UNDELIVERED], now)

    def larger(
        self, subject: Subject, most: int, limit: int = 256
    ) -> tuple[list[MessageId], list[MessageId]]:
        """Open messages whose body has more than ``most`` bytes: among the next ``limit`` to be
        bound; and among those bound, unreceipted and not given up."""
        lane = self.find_lane(subject)
        if lane is None:
            return [], []
        big = "JOIN body b ON b.n = m.n WHERE length(body) > ?"
        queued = self.con.execute(
            f"SELECT id FROM message m {big} AND m.n IN"
            f" (SELECT n FROM message WHERE {QUEUED} ORDER BY n LIMIT ?)",
            (most, lane.key, limit),
        ).fetchall()
        bound = self.con.execute(
            f"SELECT id FROM message m JOIN out_stream s ON s.key = m.stream {big}"
            " AND m.lane = ? AND m.seq > s.base AND confirmed = 0 AND tombstone = ''",
            (most, lane.key),
        ).fetchall()
        return [id for (id,) in queued], [id for (id,) in bound]

    def count_queued(self, subject: Subject, first_try: float, now: Now, limit: int) -> None:
        lane = self.find_lane(subject)
        if lane is None:
            return
        begun = "1 + CAST(max(0.0, :steady - max(clock, :first)) / timeout AS INTEGER)"
        counted = f"CASE WHEN retries THEN min(retries, {begun}) ELSE {begun} END"
        changed = self.con.execute(
            f"UPDATE message SET attempts = {counted} WHERE n IN (SELECT n FROM message"
            " WHERE lane = :lane AND stream IS NULL AND confirmed = 0 ORDER BY n LIMIT :limit)"
            f" AND attempts != {counted} RETURNING id",
            {"steady": now.steady, "first": first_try, "lane": lane.key, "limit": limit},
        )
        self.shared.touched.messages.update(id for (id,) in changed)

    def _one(self, subject: Subject, sql: str) -> float | None:
        lane = self.find_lane(subject)
        if lane is None:
            return None
        row = self.con.execute(sql, (lane.key,)).fetchone()
        return None if row is None else row[0]
