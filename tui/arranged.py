"""PURE: rows kept sorted and ready to be searched; only those that have changed are worked on."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from tui.filters import Filter

T = TypeVar("T")


class _Kept(NamedTuple, Generic[T]):
    row: T
    key: Any
    text: str
    lowered: str
    fields: Mapping[str, str]


class Arranged(Generic[T]):
    """Between two readings of ten thousand rows few have changed: the others keep their place and
    the text that a filter looks at."""

    def __init__(self, text: Callable[[T], str], fields: Callable[[T], Mapping[str, str]]) -> None:
        self._text, self._fields = text, fields
        self._held: dict[Hashable, _Kept[T]] = {}
        self._order: list[_Kept[T]] = []
        self._key: Callable[[T], Any] | None = None
        self._rows: object = None

    def take(self, rows: Mapping[Any, T], key: Callable[[T], Any]) -> bool:
        """Hold ``rows``, sorted by ``key``; whether anything is other than before. Rows are
        compared by identity: one that is read anew is a new one."""
        if rows is self._rows and key is self._key:
            return False
        held = self._held if key is self._key else {}
        fresh = {
            name: old if (old := held.get(name)) is not None and old.row is row
            else self._kept(row, key, self._held.get(name))
            for name, row in rows.items()
        }  # fmt: skip
        stays = key is self._key and len(fresh) == len(self._order) and self._in_place(fresh)
        self._held, self._rows, self._key = fresh, rows, key
        if not stays:
            self._order = sorted(fresh.values(), key=lambda kept: kept.key)
        return True

    def _kept(self, row: T, key: Callable[[T], Any], old: _Kept[T] | None) -> _Kept[T]:
        if old is not None and old.row is row:
            return old._replace(key=key(row))
        text = self._text(row)
        return _Kept(row, key(row), text, text.lower(), self._fields(row))

    def _in_place(self, fresh: Mapping[Any, _Kept[T]]) -> bool:
        """Put changed rows where they stand already, if that is still their place."""
        moved = [
            (old, new) for name, old in self._held.items() if (new := fresh.get(name)) is not old
        ]
        if any(new is None or new.key != old.key for old, new in moved):
            return False
        changed = {id(old): new for old, new in moved if new is not None}
        self._order = [changed.get(id(kept), kept) for kept in self._order]
        return True

    def kept(self, wanted: Filter, also: Callable[[T], bool] | None = None) -> Sequence[T]:
        """The rows, in order, that the filter keeps, and ``also`` is true of."""
        found: Iterable[_Kept[T]] = self._order
        if wanted.words and not (wanted.unwanted or wanted.pairs or wanted.patterns):
            for word in wanted.words:
                found = [kept for kept in found if word in kept.lowered]
        elif wanted:
            found = [kept for kept in found if wanted.keeps(kept.text, kept.fields)]
        return [kept.row for kept in found if also is None or also(kept.row)]
