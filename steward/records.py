"""What is written down beside the messages: the roster, errors, files' offsets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

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
_MOST_IDENTITIES = 16
_ERROR = "SELECT n, node, level, code, text, hint, messages, count, first_at, last_at FROM error"


class Speaker(NamedTuple):
    """Which database, on which machine, spoke under a node's name."""

    store: str
    machine: str


class Seen(NamedTuple):
    """A node in the roster. Times are wall seconds, ``heard`` is steady; ``hello`` is what it said
    of itself last."""

    name: NodeName
    first_seen: float
    last_seen: float
    heard: float
    store: str
    start: str
    identities: tuple[Speaker, ...]
    hello: dict[str, Any]


class Records(JournalRecords):
    """Roster, errors, offsets; and the journal's place."""

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared)
        self.shared = shared

    # ---------------------------------------------------------------- roster

    def hello(
        self, name: NodeName, store: str, start: str, hello: msgspec.Struct, now: Now
    ) -> None:
        """What a node said of itself. ``hello`` has a ``machine_id``."""
        speaking = Speaker(store, getattr(hello, "machine_id", ""))
        history = [who for who in self.identities(name) if who != speaking]
        identities = msgspec.json.encode([*history, speaking][-_MOST_IDENTITIES:]).decode()
        said = (store, start, identities, msgspec.json.encode(hello))
        presence = (getattr(hello, "interval", 15.0), getattr(hello, "goodbye", False))
        self.con.execute(
            "INSERT INTO roster VALUES (?1, ?2, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (name)"
            " DO UPDATE SET last_seen = ?2, heard = ?3, store = ?4, start = ?5, identities = ?6,"
            " hello = ?7, interval = ?8, goodbye = ?9",
            (name, now.wall, now.steady, *said, *presence),
        )
        self.shared.touched.nodes.add(name)

    def identities(self, name: NodeName) -> Sequence[Speaker]:
        """Who spoke under the name, each once, the latest last."""
        seen = self.seen(name)
        return () if seen is None else seen.identities

    def seen(self, name: NodeName) -> Seen | None:
        """One node of the roster."""
        found = self._seen("WHERE name = ?", name)
        return found[0] if found else None

    def roster(self) -> list[Seen]:
        """Every node that ever said hello, by name."""
        return self._seen("ORDER BY name")

    def peers(self) -> list[NodeName]:
        """Every node that this one shares a stream with, in either direction."""
        rows = self.con.execute(
            "SELECT DISTINCT node FROM out_stream JOIN lane ON lane.key = lane"
            " UNION SELECT DISTINCT frm FROM in_stream"
        )
        return [name for (name,) in rows.fetchall()]

    def forget(self, name: NodeName) -> bool:
        """Drop a node from the roster; whether it was there."""
        self.shared.touched.nodes.add(name)
        return self.con.execute("DELETE FROM roster WHERE name = ?", (name,)).rowcount > 0

    def _seen(self, where: str, *args: Any) -> list[Seen]:
        rows = self.con.execute(
            "SELECT name, first_seen, last_seen, heard, store, start, identities, hello"
            f" FROM roster {where}",
            args,
        )
        return [
            Seen(
                *(name, first, last, heard, store, start),
                identities=tuple(Speaker(*who) for who in msgspec.json.decode(identities)),
                hello=msgspec.json.decode(hello),
            )
            for name, first, last, heard, store, start, identities, hello in rows
        ]

    # ---------------------------------------------------------------- errors

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
        level: str | None = None,
        text: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> dict[str, Any]:
        """A page of errors, newest first: ``errors``, ``cursor`` (None: that was all).

        Raises UsageError for a cursor that is none.
        """
        terms, args = ["n < ?"], [numbered(cursor)]
        wanted: list[tuple[str, Any]] = [("node = ?", node), ("level = ?", level)]
        if text is not None:
            wanted.append(("instr(lower(text || ' ' || code || ' ' || hint), ?)", text.lower()))
        chosen = [(term, value) for term, value in wanted if value is not None]
        where = " AND ".join([*terms, *(term for term, _ in chosen)])
        rows = self.con.execute(
            f"{_ERROR} WHERE {where} ORDER BY n DESC LIMIT ?",
            (*args, *(value for _, value in chosen), limit + 1),
        ).fetchall()
        more = len(rows) > limit
        found = [_error(*row) for row in rows[:limit]]
        return {"errors": found, "cursor": str(found[-1]["n"]) if more else None}

    def errors_by_minute(self, now: Now, minutes: int = 60) -> dict[NodeName, list[int]]:
        """For each node that had any: errors in each of the last ``minutes``, the latest last."""
        counts: dict[NodeName, list[int]] = {}
        since = now.wall - minutes * 60
        rows = self.con.execute(
            "SELECT node, last_at, count FROM error WHERE last_at > ?", (since,)
        )
        for node, at, count in rows:
            minute = min(minutes - 1, int((at - since) / 60))
            counts.setdefault(node, [0] * minutes)[minute] += count
        return counts

    def prune_errors(self, now: Now, keep: int = KEEP_ERRORS) -> int:
        """Delete errors older than 90 days, and the oldest beyond ``keep``; how many."""
        gone = self.con.execute(
            "DELETE FROM error WHERE last_at < ? OR n <= (SELECT max(n) FROM error) - ?",
            (now.wall - KEEP_SECONDS, keep),
        )
        return gone.rowcount

    # ---------------------------------------------------------------- files

    def append_offset(self, path: str) -> int:
        """How much of an append file was committed, as AppendFile puts it; 0 for a new one."""
        row = self.con.execute("SELECT offset FROM append_file WHERE path = ?", (path,)).fetchone()
        return 0 if row is None else int(row[0])

    def set_append_offset(self, path: str, offset: int) -> None:
        self.con.execute("INSERT OR REPLACE INTO append_file VALUES (?, ?)", (path, offset))

    def begin_files_anew(self) -> None:
        """This database is an older copy: what the files have beyond it is kept beside them."""
        self.con.execute("DELETE FROM append_file")

    def claims(self) -> Mapping[str, str]:
        """Claimed files that are being taken in, and the progress committed last of each."""
        return dict(self.con.execute("SELECT name, progress FROM claim").fetchall())

    def set_claim(self, name: str, progress: str) -> None:
        self.con.execute("INSERT OR REPLACE INTO claim VALUES (?, ?)", (name, progress))

    def drop_claim(self, name: str) -> None:
        self.con.execute("DELETE FROM claim WHERE name = ?", (name,))


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
