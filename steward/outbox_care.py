"""The operator's hand on the queues, and housekeeping: hold, release, clear, retention."""

from __future__ import annotations

from collections.abc import Iterable

from steward.errors import NotPossible
from steward.handoff.state import Now
from steward.message import MessageId
from steward.outbox_loads import Loads
from steward.result import without_output
from steward.subjects import NodeName, Subject

KEEP_SECONDS = 90 * 86400.0
KEEP_MESSAGES = 1_000_000


class Care(Loads):
    """Nothing here is part of the handoff."""

    def open_lanes(self) -> list[Subject]:
        """The lanes that have messages without a proved end."""
        return [lane.subject for lane in self._lanes_of_open()]

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

    def leave_output_out(self, id: MessageId) -> None:
        """Of a Result that is larger than the broker takes by now, its output stays here."""
        n, stream, body = self.con.execute(
            "SELECT n, stream, body FROM message JOIN body USING (n) WHERE id = ?", (id,)
        ).fetchone()
        self.con.execute("UPDATE body SET body = ? WHERE n = ?", (without_output(body), n))
        self.forget_stream(stream)

    def prune(
        self,
        now: Now,
        keep_seconds: float = KEEP_SECONDS,
        keep: int = KEEP_MESSAGES,
        most: int = 2000,
    ) -> int:
        """Delete the oldest ended messages that are too old or too many, at most ``most`` at a
        time; how many. Call it again until it says 0. What is unreceipted stays. Too old is what
        both clocks call so: a wall clock that was wrong, or jumps, must not cost the history."""
        surplus = sum(self._tallies().values()) - keep
        before = now.wall - keep_seconds
        rows = self.con.execute(
            "SELECT m.n, m.lane, state, job"
            " FROM message m LEFT JOIN out_stream s ON s.key = m.stream"
            " WHERE m.n IN (SELECT n FROM message ORDER BY n LIMIT ?"
            "  + (SELECT count(*) FROM message WHERE confirmed = 0))"
            " AND confirmed = 1 AND (s.key IS NULL OR seq <= base)"
            " AND m.n <= (SELECT journaled FROM meta) AND (ended_at < ? AND clock < ? OR ? > 0)"
            " ORDER BY m.n LIMIT ?",
            (most, before, now.steady - keep_seconds, surplus,
             min(most, surplus) if surplus > 0 else most),
        ).fetchall()  # fmt: skip
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
