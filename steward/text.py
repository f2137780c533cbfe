"""Text that came from a node made safe to show: the one place where it is done."""

from __future__ import annotations

import re
from typing import Final

_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"
_HOSTILE: Final = re.compile(
    "["
    "\x00-\x1f\x7f-\x9f"  # C0, DEL, C1: a terminal obeys them
    "\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e0fff"  # bidirectional overrides, and what is invisible: it hides or reorders
    "\ud800-\udfff"  # half a surrogate pair: no stream can encode it
    "]"
)
_KEEPING: Final[dict[str, re.Pattern[str]]] = {"": _HOSTILE}


def safe(text: str, keep: str = "") -> str:
    """``text`` with every control, C1, bidirectional and invisible character as a visible symbol,
    one for one, so that columns stay where they are. ``keep`` lists characters to leave alone:
    ``"\\n\\t"`` for text of several lines."""
    pattern = _KEEPING.get(keep)
    if pattern is None:
        pattern = _KEEPING[keep] = re.compile(f"(?![{re.escape(keep)}]){_HOSTILE.pattern}")
    return pattern.sub(_symbol, text)


def _symbol(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "\N{SYMBOL FOR DELETE}" if code == 0x7F else _REPLACEMENT


def escaped(document: str) -> str:
    """JSON text with the same characters in JSON's own escapes, line ends aside: it means what it
    meant, and a terminal can show it."""
    return _HOSTILE.sub(_escape, document)


def _escape(match: re.Match[str]) -> str:
    if match[0] == "\n":
        return "\n"
    units = match[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))
