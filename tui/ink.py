"""PURE: words with a tone. Whatever the console shows is made of these, and made safe here.

No widget is ever handed a plain string to print: a ``Span`` comes from :func:`say`, which sends
its text through ``steward.text.safe``, and no span is ever read as markup.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import NamedTuple

from rich.cells import cell_len

from steward.text import safe


class Tone(enum.StrEnum):
    """What a word means; the style sheet gives each tone its colour."""

    PLAIN = "plain"
    STRONG = "strong"
    MUTED = "muted"
    FAINT = "faint"
    ACCENT = "accent"
    GOOD = "good"
    BUSY = "busy"
    WARN = "warn"
    BAD = "bad"
    CHOSEN = "chosen"
    FOUND = "found"
    HIT = "hit"


class Span(NamedTuple):
    """Text that is safe to show, and its tone."""

    text: str
    tone: Tone


Line = tuple[Span, ...]
EMPTY: Line = ()
ELLIPSIS = "…"


def say(text: object, tone: Tone = Tone.PLAIN) -> Span:
    """The one door from any text, whoever wrote it, to the screen."""
    return Span(safe(str(text)), tone)


def line(*parts: Span | str) -> Line:
    """One line of spans; bare strings are plain."""
    return tuple(part if isinstance(part, Span) else say(part) for part in parts)


def plain(spans: Line) -> str:
    """The line's text, without its tones."""
    return "".join(span.text for span in spans)


def width(spans: Line) -> int:
    """Terminal cells that the line takes."""
    return sum(cell_len(span.text) for span in spans)


def cut(text: str, cells: int) -> str:
    """At most ``cells`` cells of ``text``, with an ellipsis where something was left out."""
    if cell_len(text) <= cells:
        return text
    if cells <= 0:
        return ""
    room = cells - 1
    kept: list[str] = []
    for character in text:
        room -= cell_len(character)
        if room < 0:
            break
        kept.append(character)
    return "".join(kept) + ELLIPSIS


def fit(spans: Line, cells: int, *, right: bool = False) -> Line:
    """Exactly ``cells`` cells: cut with an ellipsis, or filled up with spaces."""
    out: list[Span] = []
    room = cells
    for i, span in enumerate(spans):
        size = cell_len(span.text)
        more = any(later.text for later in spans[i + 1 :])
        if size > room or (more and size == room):
            text = cut(span.text + (ELLIPSIS if size <= room else ""), room)
            out.append(Span(text, span.tone))
            room -= cell_len(text)
            break
        out.append(span)
        room -= size
    padding = Span(" " * room, Tone.PLAIN)
    if not room:
        return tuple(out)
    return (padding, *out) if right else (*out, padding)


def between(left: Line, right: Line, cells: int) -> Line:
    """``left`` and ``right`` at the two ends of ``cells`` cells; what lacks room is the right."""
    room = cells - width(left)
    if room <= 0:
        return fit(left, cells)
    return (*left, *fit(right, room, right=True))


def joined(parts: Sequence[Line], gap: str = "  ") -> Line:
    """The lines in one, with a gap between."""
    out: list[Span] = []
    for part in parts:
        if not part:
            continue
        if out:
            out.append(Span(gap, Tone.PLAIN))
        out.extend(part)
    return tuple(out)


def wrapped(spans: Line, cells: int) -> list[Line]:
    """The line folded to lines of at most ``cells`` cells, at spaces where there are any."""
    cells = max(cells, 2)
    inked = [(character, span.tone) for span in spans for character in span.text]
    folded: list[Line] = []
    start = 0
    while start < len(inked):
        end, room, space = start, cells, -1
        while end < len(inked) and (size := cell_len(inked[end][0])) <= room:
            room -= size
            end += 1
        if end < len(inked):
            found = (i for i in range(end, start + (end - start) // 2, -1) if inked[i][0] == " ")
            space = next(found, -1)
        folded.append(_regrouped(inked[start : space if space > 0 else end]))
        start = space + 1 if space > 0 else end
    return folded or [EMPTY]


def _regrouped(inked: list[tuple[str, Tone]]) -> Line:
    out: list[Span] = []
    for character, tone in inked:
        if out and out[-1].tone is tone:
            out[-1] = Span(out[-1].text + character, tone)
        else:
            out.append(Span(character, tone))
    return tuple(out)
