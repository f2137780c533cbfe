"""PURE: one message → the lines of its view: facts, timeline, output apart, JSON."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from tui import looks, render, rows
from tui.ink import EMPTY, Line, Span, Tone, joined, line, say, wrapped
from tui.rows import MessageRow
from tui.times import Clock, instant, long, size, until

LABEL = 10
STEPS = ("accepted", "sent", "delivered", "running", "ended")
TABS = 8
MOST_DATA = 1500
"""Characters of the data among the facts."""


def facts(row: MessageRow, clock: Clock, node_state: str, cells: int) -> list[Line]:
    """What was asked of whom, and how it stands."""
    method = line(say(row.method), say(f"  {row.command_or_event}", Tone.MUTED))
    found: list[tuple[str, Line]] = [("to", _target(row, node_state)), ("method", method)]
    if row.data:
        found.append(("data", _data(row.data)))
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


def _data(data: list[str]) -> Line:
    text = json.dumps(data, ensure_ascii=False)
    if len(text) <= MOST_DATA:
        return (say(text),)
    more = f" … and {len(text) - MOST_DATA:,} more characters: J shows all"
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
    how = EMPTY if row.is_open else render.progress(row, clock)
    return joined([looks.message_state(row), how])


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


def timeline(row: MessageRow, clock: Clock, node_state: str, cells: int) -> list[Line]:
    """Every transition, with its time and how long after the one before it came."""
    lines: list[Line] = []
    steps = sorted(
        ((at, step) for step in row.times if (at := row.at(step)) is not None),
        key=lambda pair: (pair[0], STEPS.index(pair[1]) if pair[1] in STEPS else len(STEPS)),
    )
    before: float | None = None
    for at, step in steps:
        state = row.state if step == "ended" else "queued" if step == "accepted" else step
        glyph, tone = looks.MESSAGE_LOOKS.get(state, ("·", Tone.PLAIN))
        word = row.state.replace("_", " ") if step == "ended" else step
        gap = f"+{long(at - before)}" if before is not None else ""
        lines.append(
            line(
                say(f"{glyph} ", tone),
                say(f"{word:<12}", tone if step == "ended" else Tone.PLAIN),
                say(f"{clock.time(at, millis=True):<14}", Tone.MUTED),
                say(f"{gap:>12}", Tone.FAINT),
            )
        )
        if step == "ended" and row.reason:
            lines += [(say("  "), *one) for one in wrapped((say(row.reason),), cells - 2)]
        before = at
    if row.is_open:
        lines.append(
            line(
                say("┊ ", Tone.FAINT),
                *render.progress(row, clock, node_state),
            )
        )
    elif row.is_unconfirmed:
        lines.append((say("┊ waits for the node's proof", Tone.WARN),))
    return lines


def heading(word: str, extra: Line, cells: int) -> Line:
    """``── stdout ─ 1.2 KiB ─────``."""
    more = (say(" "), *extra) if extra else EMPTY
    front = line(say("── ", Tone.FAINT), say(word, Tone.ACCENT), *more, say(" "))
    rest = max(cells - sum(len(span.text) for span in front), 0)
    return (*front, say("─" * rest, Tone.FAINT))


def output(row: MessageRow, cells: int) -> list[Line]:
    """stdout and stderr apart, with their sizes and a mark wherever something is left out."""
    result = row.result
    if result is None:
        return [_no_output(row)]
    lines: list[Line] = []
    for stream in ("stdout", "stderr"):
        whole = result.get(stream + "Size") or 0
        digest = str(result.get(stream + "Sha256") or "")[:12]
        sha = f" · sha256 {digest}…" if digest and whole else ""
        lines.append(heading(stream, (say(size(whole) + sha, Tone.MUTED),), cells))
        tone = Tone.PLAIN
        body = content(rows.output(result, stream), tone)
        cut = result.get(stream + "Cut") or 0
        if cut:
            body.append(_mark(f"{size(cut)} left out here; they are kept on {row.to_node}"))
            body += content(rows.output(result, stream + "Tail"), tone)
        if lost := result.get(stream + "Lost") or 0:
            body.append(_mark(f"{size(lost)} were cut off by the runner: its limit is 128 MiB"))
        lines += body or [(say("(empty)", Tone.FAINT),)]
        lines.append(EMPTY)
    return lines[:-1]


def _no_output(row: MessageRow) -> Line:
    if row.is_open and row.command_or_event == "CommandACK":
        return (say("No output yet: it comes with the result.", Tone.MUTED),)
    if row.command_or_event == "CommandACK":
        return (say(f"No output: the message is {row.state}.", Tone.MUTED),)
    return (say("No output: this kind of message brings nothing back.", Tone.MUTED),)


def _mark(text: str) -> Line:
    return (say(f"╌╌╌ {text} ╌╌╌", Tone.WARN),)


def content(raw: bytes, tone: Tone = Tone.PLAIN) -> list[Line]:
    """Bytes as lines of text; as a hex dump where they aren't text."""
    if not raw:
        return []
    if raw.count(0) * 50 > len(raw):
        return _dump(raw)
    text = raw.decode("utf-8", "replace").replace("\r\n", "\n")
    lines = text.removesuffix("\n").split("\n")
    return [(say(one.expandtabs(TABS), tone),) for one in lines]


def _dump(raw: bytes) -> list[Line]:
    lines: list[Line] = [(say("binary, as a hex dump", Tone.MUTED),)]
    for at in range(0, min(len(raw), 65536), 16):
        part = raw[at : at + 16]
        text = "".join(chr(b) if 32 <= b < 127 else "·" for b in part)
        digits: Span = say(f"{part.hex(' '):<48} ")
        lines.append((say(f"{at:08x}  ", Tone.FAINT), digits, say(text, Tone.MUTED)))
    return lines


def as_json(row: MessageRow) -> list[Line]:
    """The message as JSON, as ``steward messages show -o json`` prints it."""
    text = json.dumps(msgspec.to_builtins(row), indent=2, ensure_ascii=False)
    return [(say(one),) for one in text.split("\n")]
