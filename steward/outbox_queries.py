"""What people ask about messages: lists with filters, one message in full, and the journal."""

from __future__ import annotations

import datetime
import heapq
import itertools
import sqlite3
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

import msgspec

from steward.errors import UnknownId, UsageError, nearest
from steward.handoff.sender import attempts_at
from steward.handoff.state import Now
from steward.ledger import Shared
from steward.message import FINAL, OPEN, Body, MessageId, State
from steward.outbox_rows import ILL

PROBLEMS = FINAL - {State.SUCCEEDED, State.PUBLISHED, State.CANCELLED}
"""Ends that somebody should look at."""

_BEYOND = 2**62
_FEW_LANES = 256
_SEARCH_SECONDS = 0.1
_ROW = """
    SELECT m.n, id, m.state, confirmed, reason, attempts, parallel, timeout, retries, ttl, expires,
        clock, accepted_at, sent_at, delivered_at, running_at, ended_at, uid, job, retry_of,
        stream, seq, node, kind, method, first_try, body, outcome
    FROM message m JOIN lane ON lane.key = m.lane JOIN body ON body.n = m.n
    LEFT JOIN outcome ON outcome.n = m.n WHERE m.n = ?"""
_body = msgspec.json.Decoder(Body)


def rfc3339(wall: float | None) -> str | None:
    """UTC with milliseconds, e.g. ``2026-01-31T12:00:00.000Z``; None stays None."""
    if wall is None:
        return None
    at = datetime.datetime.fromtimestamp(wall, datetime.UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class History:
    """Reads the outbox as people see it. A message as JSON is what DESIGN.md section 6 names."""

    def __init__(self, shared: Shared) -> None:
        self.con = shared.con
        self.identity = shared.identity

    # ---------------------------------------------------------------- single messages

    def show(self, id: MessageId, now: Now) -> dict[str, Any]:
        """One message. Raises UnknownId."""
        found = self.shown([id], now)
        if not found:
            raise UnknownId(f"no message has the id {id}", "steward messages ls --all")
        return found[0]

    def shown(self, ids: Iterable[MessageId], now: Now) -> list[dict[str, Any]]:
        """Those of ``ids`` that there are."""
        found = []
        for id in ids:
            row = self.con.execute("SELECT n FROM message WHERE id = ?", (id,)).fetchone()
            if row is not None:
                found.append(self.message(row[0], now))
        return found

    def ended(self, ids: Iterable[MessageId]) -> tuple[list[MessageId], list[MessageId]]:
        """Those of ``ids`` that have an end, proved or not; and those that there are not."""
        ended, unknown = [], []
        for id in ids:
            row = self.con.execute("SELECT state FROM message WHERE id = ?", (id,)).fetchone()
            if row is None:
                unknown.append(id)
            elif row[0] in FINAL:
                ended.append(id)
        return ended, unknown

    def message(self, n: int, now: Now) -> dict[str, Any]:
        row = self.con.execute(_ROW, (n,)).fetchone()
        n, id, state, confirmed, reason, attempts, parallel, timeout, retries, *more = row
        ttl, expires, clock, accepted, sent, delivered, running, ended, uid, job, *more = more
        retry_of, stream, seq, node, kind, method, first_try, body, outcome = more
        content = _body.decode(body)
        due = None
        if state in ("queued", "sent") and first_try is not None:
            # The clock runs on between two commits of the count.
            attempts = attempts_at(clock, first_try, timeout, retries, now.steady)
            next_try = max(clock, first_try) + attempts * timeout
            due = now.wall + max(0.0, next_try - now.steady)
        return {
            "id": id,
            "fromNode": self.identity.node,
            "toNode": node,
            "commandOrEvent": kind,
            "method": method,
            "data": list(content.data),
            "timeout": timeout,
            "retries": retries,
            "ttl": ttl,
            "methodTimeout": content.method_timeout,
            "parallel": bool(parallel),
            "state": state,
            "confirmed": bool(confirmed),
            "attempts": attempts,
            "reason": reason,
            "times": {
                "accepted": rfc3339(accepted),
                "sent": rfc3339(sent),
                "delivered": rfc3339(delivered),
                "running": rfc3339(running),
                "ended": rfc3339(ended),
            },
            "result": None if outcome is None else _result(outcome),
            "retryOf": retry_of,
            "job": job,
            "nextAttempt": rfc3339(due),
            "expires": rfc3339(expires),
            "behind": self._behind(stream, seq) if state == "delivered" and not parallel else None,
            "uid": uid,
        }

    def _behind(self, stream: int, seq: int) -> MessageId | None:
        """The one at the head of the stream, for which a delivered command waits."""
        row = self.con.execute(
            "SELECT id FROM message WHERE stream = ? AND seq < ?"
            " AND delivered_at IS NOT NULL AND confirmed = 0 AND parallel = 0 ORDER BY seq LIMIT 1",
            (stream, seq),
        ).fetchone()
        return None if row is None else row[0]

    # ---------------------------------------------------------------- lists

    def messages(
        self,
        now: Now,
        *,
        states: Sequence[str] = (),
        nodes: Sequence[str] = (),
        methods: Sequence[str] = (),
        job: str | None = None,
        text: str | None = None,
        problems: bool = False,
        all: bool = False,
        limit: int = 100,
        cursor: str | None = None,
        sort: str = "-accepted",
    ) -> dict[str, Any]:
        """A page of messages: ``messages``, ``cursor`` (None: that was all), ``total``.

        Newest first, or oldest first with ``sort="accepted"``. ``problems``: what did not end well.
        The machinery's methods are left out unless ``all``, or named in ``methods``. ``text`` is
        looked for in id, reason and data; such a search stops after a tenth of a second, with a
        cursor to go on from, and knows its ``total`` (else None) only if it has seen everything.
        Raises UsageError for an unknown state, sort or cursor.
        """
        wanted = _wanted(states, problems)
        choice = Choice(self.con, wanted, nodes, methods, job, all)
        walk = choice.walk(_position(cursor, sort), down=sort == "-accepted")
        total: int | None
        if text:
            numbers, last = self._search(walk, limit, text.casefold())
            total = len(numbers) if last is None and cursor is None else None
        else:
            numbers = list(itertools.islice(walk, limit + 1))
            last = numbers[limit - 1] if len(numbers) > limit else None
            total = choice.total()
        return {
            "messages": [self.message(n, now) for n in numbers[:limit]],
            "cursor": None if last is None else str(last),
            "total": total,
        }

    def _search(self, walk: Iterator[int], limit: int, text: str) -> tuple[list[int], int | None]:
        """Numbers found, and the one to go on after (None: nothing is left)."""
        sql = "SELECT id, reason, body FROM message m JOIN body b ON b.n = m.n WHERE m.n = ?"
        until = time.monotonic() + _SEARCH_SECONDS
        found: list[int] = []
        for looked, n in enumerate(walk, 1):
            id, reason, body = self.con.execute(sql, (n,)).fetchone()
            if any(text in item.casefold() for item in (id, reason, *_body.decode(body).data)):
                found.append(n)
            if len(found) == limit or (looked % 64 == 0 and time.monotonic() > until):
                return found, n
        return found, None


class Choice:
    """Which messages are meant, and the quickest walk to them."""

    def __init__(
        self,
        con: sqlite3.Connection,
        wanted: frozenset[str],
        nodes: Sequence[str],
        methods: Sequence[str],
        job: str | None,
        all: bool,
    ) -> None:
        self.con = con
        self.wanted = wanted
        self.job = job
        lanes: list[str] = []
        self._args: list[Any] = []
        for column, values in (("node", nodes), ("method", methods)):
            if values:
                lanes.append(f"{column} IN ({_marks(values)})")
                self._args += values
        if not methods and not all:
            lanes.append("hidden = 0")
        self._lanes = f"SELECT key FROM lane WHERE {' AND '.join(lanes)}" if lanes else ""

    def _where(self, wanted: frozenset[str]) -> tuple[str, list[Any]]:
        """Conditions on a table with the columns lane and state."""
        terms, args = ["1"], list(self._args)
        if self._lanes:
            terms.append(f"lane IN ({self._lanes})")
        if len(wanted) < len(State):
            terms.append(f"state IN ({_marks(wanted)})")
            args += sorted(wanted)
        return " AND ".join(terms), args

    def total(self) -> int:
        where, args = self._where(self.wanted)
        table = "coalesce(sum(count), 0) FROM tally"
        if self.job is not None:
            table, where, args = "count(*) FROM message", f"{where} AND job = ?", [*args, self.job]
        (total,) = self.con.execute(f"SELECT {table} WHERE {where}", args).fetchone()
        return int(total)

    def walk(self, after: int, *, down: bool) -> Iterator[int]:
        """The numbers of the messages beyond ``after``."""
        order = f"n {'<' if down else '>'} {after} ORDER BY n {'DESC' if down else 'ASC'}"
        if self.job is not None:
            return self._by("message_job", "job = ?", order, self.wanted, self.job)
        if not self.wanted & {State.SUCCEEDED, State.PUBLISHED}:
            is_open = self._by("message_open", "confirmed = 0", order, self.wanted & OPEN)
            is_ill = self._by("message_ill", "ill = 1", order, self.wanted & ILL)
            return heapq.merge(is_open, is_ill, reverse=down)
        keys = self._few_lanes()
        if keys is None:
            return self._by("", "1", order, self.wanted)
        by_lane = [self._by("message_lane", "lane = ?", order, self.wanted, key) for key in keys]
        return heapq.merge(*by_lane, reverse=down)

    def _by(
        self, index: str, extra: str, order: str, wanted: frozenset[str], *more: Any
    ) -> Iterator[int]:
        if not wanted:
            return
        where, args = self._where(wanted)
        hint = f"INDEXED BY {index}" if index else "NOT INDEXED"
        sql = f"SELECT n FROM message {hint} WHERE {where} AND {extra} AND {order}"
        for (n,) in self.con.execute(sql, (*args, *more)):
            yield n

    def _few_lanes(self) -> list[int] | None:
        if not self._lanes:
            return None
        rows = self.con.execute(f"{self._lanes} LIMIT {_FEW_LANES + 1}", self._args).fetchall()
        return [key for (key,) in rows] if len(rows) <= _FEW_LANES else None


def _wanted(states: Sequence[str], problems: bool) -> frozenset[str]:
    known = frozenset(map(str, State))
    for state in states:
        if state not in known:
            raise UsageError(f"unknown state {state!r}", nearest(state, known))
    wanted = frozenset(states) or known
    return wanted & PROBLEMS if problems else wanted


def _position(cursor: str | None, sort: str) -> int:
    if sort not in ("accepted", "-accepted"):
        raise UsageError(f"cannot sort by {sort!r}", "accepted or -accepted")
    if cursor is None:
        return 0 if sort == "accepted" else _BEYOND
    if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 18:
        raise UsageError(f"{cursor!r} is not a cursor", "use the one that came with the last page")
    return int(cursor)


def _marks(values: Collection[str]) -> str:
    return ", ".join("?" * len(values))


def _result(outcome: bytes) -> dict[str, Any] | None:
    """What the command left, and when it ran by its node's clock; None if it never started."""
    facts: dict[str, Any] = msgspec.json.decode(outcome)
    result: dict[str, Any] | None = facts.get("result")
    if result is None:
        return None
    return {
        "started": rfc3339(facts.get("started")),
        "ended": rfc3339(facts.get("ended")),
        **result,
    }
