"""PURE: rows → lines: the cells of each table, and how far a message is, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from steward.message import HIDDEN
from tui import looks
from tui.ink import EMPTY, Line, Tone, joined, line, say, wrapped
from tui.rows import ErrorRow, MessageRow, NodeRow
from tui.times import Clock, calm, instant, long, short, until

FIRST_WORDS = 400
"""Characters of a message's data that are looked at for one line of a table."""
SPARK = 10
"""Bars of an hour's errors: six minutes each."""


def node_cells(row: NodeRow, clock: Clock) -> dict[str, Line]:
    """The cells of the Nodes table, by column."""
    seen = row.seen_at
    never = Tone.FAINT if seen is None else Tone.MUTED
    errors = Tone.BAD if row.errors_last_hour else Tone.FAINT
    waited = row.waited(clock.now())
    return {
        "state": looks.node_state(row),
        "name": (say(row.name, Tone.STRONG),),
        "labels": labels(row.labels),
        "seen": (say(calm(clock.now() - seen) if seen is not None else "never", never),),
        "version": (say(row.version or "—", Tone.MUTED),),
        "queued": number(row.queued),
        "underway": number(row.under_way, Tone.ACCENT),
        "running": number(row.running_now or 0, Tone.BUSY),
        "oldest": (say(calm(waited), waiting_tone(waited)),),
        "errors": joined(
            [
                looks.sparkline(row.errors_by_minute, SPARK),
                (say(f"{brief(row.errors_last_hour):>3}", errors),),
            ],
            " ",
        ),
    }


def labels(found: Mapping[str, Any]) -> Line:
    """``env=prod site=oslo``."""
    parts: list[Line] = []
    for key, value in sorted(found.items()):
        tone = Tone.WARN if (key, value) == ("env", "prod") else Tone.PLAIN
        parts.append((say(f"{key}=", Tone.MUTED), say(value, tone)))
    return joined(parts, " ") if parts else (say("—", Tone.FAINT),)


def number(value: int, tone: Tone = Tone.PLAIN) -> Line:
    """A count; nought is there, but doesn't shout."""
    return (say(f"{value:,}", tone if value else Tone.FAINT),)


def brief(count: int) -> str:
    """A count in three characters."""
    if count < 1000:
        return str(count)
    return f"{count // 1000}k" if count < 100_000 else "99k"


def waiting_tone(seconds: float | None) -> Tone:
    """A message that has waited for an hour is worth a look."""
    if seconds is None:
        return Tone.FAINT
    return Tone.WARN if seconds >= 3600 else Tone.MUTED


def message_cells(
    row: MessageRow, clock: Clock, node_state: str, widths: Mapping[str, int]
) -> dict[str, Line]:
    """The cells of the Messages table, whose columns have these ``widths``."""
    accepted = row.at("accepted")
    expires = instant(row.expires)
    retrying = row.is_open and row.next_attempt is not None
    return {
        "state": looks.message_state(row, room=widths["state"]),
        "node": (say(row.to_node, Tone.STRONG),),
        "method": method(row),
        "what": what(row),
        "attempt": attempt(row) if row.attempts else (say("—", Tone.FAINT),),
        "next": (
            say(until(instant(row.next_attempt), clock.now()), Tone.ACCENT)
            if retrying
            else say("—", Tone.FAINT),
        ),
        "expires": (
            say(until(expires, clock.now()), Tone.MUTED)
            if row.is_open and expires is not None
            else say("—", Tone.FAINT),
        ),
        "progress": progress(row, clock, node_state, attempts="next" not in widths),
        "age": (say(short(clock.now() - accepted) if accepted else "—", Tone.MUTED),),
        "id": (say(short_id(row.id), Tone.FAINT),),
    }


def short_id(text: str) -> str:
    """A UUIDv7's random end, which tells messages of one second apart; other ids as they are."""
    return "…" + text[-8:] if len(text) == 36 and text.count("-") == 4 else text


def method(row: MessageRow) -> Line:
    """The method, and the kind where it isn't the method's usual one."""
    if row.command_or_event in ("CommandACK", "EventACK"):
        return (say(row.method, Tone.MUTED),)
    return line(say(row.method, Tone.MUTED), say(f" {row.command_or_event}", Tone.FAINT))


def what(row: MessageRow) -> Line:
    """The first words of a message's data. Line ends show as symbols, like all controls."""
    if row.secret:
        return (say(HIDDEN, Tone.MUTED),)
    text = ""
    for word in row.data:
        text += (" " if text else "") + word
        if len(text) > FIRST_WORDS:
            break
    return (say(text[:FIRST_WORDS].rstrip("\n")),) if text else (say("(no data)", Tone.FAINT),)


def attempt(row: MessageRow) -> Line:
    """``2/5``, or ``2`` where there is no limit."""
    limit = f"/{row.retries}" if row.retries else ""
    tone = Tone.WARN if row.is_open and row.attempts > 1 else Tone.MUTED
    return (say(f"{row.attempts}{limit}", tone),)


def progress(row: MessageRow, clock: Clock, node_state: str = "", *, attempts: bool = True) -> Line:
    """How far a message is: what it waits for, since when it runs, or how it ended; with the
    ``attempts``, unless they are shown beside it."""
    now = clock.now()
    match row.state:
        case "queued" | "sent":
            return _waiting(row, now, node_state, attempts)
        case "delivered":
            if row.behind:
                return line(say("behind ", Tone.MUTED), say(short_id(row.behind), Tone.ACCENT))
            return (say("waits for its start", Tone.MUTED),)
        case "running":
            since = row.at("running")
            text = f"for {long(float(int(now - since)))}" if since is not None else "runs"
            return (say(text, Tone.BUSY),)
        case "succeeded" | "failed":
            return _ended(row)
        case _:
            parts: list[Line] = [(say("unconfirmed", Tone.WARN),)] if row.is_unconfirmed else []
            reason = row.reason or _without_reason(row)
            parts.append((say(reason, Tone.MUTED),) if reason else EMPTY)
            return joined(parts, " · ")


def _without_reason(row: MessageRow) -> str:
    if row.state != "undelivered" or not row.attempts:
        return ""
    tries = "1 attempt" if row.attempts == 1 else f"{row.attempts} attempts"
    return f"{tries} without a receipt"


def _waiting(row: MessageRow, now: float, node_state: str, attempts: bool) -> Line:
    parts: list[Line] = []
    if row.state == "queued":
        if row.behind:
            parts.append((say(f"behind {short_id(row.behind)}", Tone.MUTED),))
        elif node_state and node_state != "online":
            parts.append((say(f"{row.to_node} is {node_state}", Tone.WARN),))
    if attempts and row.attempts:
        parts.append(line(say("attempt ", Tone.MUTED), *attempt(row)))
    if attempts and row.next_attempt:
        left = until(instant(row.next_attempt), now)
        parts.append((say("next now" if left == "now" else f"next in {left}", Tone.ACCENT),))
    if parts:
        return joined(parts, " · ")
    text = "waits for its turn" if row.state == "queued" else "waits for the receipt"
    return (say(text, Tone.MUTED),)


def _ended(row: MessageRow) -> Line:
    result = row.result or {}
    parts: list[Line] = []
    signal = result.get("signal")
    if signal:
        parts.append((say(f"signal {signal}", Tone.BAD),))
    elif result.get("exitCode") is not None:
        tone = Tone.BAD if result["exitCode"] else Tone.MUTED
        parts.append((say(f"exit {result['exitCode']}", tone),))
    took = run_time(row)
    if took is not None:
        parts.append((say(long(took), Tone.MUTED),))
    if row.reason:
        parts.append((say(row.reason, Tone.MUTED),))
    return joined(parts, " · ") if parts else (say("done", Tone.MUTED),)


def run_time(row: MessageRow) -> float | None:
    """Seconds from start to end, as the node told them."""
    result = row.result or {}
    started = instant(result.get("started")) or row.at("running")
    ended = instant(result.get("ended")) or row.at("ended")
    return ended - started if started is not None and ended is not None else None


def error_cells(row: ErrorRow, clock: Clock) -> dict[str, Line]:
    """The cells of the Errors table, with the time of the first of several: that is its order."""
    return {
        "time": (say(clock.time(instant(row.time)), Tone.MUTED),),
        "level": looks.level(row.level),
        "node": (say(row.node, Tone.STRONG),),
        "times": (say(f"×{row.count}", Tone.WARN) if row.count > 1 else say(""),),
        "text": (say(row.text),),
        "code": (say(row.code or "", Tone.MUTED),),
        "message": (say(short_id(row.message_id) if row.message_id else "", Tone.FAINT),),
    }


def error_entry(row: ErrorRow, clock: Clock, cells: int) -> list[Line]:
    """One entry in full: when and how often, the whole text, what to do."""
    head = [looks.level(row.level), (say(row.node, Tone.STRONG),)]
    head.append((say(row.code, Tone.MUTED),) if row.code else EMPTY)
    if row.count > 1:
        head.append((say(f"×{row.count}, last at {clock.time(row.at)}", Tone.WARN),))
    lines = [joined(head, " · "), *wrapped((say(row.text),), cells)]
    return lines + (wrapped((say(row.hint, Tone.ACCENT),), cells) if row.hint else [])


def as_text(row: NodeRow | MessageRow | ErrorRow) -> str:
    """All that the filter's words look at."""
    match row:
        case NodeRow():
            tags = " ".join(f"{k}={v}" for k, v in row.labels.items())
            return f"{row.name} {row.state} {'held' if row.held else ''} {tags} {row.version}"
        case MessageRow():
            text = " ".join(row.data)
            return f"{row.id} {row.to_node} {row.state} {row.method} {text} {row.reason or ''}"
        case ErrorRow():
            return f"{row.node} {row.level} {row.code} {row.text} {row.message_id or ''}"


def fields(row: NodeRow | MessageRow | ErrorRow) -> dict[str, str]:
    """What ``key=value`` in the filter can ask for."""
    match row:
        case NodeRow():
            tags = {key.lower(): str(value) for key, value in row.labels.items()}
            state = f"{row.state} held" if row.held else row.state
            return tags | {"state": state, "name": row.name, "version": row.version or ""}
        case MessageRow():
            found = {"state": row.state, "node": row.to_node, "method": row.method}
            return found | {"job": row.job or "", "id": row.id}
        case ErrorRow():
            return {"node": row.node, "level": row.level, "code": row.code or ""}
