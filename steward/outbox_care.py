"""The operator's hand on the queues, and housekeeping: hold, release, clear, counts, retention."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from steward.errors import NotPossible
from steward.handoff.state import Now
from steward.message import OPEN, MessageId, State
from steward.outbox_intake import Intake
from steward.subjects import NodeName, Subject

KEEP_SECONDS = 90 * 86400.0
KEEP_MESSAGES = 1_000_000


_AWAITED = "m.stream = s.key AND delivered_at IS NOT NULL AND confirmed = 0"
_FIRST = {
    State.QUEUED: "m.lane = t.lane AND stream IS NULL AND confirmed = 0 ORDER BY n",
    State.SENT: "m.stream = s.key AND seq > s.base AND m.state = 'sent' ORDER BY seq",
    State.DELIVERED: f"{_AWAITED} AND m.state = 'delivered' ORDER BY seq",
    State.RUNNING: f"{_AWAITED} AND m.state = 'running' ORDER BY seq",
}
"""Where the oldest message of a lane that is in the state is found."""


class Load(NamedTuple):
    """What one node still has to get or to answer. ``oldest``: wall time of the oldest message
    that is queued or sent, None if there is none."""

    queued: int = 0
    under_way: int = 0
    """Sent, delivered or running."""
    oldest: float | None = None


class Care(Intake):
    """Nothing here is part of the handoff."""

    def nodes(self) -> list[NodeName]:
        """Every node that somebody should see, heard of or not: it has open messages, a hold or an
        alarm."""
        marked = self.con.execute("SELECT name FROM peer WHERE held = 1 OR alarm != ''").fetchall()
        return list({*self.loads(), *(name for (name,) in marked)})

    def open_lanes(self) -> list[Subject]:
        """The lanes that have messages without a proved end."""
        return [lane.subject for lane in self._lanes_of_open()]

    def counts(self) -> dict[str, int]:
        """How many messages are queued, sent, delivered, running; machinery included."""
        counts = {str(state): 0 for state in ("queued", "sent", "delivered", "running")}
        for (_, state), count in self._tallies().items():
            if state in counts:
                counts[state] += count
        return counts

    def open_in_lane(self, subject: Subject) -> int:
        """The same of one lane, from memory alone: safe from any thread, true as of about now."""
        lane, tally = self._lanes.get(subject), self._tally
        if lane is None or tally is None:
            return 0
        return sum(tally.get((lane.key, state), 0) for state in OPEN)

    def loads(self) -> dict[NodeName, Load]:
        """The load of every node that has one."""
        loads: dict[NodeName, Load] = {}
        rows = self.con.execute(
            "SELECT node, sum(iif(state = 'queued', count, 0)),"
            " sum(iif(state != 'queued', count, 0)) FROM tally JOIN lane ON key = lane"
            " WHERE count > 0 AND state IN ('queued', 'sent', 'delivered', 'running')"
            " GROUP BY node"
        )
        for node, queued, under_way in rows:
            loads[node] = Load(queued, under_way)
        for node, oldest in self._oldest():
            loads[node] = loads[node]._replace(oldest=oldest)
        return loads

    def _oldest(self) -> list[tuple[NodeName, float]]:
        return self.con.execute(
            "WITH busy AS (SELECT DISTINCT lane FROM tally"
            "  WHERE state IN ('queued', 'sent') AND count > 0),"
            " first AS ("
            "  SELECT lane, (SELECT min(n) FROM message m WHERE m.lane = busy.lane"
            "   AND stream IS NULL AND confirmed = 0) AS n FROM busy"
            "  UNION ALL SELECT lane, (SELECT n FROM message m WHERE m.stream = s.key"
            "   AND seq > base ORDER BY seq LIMIT 1) FROM busy JOIN out_stream s USING (lane))"
            " SELECT node, min(accepted_at) FROM first JOIN message m USING (n)"
            " JOIN lane ON lane.key = m.lane WHERE confirmed = 0 GROUP BY node"
        ).fetchall()

    def ages(self, now: Now) -> dict[str, float | None]:
        """For each open state the seconds since the acceptance of the oldest message in it; None:
        there is none. Looks at the head of each lane and stream alone."""
        ages: dict[str, float | None] = {}
        for state, first in _FIRST.items():
            (oldest,) = self.con.execute(
                "SELECT min(accepted_at) FROM message WHERE n IN (SELECT"
                f" (SELECT m.n FROM message m WHERE {first} LIMIT 1) FROM tally t"
                + (" JOIN out_stream s USING (lane)" if "s.key" in first else "")
                + " WHERE t.state = ? AND t.count > 0)",
                (state,),
            ).fetchone()
            ages[str(state)] = None if oldest is None else max(0.0, now.wall - oldest)
        return ages

    def oldest(self, node: NodeName) -> float | None:
        """Wall time at which the oldest message for the node that waits was accepted."""
        load = self.loads().get(node)
        return None if load is None else load.oldest

    # ---------------------------------------------------------------- hold, release, clear

    def hold(self, names: Iterable[NodeName]) -> None:
        """Nothing is bound or sent to these nodes until they are released; expiry goes on."""
        for name in names:
            peer = self.peer(name)
            peer.held = True
            self.save_peer(peer)

    def release(self, names: Iterable[NodeName]) -> list[Subject]:
        """End the hold, and the alarm that somebody has now decided. The time held counts as no
        attempt. Returns the lanes that have something to do."""
        lanes: list[Subject] = []
        for name in names:
            peer = self.peer(name)
            peer.held, peer.alarm = False, ""
            self.save_peer(peer)
            found = self.con.execute("SELECT subject FROM lane WHERE node = ?", (name,)).fetchall()
            for (subject,) in found:
                self.set_first_try(subject, None)
                lanes.append(subject)
        return lanes

    def clear(self, names: Iterable[NodeName]) -> list[MessageId]:
        """What there is to cancel for these nodes: their open messages, oldest first, without the
        machinery's own."""
        ids: list[MessageId] = []
        for name in names:
            rows = self.con.execute(
                "SELECT id FROM lane JOIN message m ON m.lane = lane.key WHERE node = ?"
                " AND hidden = 0 AND confirmed = 0 AND tombstone != 'cancelled' AND m.n IN"
                " (SELECT n FROM message WHERE confirmed = 0) ORDER BY m.n",
                (name,),
            )
            ids += [id for (id,) in rows]
        return ids

    def forget(self, name: NodeName) -> None:
        """Drop hold and alarm of a node that is gone; what was ever agreed with its store stays.
        Raises NotPossible while messages for it are open."""
        if self.clear([name]):
            raise NotPossible(
                f"{name} has open messages", f"steward nodes clear {name} cancels them"
            )
        peer = self.peer(name)
        peer.held, peer.alarm = False, ""
        self.save_peer(peer)
        self._heard_of.discard(name)

    # ---------------------------------------------------------------- retention

    def prune(
        self,
        now: Now,
        keep_seconds: float = KEEP_SECONDS,
        keep: int = KEEP_MESSAGES,
        most: int = 2000,
    ) -> int:
        """Delete the oldest ended messages that are too old or too many, at most ``most`` at a
        time; how many. Call it again until it says 0. What is unreceipted stays."""
        surplus = sum(self._tallies().values()) - keep
        before = now.wall - keep_seconds
        rows = self.con.execute(
            "SELECT m.n, m.lane, state, job FROM message m LEFT JOIN out_stream s ON s.key = m.stream"
            " WHERE m.n IN (SELECT n FROM message ORDER BY n LIMIT ?"
            "  + (SELECT count(*) FROM message WHERE confirmed = 0))"
            " AND confirmed = 1 AND (s.key IS NULL OR seq <= base)"
            " AND m.n <= (SELECT journaled FROM meta) AND (ended_at < ? OR ? > 0)"
            " ORDER BY m.n LIMIT ?",
            (most, before, surplus, min(most, surplus) if surplus > 0 else most),
        ).fetchall()
        for table in ("message", "body", "outcome"):
            self.con.executemany(f"DELETE FROM {table} WHERE n = ?", [(n,) for n, *_ in rows])
        for _, lane, state, _ in rows:
            self._move(self.lane_at(lane), state, None)
        self.con.executemany(
            "DELETE FROM job WHERE job = ?1 AND NOT EXISTS (SELECT 1 FROM message WHERE job = ?1)",
            [(job,) for job in {job for *_, job in rows} if job is not None],
        )
        self.con.execute("DELETE FROM orphan WHERE received_at < ?", (before,))
        return len(rows)
