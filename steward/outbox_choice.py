"""Which messages a list means, and the quickest walk to them in a million."""

from __future__ import annotations

import heapq
import time
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import msgspec

from steward.errors import UsageError, nearest
from steward.ledger import Shared
from steward.message import FINAL, OPEN, Body, State
from steward.outbox_rows import ILL

PROBLEMS = FINAL - {State.SUCCEEDED, State.PUBLISHED, State.CANCELLED}
"""Ends that somebody should look at."""

_BEYOND = 2**62
_FEW_LANES = 256
_FEW_MESSAGES = 20_000
_SECONDS = 0.1
_STRIDE = 8192
_LONGEST_STRIDE = 16 * _STRIDE
_QUICK = 0.01
"""Seconds; where a stride took less, the next one is longer."""
_SUBJECT = "SELECT key FROM lane WHERE node LIKE ?1 ESCAPE '!' OR method LIKE ?1 ESCAPE '!'"
_WORD = (
    "({} lane IN (SELECT value FROM json_each(?)) OR id LIKE ? ESCAPE '!'"
    " OR reason LIKE ? ESCAPE '!' OR EXISTS (SELECT 1 FROM body b WHERE b.n = message.n"
    " AND CAST(body AS TEXT) LIKE ? ESCAPE '!'))"
)
_TEXTS = (
    "SELECT id, node, method, state, reason, body FROM message m JOIN lane ON lane.key = m.lane"
    " JOIN body b ON b.n = m.n WHERE m.n = ?"
)
_body = msgspec.json.Decoder(Body)


def wanted(states: Sequence[str], problems: bool) -> frozenset[str]:
    """The states that are meant. Raises UsageError for one that there is not."""
    known = frozenset(map(str, State))
    for state in states:
        if state not in known:
            raise UsageError(f"unknown state {state!r}", nearest(state, known))
    chosen = frozenset(states) or known
    return chosen & PROBLEMS if problems else chosen


def position(cursor: str | None, sort: str) -> int:
    """Where a page begins. Raises UsageError for a cursor or an order that there is not."""
    if sort not in ("accepted", "-accepted"):
        raise UsageError(f"cannot sort by {sort!r}", "accepted or -accepted")
    return 0 if cursor is None and sort == "accepted" else numbered(cursor)


def numbered(cursor: str | None) -> int:
    """The number that a cursor stands for; beyond all of them if there is none. Raises UsageError
    for one that is no cursor."""
    if cursor is None:
        return _BEYOND
    if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 18:
        raise UsageError(f"{cursor!r} is not a cursor", "use the one that came with the last page")
    return int(cursor)


class Choice:
    """Which messages are meant, and the quickest walk to them."""

    def __init__(
        self,
        shared: Shared,
        wanted: frozenset[str],
        nodes: Sequence[str],
        methods: Sequence[str],
        job: str | None,
        all: bool,
    ) -> None:
        self.con = shared.con
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
        self._words: list[str] = []
        self._has_words, self._likes = "1", list[Any]()
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

    def having(self, words: Sequence[str]) -> None:
        """Of these, only messages that have each of ``words`` in id, node, method, state, reason or
        data, whatever its case."""
        self._words = [word.casefold() for word in words]
        terms = []
        for word in self._words:
            pattern = _pattern(word)
            if pattern is not None:
                lanes = [key for (key,) in self.con.execute(_SUBJECT, (pattern,))]
                states = sorted(state for state in State if word in state)
                is_state = f"state IN ({_marks(states)}) OR" if states else ""
                terms.append(_WORD.format(is_state))
                keys = msgspec.json.encode(lanes).decode()
                self._likes += [*states, keys, pattern, pattern, pattern]
        self._has_words = " AND ".join(terms) or "1"

    def among(self, ids: Sequence[str]) -> list[int]:
        """Those of ``ids`` that are meant, in the order of acceptance."""
        where, args = self._where(self.wanted)
        chosen = "id IN (SELECT value FROM json_each(?))"
        job = ("1", []) if self.job is None else ("job = ?", [self.job])
        sql = f"SELECT n FROM message WHERE {chosen} AND {where} AND {job[0]} ORDER BY n"
        given = msgspec.json.encode(ids).decode()
        found = self.con.execute(sql, (given, *args, *job[1])).fetchall()
        return [n for (n,) in found if not self._words or self._has(n)]

    def page(self, after: int, limit: int, *, down: bool) -> tuple[list[int], int | None]:
        """The next ``limit`` messages, and where to go on, None if nothing is left. It takes a
        tenth of a second or little more, so there may be fewer, or none, and yet more to come."""
        until = time.monotonic() + _SECONDS
        end = self._end(down)
        after = min(after, end) if down else after
        found: list[int] = []
        stride = _STRIDE
        while after > 0 if down else after < end:
            begun = time.monotonic()
            edge = after - stride if down else after + stride
            for n in self._walk(after, edge, down=down):
                if self._words and not self._has(n):
                    continue
                if len(found) == limit:
                    return found, found[-1]
                found.append(n)
            after = edge
            now = time.monotonic()
            if now > until:
                break
            if now - begun < _QUICK:
                stride = min(stride * 2, _LONGEST_STRIDE)
        has_more = after > 0 if down else after < end
        return found, after if has_more else None

    def _walk(self, after: int, until: int, *, down: bool) -> Iterator[int]:
        """The numbers of the messages beyond ``after``, up to ``until``; without most of those
        that don't have the words."""
        order = f"n {'<' if down else '>'} {after} AND n {'>=' if down else '<='} {until}"
        order += f" ORDER BY n {'DESC' if down else 'ASC'}"
        if self.job is not None:
            return self._by("message_job", "job = ?", order, self.wanted, self.job)
        keys = self._few_lanes()
        if not self.wanted & {State.SUCCEEDED, State.PUBLISHED}:
            is_open = self._by("message_open", "confirmed = 0", order, self.wanted & OPEN)
            return heapq.merge(is_open, *self._ill(keys, order), reverse=down)
        if keys is None:
            return self._by("", "1", order, self.wanted)
        return heapq.merge(*self._by_lane(keys, order, self.wanted), reverse=down)

    def _ill(self, keys: Sequence[int] | None, order: str) -> list[Iterator[int]]:
        """What ended ill is found among all that did, or where few messages are looked for among
        these."""
        wanted = self.wanted & ILL
        if wanted and keys is not None:
            count = f"SELECT coalesce(sum(count), 0) FROM tally WHERE lane IN ({self._lanes})"
            if self.con.execute(count, self._args).fetchone()[0] < _FEW_MESSAGES:
                return self._by_lane(keys, order, wanted)
        return [
            self._by("message_ill", "ill = 1", order, frozenset({state}))
            for state in sorted(wanted)
        ]

    def _by_lane(
        self, keys: Sequence[int], order: str, wanted: frozenset[str]
    ) -> list[Iterator[int]]:
        return [self._by("message_lane", "lane = ?", order, wanted, key) for key in keys]

    def _by(
        self, index: str, extra: str, order: str, wanted: frozenset[str], *more: Any
    ) -> Iterator[int]:
        if not wanted:
            return
        where, args = self._where(wanted)
        hint = f"INDEXED BY {index}" if index else "NOT INDEXED"
        sql = f"SELECT n FROM message {hint} WHERE {where} AND {extra} AND {self._has_words}"
        for (n,) in self.con.execute(f"{sql} AND {order}", (*args, *more, *self._likes)):
            yield n

    def _few_lanes(self) -> list[int] | None:
        if not self._lanes:
            return None
        rows = self.con.execute(f"{self._lanes} LIMIT {_FEW_LANES + 1}", self._args).fetchall()
        return [key for (key,) in rows] if len(rows) <= _FEW_LANES else None

    def _end(self, down: bool) -> int:
        (last,) = self.con.execute("SELECT coalesce(max(n), 0) FROM message").fetchone()
        return int(last) + 1 if down else int(last)

    def _has(self, n: int) -> bool:
        *texts, body = self.con.execute(_TEXTS, (n,)).fetchone()
        found = [item.casefold() for item in (*texts, *_body.decode(body).shown)]
        return all(any(word in item for item in found) for word in self._words)


def _marks(values: Collection[str]) -> str:
    return ", ".join("?" * len(values))


def _pattern(text: str) -> str | None:
    """For LIKE, which finds all that has the text, and more; None where it would miss some."""
    if not text.isascii() or not text.isprintable() or set(text) & set('"\\'):
        return None
    return "%" + "".join(f"!{c}" if c in "!%_" else c for c in text) + "%"
