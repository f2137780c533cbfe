"""PURE: a node in full → the lines of the pane beside the roster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tui import looks, render
from tui.board import Opened
from tui.ink import EMPTY, Line, Tone, fit, joined, line, say, wrapped
from tui.rows import MessageRow, NodeRow
from tui.times import Clock, long, short

LABEL = 10
SKEW = 2.0
"""Seconds from which a clock's difference is worth a colour."""


def names(found: Sequence[str]) -> list[Line]:
    """One line a name."""
    return [(say(f"  {name}"),) for name in found]


def node(row: NodeRow, whole: Opened | None, clock: Clock, cells: int) -> list[Line]:
    """Who it is, how it is, its processes, its last messages."""
    lines: list[Line] = [joined([(say(row.name, Tone.STRONG),), looks.node_state(row)])]
    if row.alarm:
        lines += wrapped((say(f"⚠ {row.alarm}", Tone.BAD),), cells)
    lines.append(EMPTY)
    seen = row.seen_at
    ago = f"{short(clock.now() - seen)} ago, {clock.time(seen)}" if seen is not None else "never"
    for label, value in (
        ("seen", (say(ago),)),
        ("up for", (say(long(row.uptime)),)),
        ("clock", _skew(row.clock_skew)),
        ("version", (say(row.version or "—"),)),
        ("labels", render.labels(row.labels)),
        ("waiting", _waiting(row)),
        ("instance", (say((row.instance or "—")[:16], Tone.MUTED),)),
        ("machine", (say((row.machine_id or "—")[:16], Tone.MUTED),)),
    ):
        lines += [fit(one, cells) for one in _labelled(label, value, cells)]
    if whole is None:
        return lines
    if whole.processes is not None:
        lines += [EMPTY, _heading("processes", cells)]
        lines += [_process(one, cells) for one in whole.processes[:6]] or [_none("none")]
    lines += [EMPTY, _heading("last messages", cells)]
    lines += [_message(one, clock, cells) for one in whole.messages] or [
        _none("none yet: c writes the first")
    ]
    return lines


def _none(text: str) -> Line:
    return (say(text, Tone.MUTED),)


def _labelled(label: str, value: Line, cells: int) -> list[Line]:
    folded = wrapped(value, cells - LABEL)[:3]
    heads = [f"{label:<{LABEL}}"] + [" " * LABEL] * (len(folded) - 1)
    return [(say(head, Tone.MUTED), *rest) for head, rest in zip(heads, folded, strict=True)]


def _heading(word: str, cells: int) -> Line:
    front = f"── {word} "
    return (
        say("── ", Tone.FAINT),
        say(word, Tone.ACCENT),
        say(" " + "─" * (cells - len(front)), Tone.FAINT),
    )


def _skew(seconds: float | None) -> Line:
    if seconds is None:
        return (say("—", Tone.FAINT),)
    if abs(seconds) < 0.05:
        return (say("right"),)
    way = "ahead of" if seconds > 0 else "behind"
    tone = Tone.WARN if abs(seconds) >= SKEW else Tone.PLAIN
    return (say(f"{long(abs(seconds))} {way} ours", tone),)


def _waiting(row: NodeRow) -> Line:
    if not (row.queued or row.under_way):
        return (say("nothing", Tone.MUTED),)
    parts = [f"{row.queued:,} queued"] if row.queued else []
    parts += [f"{row.under_way:,} under way"] if row.under_way else []
    parts += [f"oldest {short(row.oldest_waiting)}"] if row.oldest_waiting else []
    return (say(", ".join(parts)),)


def _process(found: object, cells: int) -> Line:
    """A process as the node told it: shown whatever it is made of."""
    if not isinstance(found, Mapping):
        return fit((say(found),), cells)
    state = found.get("state", "")
    tone = Tone.BAD if state in ("backoff", "terminated") else Tone.MUTED
    left = joined([(say(found.get("name", "?")),)])
    return (*fit(left, max(cells - 13, 1)), say(" "), *fit((say(state, tone),), 12, right=True))


def _message(row: MessageRow, clock: Clock, cells: int) -> Line:
    glyph, tone = looks.MESSAGE_LOOKS.get(row.state, ("?", Tone.WARN))
    accepted = row.at("accepted")
    age = short(clock.now() - accepted) if accepted is not None else "—"
    head = line(say(f"{glyph} ", tone), *render.what(row))
    return (*fit(head, max(cells - 6, 1)), say(f"{age:>6}", Tone.MUTED))
