"""The error log: what failed, on any node, as whoever logs errors keeps it."""

from __future__ import annotations

import heapq
import time as clock
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import msgspec

from steward.handoff.state import Now
from steward.ledger import Shared
from steward.message import MessageId
from steward.outbox_choice import numbered
from steward.outbox_queries import rfc3339
from steward.records_journal import JournalRecords
from steward.subjects import NodeName

REPEAT_SECONDS = 60.0
KEEP_SECONDS = 90 * 86400.0
KEEP_ERRORS = 100_000
_MOST_IDS = 100
_SECONDS = 0.03
_STRIDE = 5000
_HAS = (
    "instr(lower(text || ' ' || code || ' ' || hint || ' ' || node || ' ' || level || ' ' ||"
    " coalesce(messages ->> 0, '')), ?)"
)
_ERROR = "SELECT n, node, level, code, text, hint, messages, count, first_at, last_at FROM error"


class ErrorRecords(JournalRecords):
    """Errors; and the journal's place."""

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared)
        self.shared = shared

    def add_error(
        self,
        node: NodeName,
        code: str,
        text: str,
        hint: str,
        now: Now,
        *,
        level: str = "error",
        message_ids: Sequence[MessageId] = (),
        time: float | None = None,
        count: int = 1,
    ) -> bool:
        """Record an error, or count it if the node had the same code within the last minute.
        Returns whether it is a new one.

        ``time``: wall time at which it happened (default: now); ``count``: how many it stands for;
        ``message_ids``: the messages that it befell.
        """
        at = now.wall if time is None else time
        self.shared.touched.errors += 1
        self.shared.touched.nodes.add(node)
        last = self.con.execute(
            "SELECT n, messages, count FROM error WHERE node = ? AND code = ? AND last_at >= ?"
            " ORDER BY last_at DESC LIMIT 1",
            (node, code, at - REPEAT_SECONDS),
        ).fetchone()
        if last is None:
            ids = list(dict.fromkeys(message_ids))[:_MOST_IDS]
            self.con.execute(
                "INSERT INTO error (node, level, code, text, hint, messages, count, first_at,"
                " last_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (node, level, code, text, hint, msgspec.json.encode(ids).decode(), count, at, at),
            )
            return True
        n, messages, before = last
        ids = list(dict.fromkeys([*msgspec.json.decode(messages), *message_ids]))[:_MOST_IDS]
        self.con.execute(
            "UPDATE error SET count = ?, messages = ?, last_at = max(last_at, ?) WHERE n = ?",
            (before + count, msgspec.json.encode(ids).decode(), at, n),
        )
        return False

    def errors(
        self,
        *,
        node: str | None = None,
        levels: Collection[str] = (),
        text: str | Sequence[str] | None = None,
        limit: int = 100,
        cursor: str | None = None,
        after: int = 0,
    ) -> dict[str, Any]:
        """A page of errors, newest first: ``errors``, ``cursor`` (None: that was all); ``newest``,
        the highest number that there is, and ``reached``, the time of the one at the cursor.

        ``levels``: one of these; ``text`` (of several, each) is looked for in text, code, hint,
        node, level and the first message's id. ``after``: only
        those with a higher number. A search for text stops after some hundredths of a second, with
        a cursor to go on from. Raises UsageError for a cursor that is none.
        """
        until = clock.monotonic() + _SECONDS
        words = [text] if isinstance(text, str) else text or ()
        (first,) = self.con.execute("SELECT coalesce(min(n), 1) FROM error").fetchone()
        (last,) = self.con.execute("SELECT coalesce(max(n), 0) FROM error").fetchone()
        below, end = min(numbered(cursor), last + 1), max(first, after + 1)
        found: list[dict[str, Any]] = []
        while below > end:
            edge = max(end, below - _STRIDE)
            for row in self._errors(edge, below, node, levels, words):
                if len(found) == limit:
                    return self._told(found, int(found[-1]["n"]), last)
                found.append(_error(*row))
            below = edge
            if clock.monotonic() > until and below > end:
                return self._told(found, below, last)
        return self._told(found, None, last)

    def _told(self, found: list[dict[str, Any]], cursor: int | None, newest: int) -> dict[str, Any]:
        sql = "SELECT last_at FROM error WHERE n >= ? ORDER BY n LIMIT 1"
        row = None if cursor is None else self.con.execute(sql, (cursor,)).fetchone()
        return {
            "errors": found,
            "cursor": None if cursor is None else str(cursor),
            "newest": newest,
            "reached": None if row is None else rfc3339(row[0]),
        }

    def _errors(
        self, begin: int, end: int, node: str | None, levels: Collection[str], words: Sequence[str]
    ) -> Iterator[tuple[Any, ...]]:
        """From ``begin`` up to before ``end``, the highest number first."""
        terms, args = ["n >= ?", "n < ?"], [begin, end]
        chosen: list[tuple[str, Any]] = [] if node is None else [("node = ?", node)]
        chosen += [(_HAS, word.lower()) for word in words]
        # Each level by its own index: together they would have to be sorted.
        index = "error_node" if node is not None else "error_level" if levels else ""
        hint = f"INDEXED BY {index}" if index else "NOT INDEXED"
        walks = []
        for level in dict.fromkeys(levels) or (None,):
            one = [*chosen] if level is None else [*chosen, ("level = ?", level)]
            where = " AND ".join([*terms, *(term for term, _ in one)])
            sql = f"{_ERROR} {hint} WHERE {where} ORDER BY n DESC"
            walks.append(self.con.execute(sql, (*args, *(value for _, value in one))))
        return heapq.merge(*walks, key=lambda row: int(row[0]), reverse=True)

    def errors_by_minute(
        self, now: Now, minutes: int = 60, names: Collection[str] | None = None
    ) -> dict[NodeName, list[int]]:
        """For each node that had any, or each of ``names``: errors in each of the last
        ``minutes``, the latest last."""
        counts: dict[NodeName, list[int]] = {}
        since = now.wall - minutes * 60
        args: tuple[Any, ...] = (since,)
        sql = "SELECT node, last_at, count FROM error {} WHERE last_at > ?"
        if names is None:
            sql = sql.format("INDEXED BY error_last")
        else:
            chosen = "SELECT value FROM json_each(?)"
            sql = f"{sql.format('INDEXED BY error_recent')} AND node IN ({chosen})"
            args = (since, msgspec.json.encode(list(names)).decode())
        for node, at, count in self.con.execute(sql, args):
            minute = min(minutes - 1, int((at - since) / 60))
            counts.setdefault(node, [0] * minutes)[minute] += count
        return counts

    def errors_since(self, wall: float) -> int:
        """How many errors there were, counted ones too."""
        sql = "SELECT coalesce(sum(count), 0) FROM error WHERE last_at > ?"
        return int(self.con.execute(sql, (wall,)).fetchone()[0])

    def prune_errors(self, now: Now, keep: int = KEEP_ERRORS) -> int:
        """Delete errors older than 90 days, and the oldest beyond ``keep``; how many."""
        gone = self.con.execute(
            "DELETE FROM error WHERE last_at < ? OR n <= (SELECT max(n) FROM error) - ?",
            (now.wall - KEEP_SECONDS, keep),
        )
        return gone.rowcount


def _error(
    n: int,
    node: str,
    level: str,
    code: str,
    text: str,
    hint: str,
    messages: str,
    count: int,
    first: float,
    last: float,
) -> dict[str, Any]:
    ids = msgspec.json.decode(messages)
    return {
        "n": n,
        "time": rfc3339(first),
        "node": node,
        "level": level,
        "code": code,
        "text": text,
        "hint": hint,
        "messageId": ids[0] if ids else None,
        "messageIds": ids,
        "count": count,
        "last": rfc3339(last),
    }
