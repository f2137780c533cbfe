"""PURE: what happens to a message at each node: it goes now, or it waits, and for what."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence

from tui import looks
from tui.ink import Line, Span, Tone, line, say, width
from tui.naming import natural
from tui.rows import NodeRow

Nodes = Mapping[str, NodeRow]
MOST_NAMED = 300
"""Nodes that are listed by name; beyond them there is a number."""


class Fate(enum.Enum):
    """In the order in which they are told: the word for a count of nodes, its tone, what happens
    there."""

    def __init__(self, word: str, tone: Tone, then: str) -> None:
        self.word, self.tone, self.then = word, tone, then

    NOW = ("online", Tone.GOOD, "online: goes out now")
    STALE = ("stale", Tone.WARN, "stale: is tried now")
    UNHEARD = ("unheard", Tone.MUTED, "no hello yet: is tried now")
    OFFLINE = ("offline", Tone.BAD, "offline: waits until it is back")
    HELD = ("held", Tone.WARN, "held: waits until it is released")
    CONFLICT = ("in conflict", Tone.BAD, "two machines of this name: waits")
    UNSEEN = ("never seen", Tone.WARN, "never seen: waits until it comes")


_OF_STATE = {
    "online": Fate.NOW,
    "stale": Fate.STALE,
    "unheard": Fate.UNHEARD,
    "offline": Fate.OFFLINE,
    "conflict": Fate.CONFLICT,
}


def fate(row: NodeRow | None) -> Fate:
    """What happens to a message to this node; None: nobody knows of it."""
    if row is None or row.never_seen:
        return Fate.UNSEEN
    if row.state != "conflict" and row.held:
        return Fate.HELD
    return _OF_STATE.get(row.state, Fate.UNSEEN)


def is_seen(row: NodeRow | None) -> bool:
    """Whether it is more than a name."""
    return row is not None and not row.never_seen


def is_there(row: NodeRow | None) -> bool:
    """Whether what is sent now arrives now."""
    return fate(row) is Fate.NOW


def sorted_out(names: Sequence[str], nodes: Nodes) -> dict[Fate, list[str]]:
    """The names by what happens there, in the order of :class:`Fate`, and in theirs."""
    found: dict[Fate, list[str]] = {one: [] for one in Fate}
    for name in sorted(names, key=natural):
        found[fate(nodes.get(name))].append(name)
    return {one: kept for one, kept in found.items() if kept}


def summed_up(names: Sequence[str], nodes: Nodes) -> Line:
    """``3 nodes: 2 online: go out now, 1 offline: waits until it is back``, as one sentence."""
    found = sorted_out(names, nodes)
    if len(names) == 1:
        (only,) = found
        name = names[0]
        glyph, tone = _glyph(nodes.get(name))
        return line(
            say(f"{glyph} ", tone), say(name, Tone.STRONG), say(" is "), say(only.then, only.tone)
        )
    out: list[Span] = [say(f"{len(names):,} nodes", Tone.STRONG)]
    now = len(found.get(Fate.NOW, ()))
    tried = sum(len(found.get(one, ())) for one in (Fate.STALE, Fate.UNHEARD))
    waits = len(names) - now - tried
    said: list[Span] = []
    for count, words, tone in (
        (now, "now", Tone.GOOD),
        (tried, "tried now", Tone.WARN),
        (waits, "later", Tone.WARN),
    ):
        if count:
            said += [say(", " if said else ": "), say(f"{count:,} {words}", tone)]
    out += said
    late = [one for one in found if one not in (Fate.NOW, Fate.STALE, Fate.UNHEARD)]
    if late:
        why = ", ".join(f"{len(found[one]):,} {one.word}" for one in late)
        out.append(say(f" ({why})", Tone.MUTED))
    return tuple(out)


def listed(names: Sequence[str], nodes: Nodes, cells: int) -> list[Line]:
    """Every name with its state's glyph, and what is in the message's way there."""
    if len(names) == 1:
        return []
    items = _items(names[:MOST_NAMED], nodes)
    rows = _flowed(items, cells)
    if len(names) > MOST_NAMED:
        left = len(names) - MOST_NAMED
        rows.append((say(f"… and {left:,} more: steward nodes ls shows them", Tone.WARN),))
    return rows


def some(names: Sequence[str], nodes: Nodes, cells: int, rows: int) -> tuple[list[Line], int]:
    """The first names, in ``rows`` lines of which the last is for saying so; how many are left."""
    items = _items(names[: rows * cells], nodes)
    kept: list[Line] = []
    used = 0
    for folded in _flowed_counted(items, cells):
        if len(kept) == rows - 1:
            break
        kept.append(folded[0])
        used += folded[1]
    return kept, len(names) - used


def _items(names: Sequence[str], nodes: Nodes) -> list[Line]:
    return [
        _item(name, nodes.get(name)) for kept in sorted_out(names, nodes).values() for name in kept
    ]


def _glyph(row: NodeRow | None) -> tuple[str, Tone]:
    if row is None or row.never_seen:
        return "?", Tone.WARN
    if row.held:
        return looks.HELD, Tone.WARN
    return looks.NODE_LOOKS.get(row.state, ("?", Tone.WARN))


def _item(name: str, row: NodeRow | None) -> Line:
    glyph, tone = _glyph(row)
    notes: list[str] = []
    if row is not None and fate(row) is Fate.OFFLINE:
        notes.append("offline")
    if row is not None and (before := row.queued + row.under_way):
        notes.append(f"{before:,} before it")
    behind = f" ({', '.join(notes)})" if notes else ""
    return line(say(f"{glyph} ", tone), say(name), say(behind, Tone.MUTED))


def _flowed(items: Sequence[Line], cells: int) -> list[Line]:
    return [row for row, _ in _flowed_counted(items, cells)]


def _flowed_counted(items: Sequence[Line], cells: int) -> list[tuple[Line, int]]:
    """The items side by side, as many a line as have room, and how many those are."""
    rows: list[tuple[list[Span], int]] = [([], 0)]
    for item in items:
        spans, count = rows[-1]
        if count and width(tuple(spans)) + 2 + width(item) > cells:
            spans, count = [], 0
            rows.append((spans, count))
        if count:
            spans.append(say("  "))
        spans += item
        rows[-1] = (spans, count + 1)
    return [(tuple(spans), count) for spans, count in rows if count]
