"""A list that the daemon tells page by page: as much of it as is asked for, and how to go on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from steward.cli import output
from steward.control.client import ControlClient

PAGE: Final = 1000


class Listed(NamedTuple):
    """What was read; ``cursor`` None: that was all; ``total`` None: nobody has counted."""

    found: list[dict[str, Any]]
    cursor: str | None
    total: int | None


def wanted(filters: Mapping[str, Any]) -> dict[str, Any]:
    """What the daemon is asked for; no level, say, is not the same as none of them."""
    return {key: list(v) if isinstance(v, tuple) else v for key, v in filters.items() if v != ()}


async def listed(
    state_dir: Path, topic: str, limit: int, cursor: str | None, filters: Mapping[str, Any]
) -> Listed:
    """At most ``limit`` of them, from ``cursor`` on."""
    found: list[dict[str, Any]] = []
    total: int | None = None
    async with ControlClient(state_dir) as client:
        while len(found) < limit:
            page = min(PAGE, limit - len(found))
            answer = await client.call(topic, limit=page, cursor=cursor, **wanted(filters))
            found += answer[topic]
            cursor, total = answer["cursor"], answer.get("total")
            if cursor is None:
                break
    return Listed(found, cursor, total)


def tell_more(told: Listed, form: str) -> None:
    """Below a table that is not all."""
    if told.cursor is not None and form == "table":
        counted = f"{told.total:,} in all; " if told.total is not None else ""
        output.note(f"{counted}more: --cursor {told.cursor}, or a higher --limit")
