"""PURE: what a text widget shows: rows that are made only when they are looked at."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple, Protocol

from tui.ink import EMPTY, Line, Span, Tone, plain, width


class Marks(NamedTuple):
    """What is searched: the text to mark wherever it is, and the place (an offset in the sheet's
    ``folded`` bytes) where the operator is; -1: not in this sheet."""

    needle: bytes = b""
    at: int = -1


NO_MARKS = Marks()


class Sheet(Protocol):
    """Some rows of a document."""

    @property
    def rows(self) -> int:
        """How many."""
        ...

    @property
    def cells(self) -> int:
        """No row takes more terminal cells than this."""
        ...

    @property
    def folded(self) -> bytes:
        """What a search looks at: the text in lower case, as UTF-8."""
        ...

    def line(self, row: int, marks: Marks = NO_MARKS) -> Line:
        """A row, safe to show."""
        ...

    def row_at(self, offset: int) -> int:
        """The row of a place in ``folded``."""
        ...

    def offset_of(self, row: int) -> int:
        """Where a row begins in ``folded``."""
        ...


def fold(raw: bytes) -> bytes:
    """``raw`` in lower case, every character where it was."""
    if raw.isascii():
        return raw.lower()
    lower = raw.decode("utf-8", "surrogateescape").lower().encode("utf-8", "surrogateescape")
    # A few letters change their length ("İ"): then only ASCII is folded, so that offsets hold.
    return lower if len(lower) == len(raw) else raw.lower()


def places(folded: bytes, needle: bytes, start: int, end: int) -> Iterable[tuple[int, int]]:
    """Where ``needle`` is between the two offsets, also where only a part of it is."""
    if not needle:
        return
    reach = end + len(needle) - 1
    at = folded.find(needle, max(0, start - len(needle) + 1), reach)
    while at >= 0:
        yield at, at + len(needle)
        at = folded.find(needle, at + len(needle), reach)


@dataclass(frozen=True)
class Few:
    """Lines that were made beforehand. Equal if their lines are. ``heads``: the first of them is
    the heading of what comes after, and stays in sight."""

    lines: tuple[Line, ...]
    heads: bool = False

    @property
    def rows(self) -> int:
        return len(self.lines)

    @cached_property
    def cells(self) -> int:
        return max(map(width, self.lines), default=0)

    @cached_property
    def _raw(self) -> list[bytes]:
        return [plain(one).encode("utf-8", "replace") for one in self.lines]

    @cached_property
    def _starts(self) -> list[int]:
        return list(accumulate((len(one) + 1 for one in self._raw), initial=0))

    @cached_property
    def folded(self) -> bytes:
        return b"\n".join(map(fold, self._raw))

    def line(self, row: int, marks: Marks = NO_MARKS) -> Line:
        found = self.lines[row]
        start = self._starts[row] if marks.needle else 0
        end = start + len(self._raw[row]) if marks.needle else 0
        for a, b in places(self.folded, marks.needle, start, end) if marks.needle else ():
            head = len(self._raw[row][: max(a - start, 0)].decode("utf-8", "replace"))
            tail = len(self._raw[row][: b - start].decode("utf-8", "replace"))
            found = toned(found, head, tail, Tone.HIT if a == marks.at else Tone.FOUND)
        return found

    def row_at(self, offset: int) -> int:
        return min(max(bisect_right(self._starts, offset) - 1, 0), max(self.rows - 1, 0))

    def offset_of(self, row: int) -> int:
        return self._starts[row]


def toned(spans: Line, start: int, end: int, tone: Tone) -> Line:
    """The line with its characters from ``start`` to ``end`` in another tone."""
    out: list[Span] = []
    at = 0
    for text, before in spans:
        head, tail = min(max(start - at, 0), len(text)), min(max(end - at, 0), len(text))
        pieces = ((text[:head], before), (text[head:tail], tone), (text[tail:], before))
        out += [Span(*piece) for piece in pieces if piece[0]]
        at += len(text)
    return tuple(out)


class Document:
    """Sheets one after the other. Equal if their sheets are."""

    def __init__(self, sheets: Iterable[Sheet]) -> None:
        self.sheets: Sequence[Sheet] = tuple(sheet for sheet in sheets if sheet.rows)
        self._firsts = list(accumulate((sheet.rows for sheet in self.sheets), initial=0))
        self.rows = self._firsts.pop()
        self.cells = max((sheet.cells for sheet in self.sheets), default=0)
        self._heads = [
            first
            for first, sheet in zip(self._firsts, self.sheets, strict=True)
            if isinstance(sheet, Few) and sheet.heads
        ]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Document) and self.sheets == other.sheets

    __hash__ = None  # type: ignore[assignment]  # compared only

    @classmethod
    def of(cls, lines: Iterable[Line]) -> Document:
        """A document of these lines."""
        return cls([Few(tuple(lines))])

    def line(self, row: int, needle: bytes = b"", at: tuple[int, int] = (-1, -1)) -> Line:
        """A row; ``at``: the sheet and the offset in it where the search is."""
        if not 0 <= row < self.rows:
            return EMPTY
        which, there = self.place(row)
        marks = Marks(needle, at[1] if at[0] == which else -1) if needle else NO_MARKS
        return self.sheets[which].line(there, marks)

    def head(self, row: int) -> int:
        """The row with the heading of what this row belongs to; -1: it has none."""
        which = bisect_right(self._heads, row)
        return self._heads[which - 1] if which else -1

    def place(self, row: int) -> tuple[int, int]:
        """Which sheet a row is in, and which of its rows it is."""
        which = max(bisect_right(self._firsts, row) - 1, 0)
        return which, row - self._firsts[which]

    def first(self, which: int) -> int:
        """The row with which a sheet begins."""
        return self._firsts[which]
