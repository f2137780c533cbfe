"""PURE: Textual's picture of a screen, made to look the same wherever it is opened."""

from __future__ import annotations

import re

FONTS = '"Fira Code", "DejaVu Sans Mono", Menlo, Consolas, monospace'
CELL = 12.2
"""Units of a cell's width in the picture."""
FONT_SIZE = "20.27px"
"""At which a character of DejaVu Sans Mono is a cell wide: not every program fits texts to their
length."""
_ELSEWHERE = re.compile(r"@font-face\s*\{[^}]*\}\s*|<!--.*?-->\s*", re.DOTALL)
_FONT = re.compile(r"font-family: Fira Code(, monospace)?")
_TEXT = re.compile(
    r'<text class="([^"]+)" x="([\d.]+)" y="([\d.]+)" textLength="([\d.]+)" ([^>]*)>([^<]*)</text>'
)
_SPACE = "&#160;"


def portable(svg: str) -> str:
    """Without the fonts that it would fetch and the page that it would name, and with no text that
    begins or ends with a space: some programs leave these out, and stretch the rest."""
    svg = _FONT.sub(f"font-family: {FONTS}", _ELSEWHERE.sub("", svg))
    svg = svg.replace("font-size: 20px", f"font-size: {FONT_SIZE}")
    return _TEXT.sub(_trimmed, svg)


def _trimmed(found: re.Match[str]) -> str:
    name, x, y, length, more, text = found.groups()
    kept = text
    before = after = 0
    while kept.startswith(_SPACE):
        kept, before = kept.removeprefix(_SPACE), before + 1
    while kept.endswith(_SPACE):
        kept, after = kept.removesuffix(_SPACE), after + 1
    if not kept:
        return ""
    left = f"{float(x) + before * CELL:g}"
    wide = f"{float(length) - (before + after) * CELL:g}"
    return f'<text class="{name}" x="{left}" y="{y}" textLength="{wide}" {more}>{kept}</text>'
