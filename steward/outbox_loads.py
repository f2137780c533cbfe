"""How much every node still has to get or to answer, without a look at what has ended."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

import msgspec

from steward.handoff.state import Now
from steward.message import OPEN, State
from steward.outbox_intake import Intake
from steward.subjects import NodeName, Subject

_AWAITED = "m.stream = s.key AND delivered_at IS NOT NULL AND confirmed = 0"
_OPEN = "count > 0 AND state IN ('queued', 'sent', 'delivered', 'running')"
"""As the index tally_open has it: without these words it would not be used."""
_TALLY = f"tally INDEXED BY tally_open CROSS JOIN lane ON key = lane WHERE {_OPEN}"
_TALLY_OF = (
    "lane CROSS JOIN tally ON lane = key"
    f" WHERE node IN (SELECT value FROM json_each(?)) AND {_OPEN}"
)
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


class Loads(Intake):
    """Of all nodes, or of some: then it costs as much as these do."""

    def nodes(self, names: Collection[str] | None = None) -> set[NodeName]:
        """Every node that somebody should see, heard of or not: it has open messages, a hold or an
        alarm. ``names``: of these alone."""
        sql = "SELECT name FROM peer WHERE (held = 1 OR alarm != '')"
        args: tuple[Any, ...] = ()
        if names is not None:
            sql, args = f"{sql} AND name IN (SELECT value FROM json_each(?))", (_json(names),)
        marked = self.con.execute(sql, args).fetchall()
        where, args = _of(names)
        loaded = self.con.execute(f"SELECT DISTINCT node FROM {where}", args).fetchall()
        return {name for (name,) in (*marked, *loaded)}

    def alarming(self) -> dict[NodeName, str]:
        """The nodes that nothing is exchanged with until somebody decides, and why."""
        return dict(self.con.execute("SELECT name, alarm FROM peer WHERE alarm != ''").fetchall())

    def counts(self) -> dict[str, int]:
        """How many messages are queued, sent, delivered, running; machinery included."""
        counts = {str(state): 0 for state in ("queued", "sent", "delivered", "running")}
        if self._tally is None:
            # INDEXED BY: to read all tallies for these few costs tenths of a second.
            sql = f"SELECT state, sum(count) FROM tally INDEXED BY tally_open WHERE {_OPEN}"
            return counts | dict(self.con.execute(f"{sql} GROUP BY state").fetchall())
        for (_, state), count in self._tally.items():
            if state in counts:
                counts[state] += count
        return counts

    def open_in_lane(self, subject: Subject) -> int:
        """The same of one lane, from memory alone: safe from any thread, true as of about now."""
        lane, tally = self._lanes.get(subject), self._tally
        if lane is None or tally is None:
            return 0
        return sum(tally.get((lane.key, state), 0) for state in OPEN)

    def loads(self, names: Collection[str] | None = None) -> dict[NodeName, Load]:
        """The load of every node that has one; ``names``: of these alone."""
        loads: dict[NodeName, Load] = {}
        where, args = _of(names)
        rows = self.con.execute(
            "SELECT node, sum(iif(state = 'queued', count, 0)),"
            f" sum(iif(state != 'queued', count, 0)) FROM {where} GROUP BY node",
            args,
        )
        for node, queued, under_way in rows:
            loads[node] = Load(queued, under_way)
        for node, oldest in self._oldest(names):
            loads[node] = loads[node]._replace(oldest=oldest)
        return loads

    def _oldest(self, names: Collection[str] | None) -> list[tuple[NodeName, float]]:
        where, args = _of(names)
        return self.con.execute(
            f"WITH busy AS (SELECT DISTINCT lane FROM {where} AND state IN ('queued', 'sent')),"
            " first AS ("
            "  SELECT lane, (SELECT min(n) FROM message m WHERE m.lane = busy.lane"
            "   AND stream IS NULL AND confirmed = 0) AS n FROM busy"
            "  UNION ALL SELECT lane, (SELECT n FROM message m WHERE m.stream = s.key"
            "   AND seq > base ORDER BY seq LIMIT 1) FROM busy JOIN out_stream s USING (lane))"
            " SELECT node, min(accepted_at) FROM first JOIN message m USING (n)"
            " JOIN lane ON lane.key = m.lane WHERE confirmed = 0 GROUP BY node",
            args,
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
                + f" WHERE t.state = ? AND {_OPEN})",
                (state,),
            ).fetchone()
            ages[str(state)] = None if oldest is None else max(0.0, now.wall - oldest)
        return ages

    def oldest(self, node: NodeName) -> float | None:
        """Wall time at which the oldest message for the node that waits was accepted."""
        load = self.loads([node]).get(node)
        return None if load is None else load.oldest


def _of(names: Collection[str] | None) -> tuple[str, tuple[Any, ...]]:
    """Where the open tallies of these nodes, or of all, are found."""
    return (_TALLY, ()) if names is None else (_TALLY_OF, (_json(names),))


def _json(names: Collection[str]) -> str:
    return msgspec.json.encode(list(names)).decode()
