"""PURE: fuzzy search: whether a pattern's characters are in a text in their order, and how well."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

T = TypeVar("T")

MATCH, RUN, WORD, FIRST = 16, 12, 10, 4
"""For each character found; more if it follows the one before, begins a word, or the text."""
FARTHEST = 12
"""A gap costs one for each character left out, at most this."""
MOST_TRIED = 32
"""Ways of finding the pattern in one text that are compared."""
LONGEST = 1000
"""Characters of a text that are looked at."""


def score(pattern: str, text: str) -> tuple[int, tuple[int, ...]] | None:
    """How well ``pattern`` fits ``text``, and the places of its characters in it; None: not at
    all. Upper and lower case are the same; an empty pattern fits everything equally."""
    wanted, given = _lower(pattern), _lower(text[:LONGEST])
    if not wanted:
        return 0, ()
    found: list[Sequence[int]] = []
    start = given.find(wanted[0])
    while len(found) < MOST_TRIED and (places := _places(wanted, given, start)) is not None:
        found.append(places)
        if (whole := given.find(wanted, start)) >= 0:
            found.append(range(whole, whole + len(wanted)))
        start = given.find(wanted[0], start + 1)
    if not found:
        return None
    return max(((_worth(one, text), tuple(one)) for one in found), key=lambda fit: fit[0])


def best(pattern: str, found: Iterable[T], text: Callable[[T], str]) -> list[T]:
    """Those whose ``text`` fits, best first; equally good ones stay in their order."""
    scored = ((score(pattern, text(one)), one) for one in found)
    fitting = [(fit[0], one) for fit, one in scored if fit is not None]
    return [one for _, one in sorted(fitting, key=lambda pair: -pair[0])]


def _lower(text: str) -> str:
    lowered = text.lower()
    if len(lowered) == len(text):
        return lowered
    return "".join(c.lower() if len(c.lower()) == 1 else c for c in text)


def _places(wanted: str, given: str, start: int) -> list[int] | None:
    """Where each character is found first, from ``start`` on."""
    places: list[int] = []
    for character in wanted:
        place = given.find(character, start) if start >= 0 else -1
        if place < 0:
            return None
        places.append(place)
        start = place + 1
    return places


def _worth(places: Iterable[int], text: str) -> int:
    total, before = 0, -1
    for place in places:
        total += MATCH
        if place == before + 1 and before >= 0:
            total += RUN
        elif _begins_word(text, place):
            total += WORD
        if before >= 0:
            total -= min(place - before - 1, FARTHEST)
        elif place == 0:
            total += FIRST
        before = place
    return total - min(len(text) // 16, FARTHEST)


def _begins_word(text: str, place: int) -> bool:
    if place == 0:
        return True
    before, here = text[place - 1], text[place]
    return (here.isalnum() and not before.isalnum()) or (before.islower() and here.isupper())
