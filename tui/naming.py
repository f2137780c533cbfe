"""PURE: the order in which people expect names."""

from __future__ import annotations

from functools import lru_cache


@lru_cache(maxsize=20_000)
def natural(name: str) -> tuple[tuple[bool, int, str], ...]:
    """Sorts ``ship9`` before ``ship10``."""
    parts: list[tuple[bool, int, str]] = []
    digits = word = ""
    for character in name + "\0":
        if character.isascii() and character.isdigit():
            if word:
                parts.append((True, 0, word))
                word = ""
            digits += character
        else:
            if digits:
                parts.append((False, int(digits), ""))
                digits = ""
            word += character.lower()
    return (*parts, (True, 0, word))
