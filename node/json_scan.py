"""Where one JSON document ends, checked strictly and in bounded memory. PURE: reads by a function.

Strictness makes a half-written document known at the byte where it breaks, not at the file's end.
The result depends on the bytes alone, never on the sizes in which they were read.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Read = Callable[[int, int], bytes]
"""(offset, size) → at most ``size`` bytes from there; none only at the end."""

DEEPEST = 16

_CHUNK = 256 * 1024
_LONGEST_WORD = 1000

_TOKEN = re.compile(rb'[ \t\r\n]*(?:([\[\]{},:])|("[^"\\\x00-\x1f]*")|([-+.0-9A-Za-z]+)|("))?')
_ESCAPE = rb'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})'
_PIECE = re.compile(rb'[^"\\\x00-\x1f]*(?:' + _ESCAPE + rb'[^"\\\x00-\x1f]*){0,100}')
_ONE_ESCAPE = re.compile(_ESCAPE)
_CUT_ESCAPE = re.compile(rb"\\(?:u[0-9a-fA-F]{0,3})?\Z")
_WORD = re.compile(rb"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null")

_MARKER = b'"toNode"'
_MARK, _STRING, _BARE, _LONG_STRING = 1, 2, 3, 4
_ARRAY, _COMMA, _COLON_MARK = b"[,:"
_VALUE, _VALUE_OR_END, _KEY_OR_END, _KEY, _COLON, _COMMA_OR_END = range(6)
_EXPECTED = ("a value", "a value or ']'", "a key or '}'", "a key", "':'", "',' or the end")
_OPENERS = {ord("["): _VALUE_OR_END, ord("{"): _KEY_OR_END}
_PAIRS = {ord("]"): ord("["), ord("}"): ord("{")}


@dataclass(frozen=True, slots=True)
class Document:
    start: int
    end: int
    spans: array[int]
    holds_message: bool


@dataclass(frozen=True, slots=True)
class Broken:
    at: int
    reason: str


class _Cut(Exception):
    """The bytes end where the document does not."""


class Window:
    """The part of the file that is in memory: ``buffer`` starts at offset ``base``."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self.base = 0
        self.buffer = b""

    def load(self, offset: int) -> int:
        """Have ``offset`` in the window (at its end: nothing follows); its index there."""
        if not self.base <= offset < self.base + len(self.buffer):
            self.base, self.buffer = offset, self._read(offset, _CHUNK)
        return offset - self.base

    def more(self, index: int) -> bool:
        """Drop what comes before ``index`` and read on; False at the end of the file."""
        fresh = self._read(self.base + len(self.buffer), _CHUNK)
        if fresh:
            self.buffer = self.buffer[index:] + fresh
            self.base += index
        return bool(fresh)

    def copy(self, start: int, end: int) -> bytes:
        if self.base <= start and end <= self.base + len(self.buffer):
            return self.buffer[start - self.base : end - self.base]
        return b"".join(self._pieces(start, end))

    def newlines(self, start: int, end: int) -> int:
        if self.base <= start and end <= self.base + len(self.buffer):
            return self.buffer.count(b"\n", start - self.base, end - self.base)
        return sum(piece.count(b"\n") for piece in self._pieces(start, end))

    def _pieces(self, start: int, end: int) -> Iterator[bytes]:
        while start < end and (piece := self._read(start, min(_CHUNK, end - start))):
            yield piece
            start += len(piece)


def scan(window: Window, start: int) -> Document | Broken | None:
    """Check the document at ``start`` strictly, so that a broken one is known as such early.
    None: the bytes end before it does."""
    try:
        return _Scan(window, start).run()
    except _Cut:
        return None


class _Scan:
    """One pass over one document: its end and its elements, without making values of them."""

    def __init__(self, window: Window, start: int) -> None:
        self._window = window
        self._start = start
        self._stack = bytearray()
        self._spans = array("Q")
        self._holds_message = False

    def run(self) -> Document | Broken:
        window = self._window
        index, expect = window.load(self._start), _VALUE
        while True:
            match = _TOKEN.match(window.buffer, index)
            assert match is not None
            kind, end = match.lastindex, match.end()
            at = window.base + (match.start(kind) if kind else end)
            if kind == _BARE and window.base + end - at > _LONGEST_WORD:
                return Broken(at, "a word without end")
            if end == len(window.buffer) and (kind is None or kind == _BARE):
                index = self._more(index if kind else end)
                continue
            if kind == _MARK:
                following = self._mark(window.buffer[end - 1], at, expect)
                if not isinstance(following, int):
                    return following
                expect, index = following, end
                continue
            if kind == _LONG_STRING:
                if len(window.buffer) - end < len(_MARKER) and window.more(index):
                    index = 0
                    continue
                inside = self._string(end)
                if isinstance(inside, Broken):
                    return inside
                end = inside
            if kind in (_STRING, _LONG_STRING) and expect in (_KEY, _KEY_OR_END):
                if match[_STRING] == _MARKER and self._in_message():
                    self._holds_message = True
                expect = _COLON
            elif (
                kind is not None
                and expect in (_VALUE, _VALUE_OR_END)
                and (kind != _BARE or _WORD.fullmatch(match[_BARE]))
            ):
                if len(self._stack) == self._level():
                    self._spans.extend((at, window.base + end))
                expect = _COMMA_OR_END
            else:
                return self._unexpected(at, expect)
            index = end

    def _mark(self, char: int, at: int, expect: int) -> int | Document | Broken:
        """A bracket, comma or colon: what to expect next, or how it ends."""
        stack = self._stack
        if char in _OPENERS and expect in (_VALUE, _VALUE_OR_END):
            stack.append(char)
            if len(stack) > DEEPEST:
                return Broken(at, f"nested deeper than {DEEPEST} levels")
            if len(stack) - 1 == self._level():
                self._spans.append(at)
            return _OPENERS[char]
        if char == _COMMA and expect == _COMMA_OR_END:
            return _VALUE if stack[-1] == _ARRAY else _KEY
        if char == _COLON_MARK and expect == _COLON:
            return _VALUE
        empty = expect in (_VALUE_OR_END, _KEY_OR_END)
        if stack and _PAIRS.get(char) == stack[-1] and (empty or expect == _COMMA_OR_END):
            if len(stack) - 1 == self._level():
                self._spans.append(at + 1)
            stack.pop()
            if not stack:
                return Document(self._start, at + 1, self._spans, self._holds_message)
            return _COMMA_OR_END
        return self._unexpected(at, expect)

    def _string(self, index: int) -> int | Broken:
        """The index behind the string whose text begins at ``index``."""
        window = self._window
        while True:
            piece = _PIECE.match(window.buffer, index)
            assert piece is not None
            index = piece.end()
            rest = len(window.buffer) - index
            if rest and window.buffer[index] == ord('"'):
                return index + 1
            if _ONE_ESCAPE.match(window.buffer, index):
                continue
            if rest and not _CUT_ESCAPE.match(window.buffer, index):
                at = window.base + index
                if window.buffer[index] == ord("\\"):
                    return Broken(at, "a wrong escape in a string")
                return Broken(at, "a string that is not closed where its line ends")
            index = self._more(index)

    def _more(self, index: int) -> int:
        if not self._window.more(index):
            raise _Cut
        return 0

    def _level(self) -> int:
        """How deep elements lie: 1 in an array, 0 where the document is the one message."""
        return 1 if self._stack and self._stack[0] == _ARRAY else 0

    def _in_message(self) -> bool:
        return len(self._stack) == self._level() + 1

    def _unexpected(self, at: int, expect: int) -> Broken:
        # No more of it: the reason is logged and told to central, and this may be a secret.
        found = self._window.copy(at, at + 4).decode(errors="replace")[:1]
        return Broken(at, f"expected {_EXPECTED[expect]}, found {found!r}")
