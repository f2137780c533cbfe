"""Pages of rows join up, and nothing is held twice, lost, or thrown away for a few new ones."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tui.held import Page, Part
from tui.rows import MessageRow

Q = "a query"


def rows(*numbers: int, state: str = "sent") -> tuple[MessageRow, ...]:
    return tuple(MessageRow(id=f"m{n}", n=n, state=state) for n in numbers)


def part(*numbers: int, cursor: str | None = None, **more: Any) -> Part[MessageRow]:
    return Part(rows(*numbers), cursor, **{"newest": 100, **more})


def first(*numbers: int, cursor: str | None = None, **more: Any) -> Page[MessageRow]:
    empty: Page[MessageRow] = Page()
    return empty.joined(Q, part(*numbers, cursor=cursor, **more))


def held(page: Page[MessageRow]) -> list[int]:
    return [row.n for row in page.rows]


def test_further_rows_go_behind_and_only_where_they_join() -> None:
    page = first(100, 99, 98, cursor="98", total=7)
    page = page.joined(Q, part(97, 95, cursor="95", after="98", reached="a time"))
    assert (held(page), page.cursor, page.reached) == ([100, 99, 98, 97, 95], "95", "a time")
    assert page.joined(Q, part(97, 95, cursor="95", after="98")) is page
    assert page.joined("another", part(94, after="95")) is page
    page = page.joined(Q, part(2, after="95"))
    assert (held(page)[-1], page.cursor, page.total) == (2, None, 7)


def test_an_empty_page_is_not_the_end() -> None:
    page = first(cursor="80")
    page = page.joined(Q, part(cursor="60", after="80"))
    assert (held(page), page.cursor, page.total) == ([], "60", None)
    page = page.joined(Q, part(5, after="60"))
    assert (held(page), page.cursor, page.total) == ([5], None, 1)


def test_first_rows_read_again_keep_what_was_found_further_back() -> None:
    page = first(100, 99, cursor="99").joined(Q, part(50, cursor="40", after="99", reached="t"))
    page = page.joined(Q, part(101, 100, cursor="100", newest=101, total=9))
    assert (held(page), page.cursor, page.reached) == ([101, 100, 99, 50], "40", "t")
    assert (page.newest, page.total) == (101, 9)
    searched = first(cursor="80").joined(Q, part(7, cursor="5", after="80"))
    again = searched.joined(Q, part(cursor="81", newest=101))
    assert (held(again), again.cursor, again.newest) == ([7], "5", 101)


def test_first_rows_read_again_take_away_what_is_gone_from_among_them() -> None:
    page = first(100, 99, 98, cursor="98").joined(Q, part(50, after="98"))
    assert held(page.joined(Q, part(100, 98, cursor="98"))) == [100, 98, 50]


def test_first_rows_that_do_not_join_up_stand_alone() -> None:
    page = first(100, 99, cursor="99")
    assert held(page.joined(Q, part(160, 150, cursor="150", newest=160))) == [160, 150]
    assert held(page.joined(Q, part(102, 101, cursor="101", newest=102))) == [102, 101, 100, 99]
    assert held(page.joined("another", part(100, cursor="100"))) == [100]
    older_store = page.joined(Q, part(50, cursor="50", newest=50))
    assert held(older_store) == [50]


def test_rows_that_say_nothing_new_stay_the_ones_that_they_are() -> None:
    page = first(100, 99, 98, cursor="98")
    changed = Part((*rows(100), *rows(99, state="failed"), *rows(98)), "98", newest=100)
    after = page.joined(Q, changed)
    assert [a is b for a, b in zip(page.rows, after.rows, strict=True)] == [True, False, True]
    assert page.joined(Q, part(100, 99, 98, cursor="98")).rows is page.rows


def test_some_rows_are_replaced_added_and_taken_away() -> None:
    page = first(100, 99, 98, cursor="98", total=50)
    ids = frozenset({"m99", "m98", "m101", "m40"})
    told = Part((*rows(101, 40), *rows(99, state="failed")), ids=ids)
    after = page.joined(Q, told)
    assert (held(after), after.total, after.cursor) == ([101, 100, 99], 50, "98")
    assert after.rows[2].state == "failed"
    assert after.joined(Q, Part(rows(100), ids=frozenset({"m100"}))) is after
    assert after.joined("another", told) is after


def test_the_oldest_may_come_first() -> None:
    page = first(1, 2, cursor="2", rising=True).joined(Q, part(3, 5, after="2", rising=True))
    assert (held(page), page.cursor) == ([1, 2, 3, 5], None)
    page = page.joined(Q, Part(rows(101), ids=frozenset({"m101"}), rising=True))
    assert held(page) == [1, 2, 3, 5, 101]
    page = page.joined(Q, part(1, 2, cursor="2", newest=103, rising=True))
    assert (held(page), page.cursor) == ([1, 2, 3, 5, 101], "101")
    page = page.joined(Q, part(103, after="101", rising=True))
    assert held(page)[-2:] == [101, 103]


@given(st.data())
def test_whatever_is_read_when_the_rows_are_those_of_the_store(data: st.DataObject) -> None:
    """A store that grows and changes, and a console that reads first, further and changed rows of
    it in any order: from its first row to its cursor it has what the store had, and, once all
    changes are told, what it has."""
    rising = data.draw(st.booleans())
    store: dict[int, str] = {n: "sent" for n in range(1, 1 + data.draw(st.integers(0, 12)))}
    page: Page[MessageRow] = Page()
    changed: set[str] = set()

    def read(after: str | None, limit: int) -> Part[MessageRow]:
        top = 0 if rising else 10**9
        edge = top if after is None else int(after)
        numbers = [n for n in store if (n > edge if rising else n < edge)]
        looked = sorted(numbers, reverse=not rising)[:limit]
        found = tuple(MessageRow(id=f"m{n}", n=n) for n in looked if store[n] == "sent")
        cursor = str(looked[-1]) if len(numbers) > limit else None
        newest = max(store, default=0)
        return Part(found, cursor, newest=newest, after=after, rising=rising)

    def told() -> Part[MessageRow]:
        found = tuple(
            MessageRow(id=f"m{n}", n=n)
            for n, state in store.items()
            if state == "sent" and f"m{n}" in changed
        )
        ids = frozenset(changed)
        changed.clear()
        return Part(found, ids=ids, rising=rising)

    for _ in range(data.draw(st.integers(1, 25))):
        match data.draw(st.sampled_from(["new", "change", "first", "further", "told"])):
            case "new":
                n = max(store, default=0) + 1
                store[n] = data.draw(st.sampled_from(["sent", "failed"]))
                changed.add(f"m{n}")
            case "change" if store:
                n = data.draw(st.sampled_from(sorted(store)))
                store[n] = "failed" if store[n] == "sent" else "sent"
                changed.add(f"m{n}")
            case "first":
                page = page.joined(Q, read(None, data.draw(st.integers(1, 5))))
            case "further" if page.cursor is not None:
                page = page.joined(Q, read(page.cursor, data.draw(st.integers(1, 5))))
            case "told" if page.read:
                page = page.joined(Q, told())
        numbers = held(page)
        assert numbers == sorted(set(numbers), reverse=not rising)
    page = page.joined(Q, read(None, 3)).joined(Q, told())
    while page.cursor is not None:
        page = page.joined(Q, read(page.cursor, 3))
    assert held(page) == sorted((n for n, s in store.items() if s == "sent"), reverse=not rising)
