"""What messages.jsonl lacks: its next lines, made by SQLite, and how far they are written."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from steward.ledger import Shared
from steward.message import HIDDEN, MessageId, State
from steward.subjects import NodeName

_BYTES = 1 << 20
"""Of bodies, about, whose lines are made at once."""

_TIME = "strftime('%Y-%m-%dT%H:%M:%fZ', CAST({} * 1000 AS INTEGER) / 1000.0, 'unixepoch')"
_RARE = f"""iif(body ->> '$.secret',
        json_object('data', json_array('{HIDDEN}'), 'secret', json('true')),
        json_object('stdin', json(body -> '$.stdin'), 'stdinB64', json(body -> '$.stdinB64')))"""
_ACCEPTED = f"""
    SELECT count(*), group_concat(
        iif(instr(body, '"secret"') OR instr(body, '"stdin'), json_patch(line, {_RARE}), line),
        char(10)) FROM (
    SELECT body, json_object(
        'event', 'accepted', 'time', {_TIME.format("accepted_at")}, 'id', id, 'fromNode', :node,
        'toNode', node, 'data', json(coalesce(json_extract(body, '$.data'), '[]')),
        'commandOrEvent', kind, 'method', method, 'timeout', timeout, 'retries', retries,
        'ttl', ttl, 'methodTimeout', coalesce(json_extract(body, '$.methodTimeout'), 0.0),
        'parallel', json(iif(parallel, 'true', 'false')), 'job', job, 'retryOf', retry_of,
        'operator', json_extract(body, '$.operator'), 'uid', uid
    ) AS line FROM (
        SELECT m.*, node, kind, method, CAST(body AS TEXT) AS body FROM message m
        CROSS JOIN lane ON lane.key = m.lane CROSS JOIN body ON body.n = m.n
        WHERE m.n > :done AND m.n <= :upto AND hidden = 0 ORDER BY m.n
    ))"""
_FINAL = f"""
    SELECT count(*), group_concat(json_object(
        'event', 'final', 'time', {_TIME.format("ended_at")}, 'id', id, 'toNode', node,
        'method', method, 'state', state, 'attempts', attempts, 'reason', reason,
        'exitCode', json_extract(CAST(outcome AS TEXT), '$.result.exitCode')
    ), char(10)),
    json_group_array(json_array(id, node, state, reason)) FILTER (WHERE ill) FROM (
        SELECT m.*, node, method, outcome FROM final CROSS JOIN json_each(messages)
        CROSS JOIN message m ON m.n = value CROSS JOIN lane ON lane.key = m.lane
        LEFT JOIN outcome USING (n) WHERE k <= ? ORDER BY k
    )"""
_FINAL_UPTO = """
    SELECT max(k) FROM (
        SELECT k, sum(ends) OVER (ORDER BY k) - ends AS before FROM (
            SELECT k, json_array_length(messages) AS ends FROM final ORDER BY k LIMIT :limit
        )
    ) WHERE before < :limit"""


class IllEnd(NamedTuple):
    """A message that ended otherwise than hoped for."""

    id: MessageId
    to: NodeName
    state: State
    reason: str


class Journal(NamedTuple):
    """Lines that messages.jsonl lacks, and what to commit once they are in it."""

    data: bytes
    lines: int
    accepted: int
    """Messages up to this number have their first line."""
    final: int
    """So many entries of the table of ends are in it."""
    ill: tuple[IllEnd, ...]
    """Those of the ends told here that are not successes."""


class JournalRecords:
    """Lines are made by SQLite itself, many in one statement: nothing waits for them meanwhile."""

    def __init__(self, shared: Shared) -> None:
        self.con = shared.con
        self._node = shared.identity.node

    def journal(self, limit: int = 500) -> Journal | None:
        """The next lines, about ``limit`` of each kind at most: acceptances before ends. None: the
        file lacks nothing.

        Write them, then commit ``journaled`` together with the file's new offset: each line is
        there once. The machinery's messages have no lines.
        """
        (done, last) = self.con.execute(
            "SELECT journaled, coalesce((SELECT max(n) FROM message), 0) FROM meta"
        ).fetchone()
        lines, upto, accepted = 0, last, None
        if last > done:
            upto = self._upto(done, min(last, done + limit))
            facts = {"done": done, "upto": upto, "node": self._node}
            lines, accepted = self.con.execute(_ACCEPTED, facts).fetchone()
        if upto < last:  # an end never comes before its own acceptance
            return Journal(_joined(accepted), lines, upto, 0, ())
        (final,) = self.con.execute(_FINAL_UPTO, {"limit": limit}).fetchone()
        if last <= done and final is None:
            return None
        ends, told, ill = self.con.execute(_FINAL, (final or 0,)).fetchone()
        data = _joined(accepted, told)
        return Journal(data, lines + ends, max(done, last), final or 0, _ends.decode(ill))

    def _upto(self, done: int, upto: int) -> int:
        """The last message whose line is made now, with those after ``done``."""
        size = "SELECT coalesce(sum(length(body)), 0) FROM body WHERE n > ? AND n <= ?"
        while upto > done + 1 and self.con.execute(size, (done, upto)).fetchone()[0] > _BYTES:
            upto = done + (upto - done) // 2
        return upto

    def journaled(self, journal: Journal) -> None:
        """The journal's lines are in the file: go on after them."""
        self.con.execute("UPDATE meta SET journaled = ?", (journal.accepted,))
        self.con.execute("DELETE FROM final WHERE k <= ?", (journal.final,))


_ends = msgspec.json.Decoder(tuple[IllEnd, ...])


def _joined(*texts: str | None) -> bytes:
    return "".join(f"{text}\n" for text in texts if text).encode()
