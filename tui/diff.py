"""PURE: how the output of one message differs from another's, line by line, as lines."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from tui import rows
from tui.ink import EMPTY, Line, Tone, line, say
from tui.rows import MessageRow
from tui.story import heading
from tui.texts import is_binary
from tui.times import size

CONTEXT = 3
"""Equal lines around a difference."""
MOST_LINES = 2000
"""Of each output that are compared: beyond that comparing takes longer than somebody waits."""
MOST_CELLS = 1000
"""Characters of a line that are compared and shown."""
TABS = 8


def outputs(most: MessageRow, other: MessageRow, cells: int) -> list[Line]:
    """``other``'s output against ``most``'s, stdout and stderr apart."""
    lines: list[Line] = []
    for stream in ("stdout", "stderr"):
        found = _stream(most, other, stream)
        lines += [heading(stream, EMPTY, cells), *found, EMPTY]
    return lines[:-1]


def _stream(most: MessageRow, other: MessageRow, stream: str) -> list[Line]:
    ours, theirs = _held(most, stream), _held(other, stream)
    digests = [_of(row, stream + "Sha256") for row in (most, other)]
    if (digests[0] and digests[0] == digests[1]) or (ours == theirs and not any(digests)):
        return [(say("the same" if ours or theirs else "nothing, on either", Tone.MUTED),)]
    if is_binary(ours) or is_binary(theirs):
        return [_sizes("differs (binary)", most, other, stream)]
    notes = [note for row in (most, other) if (note := _left_out(row, stream))]
    changed = list(unified(_lines(ours), _lines(theirs)))
    if not changed:
        same = "what is compared is the same" if notes else "differs only in how its lines end"
        changed = [(say(same, Tone.MUTED),)]
    return [*notes, *changed]


def unified(ours: list[str], theirs: list[str]) -> Iterable[Line]:
    """A unified diff: ``-`` is only in ``ours``, ``+`` only in ``theirs``."""
    longer = max(len(ours), len(theirs))
    if longer > MOST_LINES:
        text = f"only the first {MOST_LINES:,} of {longer:,} lines are compared"
        yield (say(f"╌╌╌ {text} ╌╌╌", Tone.WARN),)
    told = difflib.unified_diff(ours[:MOST_LINES], theirs[:MOST_LINES], n=CONTEXT, lineterm="")
    for n, one in enumerate(told):
        if n < 2:
            continue  # the names of files, of which there are none
        mark, text = one[:1], one[1:]
        if mark == "@":
            yield (say(one, Tone.ACCENT),)
        elif mark == "-":
            yield line(say("- ", Tone.BAD), say(text, Tone.BAD))
        elif mark == "+":
            yield line(say("+ ", Tone.GOOD), say(text, Tone.GOOD))
        else:
            yield line(say("  "), say(text, Tone.MUTED))


def _lines(raw: bytes) -> list[str]:
    text = raw.decode("utf-8", "replace").replace("\r\n", "\n").removesuffix("\n")
    return [one.expandtabs(TABS)[:MOST_CELLS] for one in text.split("\n")] if text else []


def _held(row: MessageRow, stream: str) -> bytes:
    """What the result has of it: its head, and, where something was left out, its tail."""
    return rows.output(row.result, stream) + rows.output(row.result, stream + "Tail")


def _of(row: MessageRow, key: str) -> object:
    return (row.result or {}).get(key)


def _left_out(row: MessageRow, stream: str) -> Line:
    gone = _of(row, stream + "Cut")
    if not isinstance(gone, int) or not gone:
        return EMPTY
    text = f"{row.to_node}: {size(gone)} in the middle are not in the result, and not compared"
    return (say(f"╌╌╌ {text} ╌╌╌", Tone.WARN),)


def _sizes(text: str, most: MessageRow, other: MessageRow, stream: str) -> Line:
    both = [_of(row, stream + "Size") for row in (most, other)]
    told = [size(one) if isinstance(one, int | float) else "—" for one in both]
    return line(say(text, Tone.WARN), say(f"  {told[0]} there, {told[1]} here", Tone.MUTED))
