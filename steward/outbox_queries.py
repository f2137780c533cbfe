"""What people ask about messages: lists with filters, one message in full, and the journal."""

from __future__ import annotations

import base64
import datetime
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from steward.errors import UnknownId
from steward.handoff.look import attempts_at
from steward.handoff.state import Now
from steward.ledger import Shared
from steward.message import FINAL, Body, MessageId
from steward.outbox_choice import Choice, position, wanted
from steward.result import with_texts

_ROW = """
    SELECT m.n, id, m.state, confirmed, reason, attempts, parallel, timeout, retries, ttl, expires,
        clock, accepted_at, sent_at, delivered_at, running_at, ended_at, uid, job, retry_of,
        stream, seq, node, kind, method, first_try, body, outcome
    FROM message m JOIN lane ON lane.key = m.lane JOIN body ON body.n = m.n
    LEFT JOIN outcome ON outcome.n = m.n WHERE m.n = ?"""
_SIZE = """
    SELECT length(body) + coalesce(length(outcome), 0)
    FROM body LEFT JOIN outcome USING (n) WHERE n = ?"""
_REACHED = "SELECT accepted_at FROM message WHERE n >= ? ORDER BY n LIMIT 1"
FIRST_CHARACTERS = 400
"""Of a message's data, in a list that is asked to be brief."""
_BRIEFLY = 4096
"""Bytes that such a message takes up at most, or nearly so."""
MOST_AT_ONCE = 8 * 1024 * 1024
"""Bytes of messages and results, as they are stored, in one answer; as text they can be five times
as many, and have to fit a line of the control socket."""
_OUTPUT = frozenset({"stdout", "stderr", "stdoutTail", "stderrTail"})
_STDIN = frozenset({"stdin", "stdinB64"})
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
        self.shared = shared
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
        """Those of ``ids`` that there are; of many large ones the first, as fit an answer."""
        sql = "SELECT n FROM message WHERE id = ?"
        rows = (self.con.execute(sql, (id,)).fetchone() for id in ids)
        return self._page((row[0] for row in rows if row is not None), now)

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

    def _page(
        self, numbers: Iterable[int], now: Now, *, brief: bool = False
    ) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        size = 0
        for n in numbers:
            (more,) = self.con.execute(_SIZE, (n,)).fetchone()
            size += min(more, _BRIEFLY) if brief else more
            if found and size > MOST_AT_ONCE:
                break
            message = self.message(n, now)
            found.append(_brief(message) if brief else message)
        return found

    def message(self, n: int, now: Now) -> dict[str, Any]:
        """One message by its place in the order of acceptance."""
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
            "n": n,
            "id": id,
            "fromNode": self.identity.node,
            "toNode": node,
            "commandOrEvent": kind,
            "method": method,
            "data": list(content.shown),
            **_stdin(content),
            "secret": content.secret,
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
            "operator": content.operator or None,
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
        text: str | Sequence[str] | None = None,
        ids: Sequence[str] | None = None,
        brief: bool = False,
        problems: bool = False,
        all: bool = False,
        limit: int = 100,
        cursor: str | None = None,
        sort: str = "-accepted",
    ) -> dict[str, Any]:
        """A page of messages: ``messages``, ``cursor`` (None: that was all), ``total``; ``newest``,
        the highest number that there is, and ``reached``, when that at the cursor was accepted.

        Newest first, or oldest first with ``sort="accepted"``. ``problems``: what did not end well.
        The machinery's methods are left out unless ``all``, or named in ``methods``. ``text`` (of
        several, each) is looked for in id, node, method, state, reason and data; such a search
        tells its ``total`` (else None) only if it has seen everything. ``ids``: only these; then
        nothing is counted. ``brief``: without output, and with the first characters of data. A page
        ends early, with a cursor to go on from, where its messages and results are large, or those
        that are meant so rare that to find the next one takes more than a tenth of a second. Raises
        UsageError for an unknown state, sort or cursor.
        """
        choice = Choice(self.shared, wanted(states, problems), nodes, methods, job, all)
        if text:
            choice.having([text] if isinstance(text, str) else text)
        after, down = position(cursor, sort), sort == "-accepted"
        total = None if text or ids is not None else choice.total()
        numbers: list[int] = []
        last: int | None = None
        if ids is not None:
            meant = [n for n in choice.among(ids) if (n < after if down else n > after)]
            meant = meant[::-1] if down else meant
            numbers, last = meant[:limit], meant[limit - 1] if len(meant) > limit else None
        elif total != 0:
            numbers, last = choice.page(after, limit, down=down)
        if text and ids is None and last is None and cursor is None:
            total = len(numbers)
        found = self._page(numbers, now, brief=brief)
        if len(found) < len(numbers):
            last = numbers[len(found) - 1]
        return {
            "messages": found,
            "cursor": None if last is None else str(last),
            "total": total,
            "newest": self._newest(),
            "reached": self._reached(last),
        }

    def _newest(self) -> int:
        (n,) = self.con.execute("SELECT coalesce(max(n), 0) FROM message").fetchone()
        return int(n)

    def _reached(self, n: int | None) -> str | None:
        row = None if n is None else self.con.execute(_REACHED, (n,)).fetchone()
        return None if row is None else rfc3339(row[0])


def _stdin(content: Body) -> dict[str, str]:
    """As a field that the message would be submitted with; none without."""
    if content.secret:
        return {}
    if content.stdin_b64:
        return with_texts({"stdinB64": base64.b64encode(content.stdin_b64).decode()})
    return {"stdin": content.stdin} if content.stdin else {}


def _brief(message: dict[str, Any]) -> dict[str, Any]:
    """As much as a line of a list shows; ``dataCut``: there is more of the data."""
    data: list[str] = []
    room = FIRST_CHARACTERS
    for word in message["data"]:
        if room < len(word):
            data.append(word[:room])
            message["dataCut"] = True
            break
        data.append(word)
        room -= len(word) + 1
    message["data"] = data
    for field in _STDIN & message.keys():
        message["dataCut"] = True
        del message[field]
    result: Mapping[str, Any] | None = message["result"]
    if result is not None:
        message["result"] = {
            k: v for k, v in result.items() if k.removesuffix("B64") not in _OUTPUT
        }
    return message


def _result(outcome: bytes) -> dict[str, Any] | None:
    """What the command left, and when it ran by its node's clock; None if it never started."""
    facts: dict[str, Any] = msgspec.json.decode(outcome)
    result: dict[str, Any] | None = facts.get("result")
    if result is None:
        return None
    return {
        "started": rfc3339(facts.get("started")),
        "ended": rfc3339(facts.get("ended")),
        **with_texts(result),
    }
