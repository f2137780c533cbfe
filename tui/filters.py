"""PURE: the filter line: words, ``!not``, ``key=value``, ``~regex``."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Filter:
    """What a row has to have. An invalid regex is named in ``fault`` and filters nothing."""

    text: str = ""
    words: tuple[str, ...] = ()
    unwanted: tuple[str, ...] = ()
    pairs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    patterns: tuple[re.Pattern[str], ...] = ()
    fault: str = ""

    def __bool__(self) -> bool:
        return bool(self.words or self.unwanted or self.pairs or self.patterns)

    def keeps(self, text: str, fields: Mapping[str, str]) -> bool:
        """Whether a row of this ``text`` and these named ``fields`` is wanted."""
        lowered = text.lower()
        return (
            all(word in lowered for word in self.words)
            and not any(word in lowered for word in self.unwanted)
            and all(pattern.search(text) for pattern in self.patterns)
            and all(
                any(wanted.lower() in fields.get(key, "").lower() for wanted in values)
                for key, values in self.pairs.items()
            )
        )

    def exact(self, key: str, known: Collection[str]) -> list[str]:
        """The values asked for under ``key``, if all are ``known`` ones: then, and not while one
        is half typed, the daemon can look them up in an index."""
        values = self.pairs.get(key, ())
        return list(values) if all(value in known for value in values) else []


def parse(text: str) -> Filter:
    """The filter that ``text`` describes; keys and words match in any case."""
    words: list[str] = []
    unwanted: list[str] = []
    pairs: dict[str, tuple[str, ...]] = {}
    patterns: list[re.Pattern[str]] = []
    fault = ""
    for part in text.split():
        key, equals, value = part.partition("=")
        if part.startswith("~"):
            try:
                patterns.append(re.compile(part[1:], re.IGNORECASE))
            except re.error as error:
                fault = f"~{part[1:]}: {error}"
        elif part.startswith("!"):
            unwanted.extend([part[1:].lower()] if part[1:] else [])
        elif equals and key and value:
            values = tuple(one for one in value.split(",") if one)
            pairs[key.lower()] = pairs.get(key.lower(), ()) + values
        elif not equals:
            words.append(part.lower())
    return Filter(text, tuple(words), tuple(unwanted), pairs, tuple(patterns), fault)
