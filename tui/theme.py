"""The console's own themes: one dark, one light, with the same meanings."""

from __future__ import annotations

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
THEMES = (DARK, LIGHT)
