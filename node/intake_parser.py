"""The bytes of ``inmsg.txt`` → elements and garbage, each with its line. PURE: reads by a function.

A document is an array of messages or a single one; several may follow each other. It counts only
when it is whole. After garbage, parsing goes on at the next ``[`` anywhere or ``{`` in column 0
from which a whole document parses to messages (DESIGN.md section 10). What is found in the first
bytes of a file stays true whatever is appended to it, so a file that grows can be read early.
Nothing larger than one element is ever in memory, however large the file is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from node.json_scan import Broken, Document, Read, Window, scan

LARGEST_ELEMENT = 4 * 1024 * 1024
"""Bytes: a message of the largest size with every character written as an escape still fits."""

_BOM = b"\xef\xbb\xbf"
_BLANK = re.compile(rb"[ \t\r\n]*")
_CANDIDATE = re.compile(rb'\[(?=[ \t\r\n]*(?:[{"\-0-9tfn]|\Z))|(?<![^\n])\{')

_NOT_A_DOCUMENT = "this is neither an array nor an object"


class Position(NamedTuple):
    """Where to go on: the offset of a document, its line, how many of its elements are handled."""

    offset: int = 0
    element: int = 0
    line: int = 1


@dataclass(frozen=True, slots=True)
class Element:
    """One element of the document at ``document``, decoded; ``count`` = elements of it in all."""

    value: object
    document: int
    index: int
    count: int
    start: int
    end: int
    line: int
    after: Position


@dataclass(frozen=True, slots=True)
class Garbage:
    """Bytes ``start`` to ``end`` that no message can be made of."""

    start: int
    end: int
    line: int
    reason: str
    after: Position


def parse(read: Read, at: Position, *, final: bool) -> Iterator[Element | Garbage]:
    """Everything from ``at`` on, in order.

    ``final``: nothing will be appended any more, so what is half-written is garbage; otherwise it
    is left for later, and so is garbage that is not followed by a whole document yet.
    """
    window = Window(read)
    offset, skip, line = at
    while True:
        start = _skip_blank(window, offset)
        line += window.newlines(offset, start)
        index = window.load(start)
        if index == len(window.buffer):
            return
        found: Document | Broken | None = Broken(start, _NOT_A_DOCUMENT)
        if window.buffer[index] in b"[{":
            found = scan(window, start)
        if found is None and not final:
            return
        if not isinstance(found, Document):
            reason = _reason(window, found, start, line)
            resumed, end = _resume(window, start + 1, final)
            if resumed is None and not final:
                return
            after = line + window.newlines(start, end)
            yield Garbage(start, end, line, reason, Position(end, 0, after))
            if resumed is None:
                return
            found, line = resumed, after
        yield from _elements(window, found, skip, line)
        offset, skip = found.end, 0
        line += window.newlines(found.start, found.end)


def _skip_blank(window: Window, offset: int) -> int:
    while True:
        index = window.load(offset)
        while len(window.buffer) - index < len(_BOM) and window.more(index):
            index = offset - window.base
        if window.buffer.startswith(_BOM, index):
            offset += len(_BOM)
            continue
        blank = _BLANK.match(window.buffer, index)
        assert blank is not None
        if blank.end() == index:
            return offset
        offset = window.base + blank.end()


def _elements(
    window: Window, document: Document, skip: int, line: int
) -> Iterator[Element | Garbage]:
    spans, first_line, counted = document.spans, line, document.start
    count = len(spans) // 2
    for index in range(skip, count):
        start, end = spans[2 * index], spans[2 * index + 1]
        line += window.newlines(counted, start)
        counted = start
        after = Position(document.start, index + 1, first_line)
        if end - start > LARGEST_ELEMENT:
            reason = f"this has {end - start:,} bytes, too many: a message has 512 KiB at most"
            yield Garbage(start, end, line, reason, after)
            continue
        try:
            value = msgspec.json.decode(window.copy(start, end))
        except (msgspec.MsgspecError, ValueError) as error:
            yield Garbage(start, end, line, f"this cannot be read: {error}", after)
            continue
        yield Element(value, document.start, index, count, start, end, line, after)


def _reason(window: Window, broken: Broken | None, start: int, line: int) -> str:
    if broken is None:
        return "the document that begins here is not finished"
    if broken.at == start:
        return broken.reason
    return f"no JSON in line {line + window.newlines(start, broken.at)}: {broken.reason}"


def _resume(window: Window, offset: int, final: bool) -> tuple[Document | None, int]:
    """The next document of messages and where it begins; (None, the file's end) if none follows.
    Unless ``final``, None also where more bytes may yet make an earlier document."""
    while True:
        index = window.load(offset - 1) + 1
        match = _CANDIDATE.search(window.buffer, index)
        if match is None:
            end = window.base + len(window.buffer)
            if not window.more(len(window.buffer) - 1):
                return None, end
            offset = end
            continue
        offset = window.base + match.start()
        found = scan(window, offset)
        if isinstance(found, Document) and found.holds_message:
            return found, offset
        if found is None and not final:
            return None, offset
        offset += 1
