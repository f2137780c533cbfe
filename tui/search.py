"""PURE: looking for a text in a document: how often it is there, and which place is the next."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tui.sheets import Document, Sheet, fold

QUICK = 1024 * 1024
"""Bytes that can be searched between two keystrokes without a thread."""


@dataclass(frozen=True)
class Found:
    """``typed`` is ``total`` times in a document; the operator is at the one of number ``rank``
    (1: the first; 0: nowhere), in this ``sheet`` at this ``offset``, on the document's ``row``."""

    typed: str = ""
    total: int = 0
    rank: int = 0
    sheet: int = -1
    offset: int = -1
    row: int = -1

    @property
    def needle(self) -> bytes:
        """What is looked for in a sheet's folded bytes."""
        return fold(self.typed.encode("utf-8", "replace"))


def weight(document: Document) -> int:
    """Bytes that a search has to look at."""
    return sum(len(getattr(sheet, "raw", b"")) for sheet in document.sheets)


def first(document: Document, typed: str, row: int) -> Found:
    """The first place from ``row`` on; after the last row it goes on at the first."""
    found = Found(typed)
    if not typed or not document.rows:
        return found
    which, there = document.place(min(max(row, 0), document.rows - 1))
    start = document.sheets[which].offset_of(there)
    return _after(document, found, which, start)


def step(document: Document, found: Found, by: int) -> Found:
    """The next place (``by`` 1) or the one before (-1), round and round."""
    if not found.total or found.sheet >= len(document.sheets):
        return first(document, found.typed, 0)
    if by > 0:
        return _after(document, found, found.sheet, found.offset + len(found.needle))
    return _before(document, found)


def moved(document: Document, found: Found) -> Found:
    """The same place after lines before it came or went."""
    if not found.total or found.sheet >= len(document.sheets):
        return found
    sheet = document.sheets[found.sheet]
    return replace(found, row=document.first(found.sheet) + sheet.row_at(found.offset))


def again(document: Document, found: Found) -> Found:
    """The same place in a document that has changed, if it is still there."""
    return first(document, found.typed, found.row) if found.typed else found


def _after(document: Document, found: Found, which: int, start: int) -> Found:
    needle, sheets = found.needle, document.sheets
    for turn in range(len(sheets) + 1):
        place = (which + turn) % len(sheets)
        at = sheets[place].folded.find(needle, 0 if turn else start)
        if at >= 0:
            return _there(document, found, place, at)
    return replace(found, total=0, rank=0, sheet=-1, offset=-1, row=-1)


def _before(document: Document, found: Found) -> Found:
    needle, sheets = found.needle, document.sheets
    for turn in range(len(sheets) + 1):
        place = (found.sheet - turn) % len(sheets)
        folded = sheets[place].folded
        at = folded.rfind(needle, 0, len(folded) if turn else found.offset)
        if at >= 0:
            return _there(document, found, place, at)
    return replace(found, total=0, rank=0, sheet=-1, offset=-1, row=-1)


def _there(document: Document, found: Found, which: int, at: int) -> Found:
    needle = found.needle
    before = sum(sheet.folded.count(needle) for sheet in document.sheets[:which])
    here: Sheet = document.sheets[which]
    rank = before + here.folded.count(needle, 0, at) + 1
    total = found.total
    if found.rank == 0:
        total = sum(sheet.folded.count(needle) for sheet in document.sheets)
    row = document.first(which) + here.row_at(at)
    return Found(found.typed, max(total, rank), rank, which, at, row)
