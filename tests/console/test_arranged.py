"""Rows kept sorted between two readings are the rows sorted anew."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from tui import filters
from tui.arranged import Arranged


@dataclass(frozen=True, eq=False)
class Thing:
    """A row: one that is read anew is another object."""

    name: str
    count: int


def by_name(thing: Thing) -> str:
    return thing.name


def by_count(thing: Thing) -> tuple[int, str]:
    return (-thing.count, thing.name)


def arranged() -> Arranged[Thing]:
    return Arranged(
        lambda thing: f"{thing.name} Count{thing.count}",
        lambda thing: {"name": thing.name, "count": str(thing.count)},
    )


changes = st.lists(
    st.tuples(st.sampled_from("abcdefgh"), st.one_of(st.none(), st.integers(0, 3)), st.booleans()),
    max_size=30,
)


@given(changes)
def test_whatever_changes_the_order_is_the_sorted_one(
    steps: list[tuple[str, int | None, bool]],
) -> None:
    held = arranged()
    rows: dict[str, Thing] = {}
    for name, count, by in steps:
        rows = dict(rows)
        if count is None:
            rows.pop(name, None)
        else:
            rows[name] = Thing(name, count)
        key = by_count if by else by_name
        held.take(rows, key)
        assert list(held.kept(filters.parse(""))) == sorted(rows.values(), key=key)
        for text in ("count1", "!a", "name=b", "~^[a-c]", "a count2"):
            wanted = filters.parse(text)
            assert [thing.name for thing in held.kept(wanted)] == [
                thing.name
                for thing in sorted(rows.values(), key=key)
                if wanted.keeps(f"{thing.name} Count{thing.count}", {
                    "name": thing.name, "count": str(thing.count)
                })
            ]  # fmt: skip


def test_the_same_rows_are_no_change() -> None:
    held = arranged()
    rows = {"a": Thing("a", 1), "b": Thing("b", 2)}
    assert held.take(rows, by_name)
    assert not held.take(rows, by_name)
    assert held.take(rows, by_count)
    assert [thing.name for thing in held.kept(filters.parse(""), lambda one: one.count > 1)] == [
        "b"
    ]
