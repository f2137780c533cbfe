"""The console's own themes: dark, light, and one of the sixteen colours that every terminal has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from textual.theme import Theme

DARK = Theme(
    name="steward-dark",
    primary="#6cb0ea",
    secondary="#8fa3bf",
    accent="#6cb0ea",
    success="#8cc284",
    warning="#e3ad63",
    error="#ee7680",
    foreground="#ccd3de",
    background="#121418",
    surface="#1a1d22",
    panel="#282c34",
    dark=True,
    variables={"ink-muted": "#8792a4", "ink-faint": "#4d5869", "ink-busy": "#c3a5f5"},
)
LIGHT = Theme(
    name="steward-light",
    primary="#1f6aa8",
    secondary="#5a6b80",
    accent="#1f6aa8",
    success="#2f7a34",
    warning="#8f5f00",
    error="#b8303b",
    foreground="#232a33",
    background="#fbfbf9",
    surface="#f1f2ef",
    panel="#dfe5ec",
    dark=False,
    variables={"ink-muted": "#626d7a", "ink-faint": "#a9b1ba", "ink-busy": "#6d3fc0"},
)
CONTRAST = Theme(
    name="steward-contrast",
    primary="#55ffff",
    secondary="#aaaaaa",
    accent="#55ffff",
    success="#55ff55",
    warning="#ffff55",
    error="#ff5555",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#0000aa",
    dark=True,
    variables={"ink-muted": "#aaaaaa", "ink-faint": "#aaaaaa", "ink-busy": "#ff55ff"},
)
THEMES: Final = (DARK, LIGHT, CONTRAST)
_PREFIX = "steward-"
NAMES: Final[Mapping[str, str]] = {theme.name.removeprefix(_PREFIX): theme.name for theme in THEMES}
"""What people call them, and what Textual does."""


def after(name: str) -> str:
    """The theme after this one, round and round; both as Textual calls them."""
    names = list(NAMES.values())
    return names[(names.index(name) + 1) % len(names)] if name in names else names[0]


def called(name: str) -> str:
    """What people call a theme."""
    return name.removeprefix(_PREFIX)


def fitting(colors: str | None) -> str:
    """The theme for a terminal of this colour system (rich's name), where nobody has said."""
    return CONTRAST.name if colors in ("standard", "windows") else DARK.name
