"""PURE: what the word being typed after To could become: names, labels, groups."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from steward.text import safe
from tui.rows import NodeRow

_LAST = re.compile(r"[^,\s]*$")
_PATTERN = re.compile(r"[*?\[\]]")
_NOT_IN_A_WORD = re.compile(r"[,\s]")


def offers(to: str, nodes: Mapping[str, NodeRow], groups: Collection[str]) -> list[str]:
    """The words that the last one of ``to`` is the beginning of, the likeliest first, as far as
    they can be typed. None while nothing is typed, or where it is a whole name or pattern already:
    then nothing that is offered could be taken by mistake."""
    typed = last(to)
    if not typed or _PATTERN.search(typed) or typed in nodes:
        return []
    if typed.startswith("@"):
        words = {f"@{group}" for group in groups}
    elif "=" in typed:
        words = {f"{key}={_value(value)}" for key, value in _labels(nodes)}
    else:
        words = {f"{key}=" for key, _ in _labels(nodes)}
    names = sorted((name for name in nodes if name.startswith(typed)), key=_by_length)
    fitting = sorted(word for word in words if word.startswith(typed))
    return [] if typed in words else [word for word in names + fitting if safe(word) == word]


def last(to: str) -> str:
    """The word that is being typed."""
    found = _LAST.search(to)
    return found[0] if found else ""


def completed(to: str, word: str) -> str:
    """The field with ``word`` in place of the one being typed."""
    return to[: len(to) - len(last(to))] + word


def _by_length(name: str) -> tuple[int, str]:
    return len(name), name


def _labels(nodes: Mapping[str, NodeRow]) -> set[tuple[str, str]]:
    found = (item for row in nodes.values() for item in row.labels.items())
    return {(key, str(value)) for key, value in found if not _NOT_IN_A_WORD.search(key)}


def _value(value: str) -> str:
    """A label's value as a pattern for it: what would end the word is any one character."""
    plain = _PATTERN.sub(lambda found: f"[{found[0]}]" if found[0] != "]" else "]", value)
    return _NOT_IN_A_WORD.sub("?", plain)
