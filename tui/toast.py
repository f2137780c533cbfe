"""Short notices in the corner, as plain text: the one call of ``notify`` in the console."""

from __future__ import annotations

from typing import Any

from textual.app import App

from steward.text import safe


def toast(app: App[Any], text: str, *, bad: bool = False) -> None:
    """Show ``text``, made safe and never read as markup."""
    if bad:
        app.notify(safe(text), severity="error", timeout=8, markup=False)
    else:
        app.notify(safe(text), timeout=4, markup=False)
