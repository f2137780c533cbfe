"""PURE: bytes of any number as rows: a text, or a hex dump where they are none.

Opening one costs a look at every byte and remembers a few numbers for every 16 KiB; a row is
decoded when it is looked at. Whoever opens more than a MiB does it in a thread.
"""

from __future__ import annotations

import codecs
import re
from bisect import bisect_right
from collections.abc import Iterator
from functools import cached_property, lru_cache
from typing import Final, NamedTuple

from rich.cells import cell_len

from steward.text import safe
from tui.ink import Line, Span, Tone, say
from tui.sheets import NO_MARKS, Marks, fold, places, toned

BLOCK: Final = 16 * 1024
LONG: Final = 1024
"""Bytes above which a line is folded: nobody reads that far sideways."""
TABS: Final = 8
SAMPLE: Final = 64 * 1024
MEASURED: Final = 200_000
"""Characters that aren't ASCII, up to which a row's width is counted instead of estimated."""
_ENDS: Final = re.compile(rb"\r\n|\n|\r")
_STRANGE: Final = bytes({*range(32), 127} - {7, 8, 9, 10, 12, 13, 27})
_GOES_ON: Final = Span("↩", Tone.FAINT)
_OVERWRITTEN: Final = Span("␍", Tone.FAINT)


def _as_latin_1(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return error.object[error.start : error.end].decode("latin-1"), error.end


codecs.register_error("as-latin-1", _as_latin_1)


class Row(NamedTuple):
    """From which byte to which, and what stands behind: how the line ended."""

    start: int
    end: int
    behind: Span | None


def is_binary(raw: bytes) -> bool:
    """Whether so many bytes are none of a text's that a hex dump says more."""
    sample = raw[:SAMPLE]
    strange = len(sample) - len(sample.translate(None, _STRANGE))
    return strange * 20 > len(sample)


def opened(raw: bytes, cells: int, tone: Tone = Tone.PLAIN) -> Text | Dump:
    """The bytes as a text, whose long lines are folded to ``cells`` cells, or as a hex dump."""
    return Dump(raw) if is_binary(raw) else Text(raw, cells, tone)


class Text:
    """Lines of text. What isn't UTF-8 is read as Latin-1, byte by byte; a carriage return ends a
    row with a mark, so that nothing is hidden by what overwrites it."""

    def __init__(self, raw: bytes, cells: int = LONG, tone: Tone = Tone.PLAIN) -> None:
        self.raw = raw
        self._tone = tone
        self._fold = max(16, min(cells - 1, LONG))
        self._starts: list[int] = []
        self._firsts: list[int] = []
        self.rows = 0
        at = measured = widest = 0
        marked = False
        while at < len(raw):
            end = self._cut(at)
            self._starts.append(at)
            self._firsts.append(self.rows)
            block = raw[at:end]
            lines = block.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
            longest = max(map(len, lines))
            marked = marked or b"\r" in block or longest > LONG
            if longest > LONG:
                rows = self._split(at, end)
                self.rows += len(rows)
                lines = [raw[row.start : row.end] for row in rows]
                block = b"\n".join(lines)
                longest = max(map(len, lines))
            else:
                self.rows += len(lines) - (not lines[-1])
            if not block.isascii() and measured < MEASURED:
                measured += end - at
                widest = _widest(lines, widest)
            elif b"\t" in block:
                widest = max(widest, *map(len, block.expandtabs(TABS).split(b"\n")))
            else:
                widest = max(widest, longest)
            at = end
        self.cells = widest + marked
        self._block = lru_cache(maxsize=4)(self._split)

    def _cut(self, at: int) -> int:
        """Where the block ends that begins at ``at``: behind a line's end if there is one."""
        raw, end = self.raw, at + BLOCK
        if end >= len(raw):
            return len(raw)
        if (found := raw.rfind(b"\n", at, end)) >= 0:
            return found + 1
        if (found := raw.rfind(b"\r", at, end - 1)) >= 0:
            return found + 1
        return _whole(raw, end)

    def _split(self, at: int, end: int) -> list[Row]:
        """The rows of a block."""
        raw = self.raw
        rows: list[Row] = []
        for found in _ENDS.finditer(raw, at, end):
            behind = _OVERWRITTEN if found[0] == b"\r" else None
            rows += self._folded(at, found.start(), behind)
            at = found.end()
        if at < end:
            rows += self._folded(at, end, _GOES_ON if end < len(raw) else None)
        return rows

    def _folded(self, start: int, end: int, behind: Span | None) -> Iterator[Row]:
        if end - start > LONG:
            while end - start > self._fold:
                cut = _whole(self.raw, start + self._fold)
                yield Row(start, cut, _GOES_ON)
                start = cut
        yield Row(start, end, behind)

    def _row(self, row: int) -> Row:
        which = bisect_right(self._firsts, row) - 1
        return self._rows(which)[row - self._firsts[which]]

    def _rows(self, which: int) -> list[Row]:
        last = which + 1 == len(self._starts)
        return self._block(self._starts[which], len(self.raw) if last else self._starts[which + 1])

    @cached_property
    def folded(self) -> bytes:
        ends = [*self._starts[1:], len(self.raw)]
        pairs = zip(self._starts, ends, strict=True)
        return b"".join([fold(self.raw[a:b]) for a, b in pairs])

    def line(self, row: int, marks: Marks = NO_MARKS) -> Line:
        start, end, behind = self._row(row)
        spans: list[Span] = []
        at, column = start, 0
        found = places(self.folded, marks.needle, start, end) if marks.needle else ()
        for a, b in found:
            tone = Tone.HIT if a == marks.at else Tone.FOUND
            for until, one in ((a, self._tone), (min(b, end), tone)):
                if until > at:
                    column = self._add(spans, at, until, column, one)
                    at = until
        if at < end:
            self._add(spans, at, end, column, self._tone)
        return (*spans, behind) if behind else tuple(spans)

    def _add(self, spans: list[Span], start: int, end: int, column: int, tone: Tone) -> int:
        text = self.raw[start:end].decode("utf-8", "as-latin-1")
        if "\t" in text:
            lead = column % TABS
            text = (" " * lead + text).expandtabs(TABS)[lead:]
        spans.append(say(text, tone))
        return column + len(text)

    def row_at(self, offset: int) -> int:
        which = max(bisect_right(self._starts, offset) - 1, 0)
        inside = bisect_right(self._rows(which), offset, key=lambda row: row.start) - 1
        return self._firsts[which] + max(inside, 0)

    def offset_of(self, row: int) -> int:
        return self._row(row).start


def _whole(raw: bytes, end: int) -> int:
    """``end``, or the few bytes less that leave a character whole."""
    for cut in range(end, end - 4, -1):
        if cut >= len(raw) or raw[cut] & 0xC0 != 0x80:
            return cut
    return end


def _widest(lines: list[bytes], least: int) -> int:
    """The widest row's cells. A character takes two at most, and no more than it has bytes."""
    for raw in lines:
        if len(raw) * (TABS if b"\t" in raw else 1) <= least:
            continue
        text = raw.decode("utf-8", "as-latin-1").expandtabs(TABS)
        if 2 * len(text) > least:
            least = max(least, cell_len(safe(text)))
    return least


class Dump:
    """A hex dump, sixteen bytes a row."""

    EACH = 16

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.rows = -(-len(raw) // self.EACH) + 1
        self.cells = 10 + 3 * self.EACH + 1 + self.EACH

    @cached_property
    def folded(self) -> bytes:
        return self.raw.lower()

    def line(self, row: int, marks: Marks = NO_MARKS) -> Line:
        if row == 0:
            return (say("binary, as a hex dump", Tone.MUTED),)
        start = (row - 1) * self.EACH
        part = self.raw[start : start + self.EACH]
        head = say(f"{start:08x}  ", Tone.FAINT)
        letters = "".join(chr(byte) if 32 <= byte < 127 else "·" for byte in part)
        digits, rest = part.hex(" "), " " * (3 * (self.EACH - len(part)) + 2)
        found = list(places(self.folded, marks.needle, start, start + len(part)))
        if not found:
            return (head, say(digits + rest), say(letters, Tone.MUTED))
        left: Line = (say(digits),)
        right: Line = (say(letters, Tone.MUTED),)
        for a, b in found:
            tone = Tone.HIT if a == marks.at else Tone.FOUND
            first, last = max(a - start, 0), min(b - start, len(part))
            left = toned(left, 3 * first, 3 * last - 1, tone)
            right = toned(right, first, last, tone)
        return (head, *left, say(rest), *right)

    def row_at(self, offset: int) -> int:
        return offset // self.EACH + 1

    def offset_of(self, row: int) -> int:
        return max(row - 1, 0) * self.EACH
