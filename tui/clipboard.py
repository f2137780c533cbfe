"""Copies by the terminal (OSC 52), which may or may not take it: it does not say."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from typing import Any

from textual.app import App

from steward.text import safe

MOST = 74_994
"""Bytes: 99,992 in base64, just below the 100,000 at which terminals cut an escape sequence."""


def tame(text: str) -> str:
    """What may go into a clipboard: nothing but lines and tabs acts on where it is pasted."""
    return safe(text.replace("\r\n", "\n"), keep="\n\t")


def copy(app: App[Any], text: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Hand it to the terminal. False: it is too long for that."""
    content = text.encode("utf-8", "replace")
    if len(content) > MOST:
        return False
    app.copy_to_clipboard(text)
    if environ.get("TMUX") and (driver := app._driver) is not None:
        driver.write(through_tmux(content))
    return True


def through_tmux(content: bytes) -> str:
    """The same for the terminal around tmux, which passes it on if ``allow-passthrough`` is on;
    with ``set-clipboard on`` tmux takes the first one. It drops what it doesn't take."""
    encoded = base64.b64encode(content).decode()
    return f"\x1bPtmux;\x1b\x1b]52;c;{encoded}\x07\x1b\\"
