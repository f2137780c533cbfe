"""PURE: counts and names as a sentence has them."""

from __future__ import annotations

from collections.abc import Sequence


def plural(count: int, noun: str) -> str:
    """``node`` for one, ``nodes`` for others."""
    return noun if count == 1 else f"{noun}s"


def many(count: int, noun: str) -> str:
    """``1 node``, ``1,200 nodes``."""
    return f"{count:,} {plural(count, noun)}"


def nodes(names: Sequence[str]) -> str:
    """The only one's name, or how many there are."""
    return names[0] if len(names) == 1 else many(len(names), "node")


def several(names: Sequence[str], most: int) -> str:
    """``ship1, ship2, ship3 and 40 more``: at ``most`` so many by name."""
    named = ", ".join(names[:most])
    return f"{named} and {len(names) - most:,} more" if len(names) > most else named
