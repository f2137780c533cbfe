"""PURE: what has come so far of a running command's output, and what is missing of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tui.rows import Output

KEPT = 256 * 1024
"""Bytes of each stream that are kept to look at; the result brings the rest."""
PIECES = 200
"""So many of them at most, however full of holes a stream is."""


@dataclass(frozen=True)
class Piece:
    """Bytes that came without a hole; the first is the stream's byte ``start``."""

    start: int
    content: bytes

    @property
    def end(self) -> int:
        """Where the next byte would be."""
        return self.start + len(self.content)


@dataclass(frozen=True)
class Stream:
    """One output: the latest pieces of it, in order. What is between two of them did not come."""

    pieces: tuple[Piece, ...] = ()

    @property
    def end(self) -> int:
        """Bytes that the command has written, as far as they are known of."""
        return self.pieces[-1].end if self.pieces else 0

    @property
    def size(self) -> int:
        """Bytes that are here."""
        return sum(len(piece.content) for piece in self.pieces)

    def after(self, offset: int, data: bytes) -> Stream:
        """With ``data`` added, whose first byte is the stream's byte ``offset``."""
        fresh = data[max(0, self.end - offset) :]
        if not fresh:
            return self  # it came twice, or late: what is behind a hole is not filled in
        if self.pieces and offset <= self.end:
            last = self.pieces[-1]
            return _bounded((*self.pieces[:-1], replace(last, content=last.content + fresh)))
        return _bounded((*self.pieces, Piece(offset, fresh)))


def _bounded(pieces: tuple[Piece, ...]) -> Stream:
    """The last ``KEPT`` bytes of them."""
    kept: list[Piece] = []
    room = KEPT
    for piece in reversed(pieces[-PIECES:]):
        over = max(0, len(piece.content) - room)
        kept.append(Piece(piece.start + over, piece.content[over:]) if over else piece)
        room -= len(kept[-1].content)
        if room <= 0:
            break
    return Stream(tuple(reversed(kept)))


@dataclass(frozen=True)
class Live:
    """Both outputs of the message ``id``."""

    id: str
    stdout: Stream = Stream()
    stderr: Stream = Stream()

    def after(self, output: Output) -> Live:
        """With a part added."""
        if output.stream == "stderr":
            return replace(self, stderr=self.stderr.after(output.offset, output.content))
        return replace(self, stdout=self.stdout.after(output.offset, output.content))
