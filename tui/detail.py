"""PURE: a node in full → the lines of the pane beside the roster."""

from __future__ import annotations

from tui import looks, processes, render
from tui.board import Opened
from tui.ink import EMPTY, Line, Tone, cut, fit, joined, line, say, width, wrapped
from tui.keymap import Key, usual
from tui.processes import Process
from tui.rows import MessageRow, NodeRow
from tui.times import Clock, long, short

LABEL = 10
UNSURE = 0.25
"""Seconds by which a clock may seem wrong because its hello took that long."""
SKEW = 2.0
"""Seconds from which a clock's difference is worth a colour."""
MOST_PROCESSES = 6
"""Processes that the pane names; those in trouble first."""


def node(
    row: NodeRow,
    whole: Opened | None,
    clock: Clock,
    cells: int,
    ping: Line = EMPTY,
    key: Key = usual,
) -> list[Line]:
    """Who it is, how it is, its processes, its last messages. ``ping``: its last answer."""
    state = looks.node_state(row)
    name = say(cut(say(row.name).text, cells - 2 - width(state)), Tone.STRONG)
    lines: list[Line] = [fit(joined([(name,), state]), cells)]
    if row.alarm:
        lines += wrapped((say(f"⚠ {row.alarm}", Tone.BAD),), cells)
    lines.append(EMPTY)
    seen = row.seen_at
    ago = f"{short(clock.now() - seen)} ago, {clock.time(seen)}" if seen is not None else "never"
    facts: list[tuple[str, Line]] = [("ping", ping)] if ping else []
    facts += [
        ("seen", (say(ago),)),
        ("up for", (say(long(row.uptime and float(int(row.uptime)))), *_then(row))),
        ("clock", _skew(row.clock_skew)),
        ("version", (say(row.version or "—"),)),
        ("labels", render.labels(row.labels)),
        ("waiting", _waiting(row, clock.now())),
        ("instance", (say((row.instance or "—")[:16], Tone.MUTED),)),
        ("machine", (say((row.machine_id or "—")[:16], Tone.MUTED),)),
    ]
    for label, value in facts:
        lines += [fit(one, cells) for one in _labelled(label, value, cells)]
    if whole is None:
        return lines
    lines += [EMPTY, *_processes(whole, clock, cells, key)]
    lines += [EMPTY, _heading("last messages", cells)]
    lines += [_message(one, clock, cells) for one in whole.messages] or [
        _none(f"none yet: {key('compose')} writes the first")
    ]
    return lines


def _then(row: NodeRow) -> Line:
    """A node that is silent may have been away, or not, since it said how long it was up."""
    is_old = row.uptime is not None and row.state in ("offline", "unheard")
    return (say(" when last seen", Tone.MUTED),) if is_old else EMPTY


def _none(text: str) -> Line:
    return (say(text, Tone.MUTED),)


def _labelled(label: str, value: Line, cells: int) -> list[Line]:
    folded = wrapped(value, cells - LABEL)[:3]
    heads = [f"{label:<{LABEL}}"] + [" " * LABEL] * (len(folded) - 1)
    return [(say(head, Tone.MUTED), *rest) for head, rest in zip(heads, folded, strict=True)]


def _heading(word: str, cells: int, more: Line = EMPTY) -> Line:
    head = (say("── ", Tone.FAINT), say(f"{word} ", Tone.ACCENT), *more)
    gap = " " if more else ""
    return (*head, say(gap + "─" * (cells - width(head) - len(gap)), Tone.FAINT))


def _processes(whole: Opened, clock: Clock, cells: int, key: Key) -> list[Line]:
    """This daemon's as they are, another node's as it told them last."""
    if whole.processes is not None:
        return [_heading("processes", cells), *_listed(whole.listed or [], cells)]
    asking = say(key("node.processes"), Tone.ACCENT)
    if whole.told is None:
        asks = line(say("not asked for yet: ", Tone.MUTED), asking)
        return [_heading("processes", cells), (*asks, say(" asks", Tone.MUTED))]
    at = whole.told.at("ended")
    ago = f"{short(clock.now() - at)} ago, " if at is not None else ""
    asks = line(say(ago, Tone.MUTED), asking, say(" asks anew", Tone.MUTED))
    if whole.listed is None:
        return [_heading("processes", cells, asks), _none("what it answered cannot be read here")]
    return [_heading("processes", cells, asks), *_listed(whole.listed, cells)]


def _listed(found: list[Process], cells: int) -> list[Line]:
    lines = [_process(one, cells) for one in found[:MOST_PROCESSES]]
    if len(found) > MOST_PROCESSES:
        rest = processes.summary(found[MOST_PROCESSES:], " more")
        lines.append(fit((say("and ", Tone.MUTED), *rest), cells))
    return lines or [_none("none: each starts with the first message that it is for")]


def _skew(seconds: float | None) -> Line:
    if seconds is None:
        return (say("—", Tone.FAINT),)
    if abs(seconds) < UNSURE:
        return (say("right"),)
    way = "ahead of" if seconds > 0 else "behind"
    tone = Tone.WARN if abs(seconds) >= SKEW else Tone.PLAIN
    return (say(f"{long(abs(seconds))} {way} ours", tone),)


def _waiting(row: NodeRow, now: float) -> Line:
    if not (row.queued or row.under_way):
        return (say("nothing", Tone.MUTED),)
    parts = [f"{row.queued:,} queued"] if row.queued else []
    parts += [f"{row.under_way:,} under way"] if row.under_way else []
    waited = row.waited(now)
    parts += [f"oldest {short(waited)}"] if waited is not None else []
    return (say(", ".join(parts)),)


def _process(found: Process, cells: int) -> Line:
    (word,) = processes.state(found)
    shade = word.tone if found.state in ("backoff", "terminated") else Tone.MUTED
    state = (say(word.text, shade),)
    return (*fit((say(found.name or "?"),), max(cells - 14, 1)), say(" "), *fit(state, 13))


def _message(row: MessageRow, clock: Clock, cells: int) -> Line:
    glyph, tone = looks.MESSAGE_LOOKS.get(row.state, ("?", Tone.WARN))
    accepted = row.at("accepted")
    age = short(clock.now() - accepted) if accepted is not None else "—"
    head = line(say(f"{glyph} ", tone), *render.what(row))
    return (*fit(head, max(cells - 6, 1)), say(f"{age:>6}", Tone.MUTED))
