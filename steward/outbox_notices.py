"""The outbox's NACK kinds: sent once, and ended by that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from steward.handoff.state import Now
from steward.ledger import Lane
from steward.message import MessageId, State
from steward.outbox_lanes import Lanes
from steward.outbox_rows import QUEUED
from steward.subjects import Subject

_FORGET_END = """
    UPDATE final SET messages = (SELECT json_group_array(value) FROM json_each(messages)
        WHERE value != ?) WHERE EXISTS (SELECT 1 FROM json_each(messages) WHERE value = ?)"""


class Published(NamedTuple):
    """A message of a NACK kind on its one way out."""

    id: MessageId
    body: bytes


class Notices(Lanes):
    """What is published once and never again."""

    def take_notices(
        self, subject: Subject, linked: bool, now: Now, limit: int = 256
    ) -> list[Published]:
        """End up to ``limit`` waiting messages of a NACK kind: ``published``, to be published
        once this is committed; or ``undelivered`` where there is no link."""
        lane = self.find_lane(subject)
        if lane is None:
            return []
        rows = self._rows(f"{QUEUED} ORDER BY n LIMIT ?", lane.key, limit)
        if not linked:
            self._end_rows(lane, rows, State.UNDELIVERED, "no link to the broker", now)
            return []
        get = "SELECT body FROM body WHERE n = ?"
        going = [Published(row.id, *self.con.execute(get, (row.n,)).fetchone()) for row in rows]
        self._end_rows(lane, rows, State.PUBLISHED, "", now)  # which wipes what was secret
        self.con.executemany(
            "UPDATE message SET attempts = 1, sent_at = ? WHERE n = ?",
            [(now.wall, row.n) for row in rows],
        )
        return going

    def not_published(self, ids: Sequence[MessageId], reason: str, now: Now) -> None:
        """The link was lost between the commit and the publishing: ``undelivered`` after all. An
        end that messages.jsonl hasn't told yet is told as this one, not twice."""
        for id in ids:
            for row in self._rows("id = ? AND state = 'published'", id):
                self.con.execute(_FORGET_END, (row.n, row.n))
                self._end_rows(self._lane_of(row.n), [row], State.UNDELIVERED, reason, now)

    def _lane_of(self, n: int) -> Lane:
        (key,) = self.con.execute("SELECT lane FROM message WHERE n = ?", (n,)).fetchone()
        return self.lane_at(key)
