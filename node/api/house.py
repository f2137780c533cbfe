"""The daemon as its control socket sees it."""

from __future__ import annotations

from typing import Any, Protocol

from steward.config import Settings
from steward.handoff.state import Now


class House(Protocol):
    """What the handlers need of it beside store and core."""

    settings: Settings

    def now(self) -> Now: ...

    def processes(self) -> list[dict[str, Any]]: ...

    def start_process(self, name: str) -> None: ...
