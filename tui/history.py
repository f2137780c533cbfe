"""PURE: what was sent before → the list that opens above the field, and what taking one makes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tui import fuzzy
from tui.draft import Draft
from tui.ink import EMPTY, Line, Span, Tone, cut, fit, joined, line, say, width
from tui.keymap import Key, usual
from tui.memory import Sent
from tui.times import Clock, short

MOST_ROWS = 8
LEAST_ROWS = 4
WIDEST = 110
"""Cells over which an eye still follows a line."""
TO = "to"


@dataclass(frozen=True)
class Entry:
    """Something sent before that fits what is typed; ``places``: where in its ``text``."""

    draft: Draft
    at: float
    text: str
    places: tuple[int, ...] = ()


def found(sent: Sequence[Sent], field: str, typed: str) -> list[Entry]:
    """For the field ``to`` the recipients, else the messages, each once: with something typed those
    that fit it, the best first, else all of them, newest first."""
    kept: dict[str, Entry] = {}
    for one in sent:
        text = one.draft.to if field == TO else one.draft.title
        key = text if field == TO else repr(replace(one.draft, to=""))
        if text and key not in kept and (fit := fuzzy.score(typed.strip(), text)) is not None:
            kept[key] = Entry(one.draft, one.at, text, fit[1])
    entries = list(kept.values())
    return fuzzy.best(typed.strip(), entries, lambda entry: entry.text) if typed else entries


def taken(now: Draft, entry: Entry, field: str) -> Draft:
    """The draft with the entry in it: its recipients alone; or the message, and its recipients if
    there are none yet."""
    if field == TO:
        return replace(now, to=entry.draft.to)
    return replace(entry.draft, to=now.to or entry.draft.to)


def lines(entries: Sequence[Entry], chosen: int, clock: Clock, cells: int) -> list[Line]:
    """The list, the first entry at the bottom, next to the field: ↑ goes up in it."""
    if not entries:
        return [(say("  Nothing sent before fits.", Tone.MUTED),)]
    room = MOST_ROWS
    first = max(0, min(chosen - room // 2, len(entries) - room))
    shown = list(enumerate(entries))[first : first + room]
    return [_row(entry, number == chosen, clock, cells) for number, entry in reversed(shown)]


def recent(
    sent: Sequence[Sent], clock: Clock, cells: int, rows: int, key: Key = usual
) -> list[Line]:
    """The newest in what room is left below the preview: so that one sees what there is to find."""
    entries = found(sent, "", "")
    if rows < LEAST_ROWS or not entries:
        return []
    keyed = say(f"  {key('draft.earlier')} ", Tone.ACCENT)
    head = line(say("── ", Tone.FAINT), say("Sent before", Tone.ACCENT), keyed)
    head = (*head, say("brings them back ", Tone.MUTED))
    rest = say("─" * max(cells - width(head) - 1, 0), Tone.FAINT)
    shown = entries[: rows - 2]
    return [EMPTY, (*head, rest), *(_row(entry, False, clock, cells) for entry in shown)]


def note(entries: Sequence[Entry], chosen: int, key: Key = usual) -> Line:
    """Where one is in it, and the keys."""
    if not entries:
        return line(say(key("back"), Tone.ACCENT), say(" leaves", Tone.MUTED))
    return line(
        say(f"{chosen + 1:,} of {len(entries):,}   ", Tone.MUTED),
        say(f"{key('draft.earlier')} {key('draft.later')}", Tone.ACCENT),
        say(" older, newer   ", Tone.MUTED),
        say("enter →", Tone.ACCENT),
        say(" takes it   ", Tone.MUTED),
        say(key("back"), Tone.ACCENT),
        say(" leaves", Tone.MUTED),
    )


def _row(entry: Entry, chosen: bool, clock: Clock, cells: int) -> Line:
    cells = min(cells, WIDEST)
    mark = say("▌ " if chosen else "  ", Tone.ACCENT)
    age = say(f"{short(clock.now() - entry.at):>5}", Tone.FAINT)
    whom: Line = EMPTY
    if entry.text != entry.draft.to:
        whom = (say(cut(f"→ {entry.draft.to}", cells // 3), Tone.MUTED),)
    right = joined([whom, (age,)])
    left = (mark, *_marked(entry, Tone.STRONG if chosen else Tone.PLAIN))
    return (*fit(left, max(cells - width(right) - 2, 1)), say("  "), *right)


def _marked(entry: Entry, tone: Tone) -> list[Span]:
    """The text with what was typed in it made visible."""
    out: list[Span] = []
    places = set(entry.places)
    start = 0
    for at in range(1, len(entry.text) + 1):
        if at == len(entry.text) or (at in places) != (start in places):
            out.append(say(entry.text[start:at], Tone.ACCENT if start in places else tone))
            start = at
    return out
