"""PURE: the rows held of a query, and how what is read of it joins them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, TypeVar


class Numbered(Protocol):
    """A row that knows its place: newer ones have higher numbers."""

    @property
    def n(self) -> int: ...


T = TypeVar("T", bound=Numbered)


@dataclass(frozen=True)
class Part(Generic[T]):
    """What the daemon told of a query: its first rows, or those after a cursor (``after``), or of
    some alone, of which others are gone or are no longer meant (``ids``). ``rising``: the oldest
    row comes first."""

    rows: tuple[T, ...]
    cursor: str | None = None
    total: int | None = None
    newest: int = 0
    reached: str | None = None
    after: str | None = None
    ids: frozenset[str] | None = None
    rising: bool = False


@dataclass(frozen=True)
class Page(Generic[T]):
    """The rows held: all from the first up to the ``cursor``, which leads to further ones; None:
    there are no more. ``newest``: the highest number that there was when the first ones were read.
    ``reached``: the time at the cursor. ``total`` None: nobody has counted them."""

    query: object = None
    rows: tuple[T, ...] = ()
    cursor: str | None = None
    total: int | None = 0
    read: bool = False
    newest: int = 0
    reached: str | None = None
    rising: bool = False

    def joined(self, query: object, part: Part[T]) -> Page[T]:
        """With what was read. Further rows that don't join up change nothing; first ones, to which
        those held don't join up, stand alone."""
        if part.ids is not None:
            return self._with_some(part, part.ids) if self._is_of(query) else self
        if part.after is not None:
            joins = self._is_of(query) and self.cursor == part.after
            return self._with_further(part) if joins else self
        told = (part.rows, part.cursor, part.total, True, part.newest, part.reached, part.rising)
        fresh = Page(query, *told)._counted()
        return self._behind(fresh) if self._is_of(query) else fresh

    def _is_of(self, query: object) -> bool:
        return self.read and self.query == query

    def _behind(self, fresh: Page[T]) -> Page[T]:
        """The rows held go on where the first ones end, if nothing can lie between."""
        fresh = replace(fresh, rows=_same(self.rows, fresh.rows))
        if fresh.cursor is None or fresh.newest < self.newest or self._has(fresh.cursor):
            return fresh
        edge = _number(fresh.cursor)
        if not fresh.rising and edge > self.newest + 1:
            return fresh
        rows = fresh.rows + tuple(row for row in self.rows if self._is_beyond(row.n, edge))
        cursor, reached = self.cursor, self.reached
        if cursor is None and fresh.rising and fresh.newest > self.newest:
            last = rows[-1].n if rows else edge
            cursor, reached = str(max(last, self.newest)), None
        return replace(
            fresh, rows=_same(self.rows, rows), cursor=cursor, reached=reached
        )._counted()

    def _has(self, cursor: str) -> bool:
        """Whether this page ends before ``cursor``, or there."""
        mine = self.cursor
        return mine is not None and not self._is_beyond(_number(mine), _number(cursor))

    def _is_beyond(self, n: int, edge: int) -> bool:
        return n > edge if self.rising else n < edge

    def _with_further(self, part: Part[T]) -> Page[T]:
        known = {row.n for row in self.rows}
        rows = self.rows + tuple(row for row in part.rows if row.n not in known)
        return replace(self, rows=rows, cursor=part.cursor, reached=part.reached)._counted()

    def _with_some(self, part: Part[T], ids: frozenset[str]) -> Page[T]:
        edge = None if self.cursor is None else _number(self.cursor)
        told = {r.n: r for r in part.rows if edge is None or not self._is_beyond(r.n, edge)}
        gone = {row.n for row in self.rows if _id(row) in ids} - told.keys()
        known = {row.n for row in self.rows}
        rows = tuple(told.get(row.n, row) for row in self.rows if row.n not in gone)
        new = [row for n, row in told.items() if n not in known]
        if new:
            rows = tuple(sorted((*rows, *new), key=lambda r: r.n, reverse=not self.rising))
        rows = _same(self.rows, rows)
        if rows is self.rows:
            return self
        total = None if self.total is None else self.total + len(new) - len(gone)
        return replace(self, rows=rows, total=total)

    def _counted(self) -> Page[T]:
        """A search that has come to its end knows how many there are."""
        if self.total is None and self.cursor is None:
            return replace(self, total=len(self.rows))
        return self


def _number(cursor: str) -> int:
    return int(cursor) if cursor.isdecimal() else 0


def _id(row: Any) -> object:
    return getattr(row, "id", None)


def _same(held: tuple[T, ...], fresh: tuple[T, ...]) -> tuple[T, ...]:
    """The fresh rows; where one says nothing new, that which is held, so that it isn't drawn; the
    very same, if none does."""
    known = {row.n: row for row in held}
    rows = tuple(
        old if (old := known.get(row.n)) is not None and old == row else row for row in fresh
    )
    is_same = len(rows) == len(held) and all(a is b for a, b in zip(rows, held, strict=True))
    return held if is_same else rows
