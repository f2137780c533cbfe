"""PURE: one message → the lines of its view: facts, timeline, JSON."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

from tui import looks, render
from tui.ink import EMPTY, Line, Tone, cut, fit, joined, line, say, width, wrapped
from tui.keymap import Key, usual
from tui.rows import MessageRow
from tui.times import Clock, instant, long, size, until

LABEL = 10
STEPS = ("accepted", "sent", "delivered", "running", "ended")
MOST_DATA = 600
"""Characters of the data among the facts."""
WHAT = 60
"""Characters of the message that another one waits for."""
FOLD = 1000
_KEY = re.compile(r'( *)("(?:[^"\\]|\\.)*":)')


def facts(
    row: MessageRow, clock: Clock, node_state: str, cells: int, key: Key = usual
) -> list[Line]:
    """What was asked of whom, and how it stands."""
    method = line(say(row.method), say(f"  {row.command_or_event}", Tone.MUTED))
    found: list[tuple[str, Line]] = [("to", _target(row, node_state)), ("method", method)]
    if row.secret:
        found.append(("data", (say("(secret): for the command alone, not kept", Tone.MUTED),)))
    elif row.data:
        found.append(("data", _data(row.data, key)))
    if given := len(row.stdin_bytes):
        found.append(("stdin", (say(size(given)),)))
    found.append(("state", _standing(row, clock)))
    if row.attempts or row.state in ("queued", "sent"):
        found.append(("attempts", _attempts(row, clock)))
    if row.is_open and (expires := instant(row.expires)) is not None:
        found.append(("expires", (say(f"in {until(expires, clock.now())}"),)))
    if row.result:
        found.append(("used", _used(row.result)))
    if row.job:
        found.append(("job", (say(row.job, Tone.MUTED),)))
    if row.retry_of:
        found.append(("again of", (say(row.retry_of, Tone.MUTED),)))
    found.append(("id", (say(row.id, Tone.MUTED),)))
    return [one for label, value in found for one in fact(label, value, cells)]


def _data(data: list[str], key: Key) -> Line:
    text = json.dumps(data, ensure_ascii=False)
    if len(text) <= MOST_DATA:
        return (say(text),)
    more = f" … and {len(text) - MOST_DATA:,} more characters: {key('view.json')} shows all"
    return line(say(text[:MOST_DATA]), say(more, Tone.WARN))


def fact(label: str, value: Line, cells: int) -> list[Line]:
    """A label and its value, folded beneath itself."""
    folded = wrapped(value, cells - LABEL)
    heads = [say(f"{label:<{LABEL}}", Tone.MUTED)] + [say(" " * LABEL)] * (len(folded) - 1)
    return [(head, *rest) for head, rest in zip(heads, folded, strict=True)]


def _target(row: MessageRow, node_state: str) -> Line:
    glyph, tone = looks.NODE_LOOKS.get(node_state, ("", Tone.MUTED))
    state = (say(f"{glyph} {node_state}", tone),) if glyph else EMPTY
    return joined([(say(row.to_node, Tone.STRONG),), state])


def _standing(row: MessageRow, clock: Clock) -> Line:
    has_run = row.state in ("succeeded", "failed")  # of others the timeline gives the reason
    return joined([looks.message_state(row), render.progress(row, clock) if has_run else EMPTY])


def _attempts(row: MessageRow, clock: Clock) -> Line:
    limit = f" of {row.retries}" if row.retries else ", no limit" if row.is_open else ""
    parts: list[Line] = [(say(f"{row.attempts}{limit}"),)]
    if row.timeout:
        parts.append((say(f"{long(row.timeout)} each", Tone.MUTED),))
    if row.is_open and row.next_attempt:
        left = until(instant(row.next_attempt), clock.now())
        parts.append((say(f"next in {left}", Tone.ACCENT),))
    return joined(parts, " · ")


def _used(result: dict[str, Any]) -> Line:
    parts: list[Line] = []
    for key, words in (("cpuSeconds", "processor"), ("maxRssBytes", "memory")):
        value = result.get(key)
        if isinstance(value, int | float):
            shown = long(value) if key == "cpuSeconds" else size(value)
            parts.append((say(f"{shown} {words}"),))
    return joined(parts, " · ") if parts else (say("—", Tone.FAINT),)


def timeline(
    row: MessageRow,
    clock: Clock,
    node_state: str,
    cells: int,
    *,
    held: bool = False,
    before: MessageRow | None = None,
) -> list[Line]:
    """Every transition, with its time and how long after the one before it came; where it stands
    now and what it waits for; and the steps that are still to come. ``held``: its node's queue is.
    ``before``: the message that it waits behind, where that is known."""
    lines: list[Line] = []
    last, day = None, clock.day(clock.now())
    for at, step in _steps(row):
        if (its := clock.day(at)) != day:
            lines.append((say(f"  {its}", Tone.FAINT),))
            day = its
        shown = _transition(row, step, at, last, clock)
        lines.append(shown if width(shown) <= cells else fit(shown, cells))
        if step == "ended" and row.reason:
            folded = wrapped((say(row.reason),), cells - 2)
            lines += [(say("┊ ", Tone.FAINT), *one) for one in folded]
        last = at
    if row.is_open:
        for part in _packed(_now(row, clock, node_state, held, before), cells - 2):
            lines += [(say("┊ ", Tone.FAINT), *one) for one in wrapped(part, cells - 2)]
        lines += [(say(f"· {step}", Tone.FAINT),) for step in _to_come(row)]
    else:
        lines.append(_proof(row))
    return lines


def lasted(row: MessageRow, clock: Clock) -> Line:
    """``1.48 s in all``, ``18 s so far``."""
    steps = _steps(row)
    if not steps:
        return EMPTY
    if row.is_open:
        return (say(f"{long(float(int(clock.now() - steps[0][0])))} so far", Tone.MUTED),)
    return (say(f"{long(steps[-1][0] - steps[0][0])} in all", Tone.MUTED),)


def _steps(row: MessageRow) -> list[tuple[float, str]]:
    return sorted(
        ((at, step) for step in row.times if (at := row.at(step)) is not None),
        key=lambda pair: (pair[0], STEPS.index(pair[1]) if pair[1] in STEPS else len(STEPS)),
    )


def _transition(row: MessageRow, step: str, at: float, last: float | None, clock: Clock) -> Line:
    is_end = step == "ended"
    state = row.state if is_end else "queued" if step == "accepted" else step
    glyph, tone = looks.MESSAGE_LOOKS.get(state, ("·", Tone.PLAIN))
    word = row.state.replace("_", " ") if is_end else step
    gap = f"+{long(at - last)}" if last is not None else ""
    return line(
        say(f"{glyph} ", tone),
        say(f"{word:<12}", tone if is_end else Tone.PLAIN),
        say(f"{clock.of_day(at):<13}", Tone.MUTED),
        say(f"{gap:>10}", Tone.FAINT),
        say("  "),
        *_beside(row, step),
    )


def _beside(row: MessageRow, step: str) -> Line:
    """What is worth saying beside a step."""
    if step == "sent" and row.attempts > 1:
        limit = f" of {row.retries}" if row.retries else ""
        return (say(f"attempt {row.attempts}{limit}", Tone.WARN if row.is_open else Tone.MUTED),)
    if step == "ended" and row.result:
        if signal := row.result.get("signal"):
            return (say(f"signal {signal}", Tone.BAD),)
        if (code := row.result.get("exitCode")) is not None:
            return (say(f"exit {code}", Tone.BAD if code else Tone.MUTED),)
    return EMPTY


def _now(
    row: MessageRow, clock: Clock, node_state: str, held: bool, before: MessageRow | None
) -> list[Line]:
    """What happens now, or what has to happen first, part by part."""
    if row.state == "running":
        parts = [render.progress(row, clock)]
        if row.method_timeout:
            parts.append((say(f"killed after {long(row.method_timeout)}", Tone.MUTED),))
        return parts
    parts = []
    if row.behind:
        parts.append(_behind(row.behind, before, clock))
    if row.state in ("queued", "sent"):
        if held:
            parts.append((say(f"{row.to_node} is held", Tone.WARN),))
        elif node_state not in ("", "online"):
            parts.append((say(f"{row.to_node} is {node_state}", Tone.WARN),))
    if row.state == "sent" and (since := row.at("sent")) is not None:
        waited = long(float(int(clock.now() - since)))
        parts.append((say(f"no receipt for {waited}", Tone.MUTED),))
    if row.state in ("queued", "sent") and row.next_attempt:
        left = until(instant(row.next_attempt), clock.now())
        limit = f" of {row.retries}" if row.retries else ""
        number = f"attempt {row.attempts + 1}{limit} " if row.attempts else "first attempt "
        parts.append((say(number + (left if left == "now" else f"in {left}"), Tone.ACCENT),))
    return parts or [render.progress(row, clock, node_state)]


def _packed(parts: list[Line], cells: int) -> list[Line]:
    """As many of them on a line as there is room for."""
    lines: list[Line] = []
    for part in parts:
        both = joined([lines[-1], part], " · ") if lines else part
        if lines and width(both) <= cells:
            lines[-1] = both
        else:
            lines.append(part)
    return lines


def _behind(id: str, before: MessageRow | None, clock: Clock) -> Line:
    """``behind …4f2a1c90, which runs for 3 min 20 s: tar czf /var/backup…``."""
    spans = [say("waits behind ", Tone.MUTED), say(render.short_id(id), Tone.ACCENT)]
    if before is None or before.id != id:
        return tuple(spans)
    since = before.at("running")
    if since is not None and before.state == "running":
        spans.append(say(f", running for {long(float(int(clock.now() - since)))}", Tone.BUSY))
    else:
        spans.append(say(f", {before.state.replace('_', ' ')}", Tone.MUTED))
    what = cut(" ".join(before.data)[:WHAT].replace("\n", " "), WHAT)
    return (*spans, say(f": {what}" if what else "", Tone.MUTED))


def _to_come(row: MessageRow) -> list[str]:
    """The steps that are still before it."""
    if row.command_or_event.endswith("NACK"):
        return ["outcome"]
    steps = {"queued": 1, "sent": 2, "delivered": 3, "running": 4}.get(row.state, 4)
    is_command = row.command_or_event.startswith("Command")
    return [s for s in (*STEPS[steps:4], "outcome") if is_command or s in ("sent", "outcome")]


def _proof(row: MessageRow) -> Line:
    """Whether the end is proved, and by whom."""
    if row.state == "published":
        return (say("· nobody confirms this kind of message", Tone.FAINT),)
    if row.confirmed:
        return (say("✓ ", Tone.GOOD), say("confirmed", Tone.PLAIN))
    return (
        say(f"{'? unconfirmed':<14}", Tone.WARN),
        say(f"waits for {row.to_node}'s proof", Tone.MUTED),
    )


def heading(word: str, extra: Line, cells: int) -> Line:
    """``── stdout ─ 1.2 KiB ─────``."""
    more = (say(" "), *extra) if extra else EMPTY
    front = line(say("── ", Tone.FAINT), say(word, Tone.ACCENT), *more, say(" "))
    rest = max(cells - sum(len(span.text) for span in front), 0)
    return (*front, say("─" * rest, Tone.FAINT))


def json_text(row: MessageRow) -> str:
    """The message as ``steward messages show -o json`` prints it."""
    return json.dumps(msgspec.to_builtins(row), indent=2, ensure_ascii=False)


def as_json(row: MessageRow, cells: int = FOLD) -> list[Line]:
    """The message as JSON; keys stand out, long lines are folded to ``cells``."""
    lines: list[Line] = []
    for one in json_text(row).split("\n"):
        found = _KEY.match(one)
        head = () if found is None else (say(found[1]), say(found[2], Tone.ACCENT))
        at = 0 if found is None else found.end()
        room = max(cells - at, 1)
        lines.append((*head, say(one[at : at + room])))
        lines += [(say(one[i : i + cells]),) for i in range(at + room, len(one), cells)]
    return lines
