"""What people ask about jobs, which are messages submitted together: lists, and equal outcomes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from steward.errors import UnknownId
from steward.ledger import Shared
from steward.message import OPEN, Body
from steward.outbox_choice import numbered
from steward.outbox_queries import MOST_AT_ONCE, rfc3339

SECONDS = 0.1
"""After which a page of jobs ends early."""
MOST_NAMED = 100_000
"""Messages of a job that its groups name; the others are counted alone."""
_JOBS = "SELECT n, job FROM job WHERE n < ? ORDER BY n DESC"
_ACCEPTED = "SELECT accepted_at FROM message WHERE n >= ? ORDER BY n LIMIT 1"
_FIRST = """
    SELECT accepted_at, kind, method, body FROM message m JOIN lane ON lane.key = m.lane
    JOIN body ON body.n = m.n
    WHERE m.n = (SELECT min(n) FROM message INDEXED BY message_job WHERE job = ?)"""
_STATES = """
    SELECT state, confirmed, count(*), max(ended_at) FROM message INDEXED BY message_job
    WHERE job = ? GROUP BY state, confirmed"""
_NODES = """
    SELECT count(DISTINCT node) FROM lane WHERE key IN
    (SELECT lane FROM message INDEXED BY message_job WHERE job = ?)"""
_OUTCOMES = """
    SELECT id, state, confirmed, reason, node, outcome
    FROM message m INDEXED BY message_job JOIN lane ON lane.key = m.lane
    LEFT JOIN outcome ON outcome.n = m.n WHERE job = ? ORDER BY m.n"""


class _Facts(msgspec.Struct, rename="camel"):
    """What tells one command's outcome from another's."""

    exit_code: int | None = None
    signal: int | None = None
    stdout_sha256: str | None = None
    stderr_sha256: str | None = None
    stdout_size: int | None = None
    stderr_size: int | None = None


class _Outcome(msgspec.Struct):
    result: _Facts | None = None


class _Key(NamedTuple):
    """Messages that are equal in this are of one group."""

    state: str
    confirmed: bool
    reason: str
    facts: tuple[int | str | None, ...]


class _Group:
    def __init__(self, sample: str) -> None:
        self.sample = sample
        self.count = 0
        self.nodes: list[str] = []
        self.ids: list[str] = []


_NO_FACTS = _Facts()
_body = msgspec.json.Decoder(Body)
_outcome = msgspec.json.Decoder(_Outcome)


class Jobs:
    """Reads the outbox by job."""

    def __init__(self, shared: Shared) -> None:
        self.con = shared.con

    def jobs(
        self, *, limit: int = 100, cursor: str | None = None, text: str | None = None
    ) -> dict[str, Any]:
        """A page of jobs, the newest first: ``jobs``, ``cursor`` (None: that was all); ``newest``,
        the highest number that there is, and ``reached``, when that at the cursor was accepted.

        ``text`` is looked for in the id of the job, and in method and data of its first message. A
        page ends early after a tenth of a second, or where the data are large. Raises UsageError
        for a cursor that is none.
        """
        until = time.monotonic() + SECONDS
        found: list[dict[str, Any]] = []
        last, size = numbered(cursor), 0
        for n, job in self._from(last):
            first = self.con.execute(_FIRST, (job,)).fetchone()
            size += len(first[-1])
            is_enough = len(found) == limit or (found and size > MOST_AT_ONCE)
            if is_enough or time.monotonic() > until:
                break
            last = n
            if text is None or _has(job, first, text.casefold()):
                found.append({"n": n, **self._summary(job, first)})
        else:
            return {"jobs": found, "cursor": None, "newest": self._newest(), "reached": None}
        (wall,) = self.con.execute(_ACCEPTED, (last,)).fetchone() or (None,)
        reached = rfc3339(wall)
        return {
            "jobs": found, "cursor": str(last), "newest": self._newest(), "reached": reached
        }  # fmt: skip

    def _newest(self) -> int:
        (n,) = self.con.execute("SELECT coalesce(max(n), 0) FROM job").fetchone()
        return int(n)

    def _from(self, before: int) -> Iterator[tuple[int, str]]:
        cursor = self.con.execute(_JOBS, (before,))
        try:
            yield from cursor
        finally:
            cursor.close()

    def job(self, job: str) -> dict[str, Any]:
        """One job, with ``groups``: messages of equal state and outcome together, the most first.
        Raises UnknownId."""
        first = self.con.execute(_FIRST, (job,)).fetchone()
        if first is None:
            raise UnknownId(f"there is no job {job}", "steward jobs ls")
        groups: dict[_Key, _Group] = {}
        named = 0
        for id, state, confirmed, reason, node, outcome in self.con.execute(_OUTCOMES, (job,)):
            facts = _NO_FACTS if outcome is None else _outcome.decode(outcome).result or _NO_FACTS
            key = _Key(state, bool(confirmed), reason, msgspec.structs.astuple(facts))
            group = groups.get(key)
            if group is None:
                groups[key] = group = _Group(id)
            group.count += 1
            if named < MOST_NAMED:
                named += 1
                group.nodes.append(node)
                group.ids.append(id)
        largest = sorted(groups.items(), key=lambda item: -item[1].count)
        return {**self._summary(job, first), "groups": [_told(*item) for item in largest]}

    def _summary(self, job: str, first: Sequence[Any]) -> dict[str, Any]:
        accepted, kind, method, body = first
        states: dict[str, int] = {}
        is_open = unconfirmed = 0
        ended = 0.0
        for state, confirmed, count, last in self.con.execute(_STATES, (job,)):
            states[state] = states.get(state, 0) + count
            if state in OPEN:
                is_open += count
            elif not confirmed:
                unconfirmed += count
            ended = max(ended, last or 0.0)
        (nodes,) = self.con.execute(_NODES, (job,)).fetchone()
        return {
            "job": job,
            "accepted": rfc3339(accepted),
            "ended": None if is_open or unconfirmed else rfc3339(ended),
            "method": method,
            "commandOrEvent": kind,
            "data": list(_body.decode(body).shown),
            "messages": sum(states.values()),
            "nodes": nodes,
            "open": is_open,
            "unconfirmed": unconfirmed,
            "states": states,
        }


def _has(job: str, first: Sequence[Any], text: str) -> bool:
    *_, method, body = first
    return any(text in item.casefold() for item in (job, method, *_body.decode(body).shown))


def _told(key: _Key, group: _Group) -> dict[str, Any]:
    exit_code, signal, stdout, stderr, stdout_size, stderr_size = key.facts
    return {
        "state": key.state,
        "confirmed": key.confirmed,
        "reason": key.reason,
        "exitCode": exit_code,
        "signal": signal,
        "stdoutSha256": stdout,
        "stderrSha256": stderr,
        "stdoutSize": stdout_size,
        "stderrSize": stderr_size,
        "messages": group.count,
        "nodes": group.nodes,
        "ids": group.ids,
        "sample": group.sample,
    }
