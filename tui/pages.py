"""Every row of a query from the daemon, page by page, as the daemon tells it: for an export."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec

from tui import rows
from tui.link import Link
from tui.rows import R
from tui.wants import Query

PAGE = 500


async def kept(
    link: Link, topic: str, query: Query, kind: type[R], keeps: Callable[[R], bool]
) -> AsyncIterator[tuple[bytes, str]]:
    """JSON lines of those that a filter keeps, a page at a time, with how many were looked at.
    Raises StewardError."""
    cursor: str | None = None
    seen = found = 0
    while True:
        more = {"cursor": cursor} if cursor else {}
        answer: dict[str, Any] = await link.call(topic, limit=PAGE, **query.call(), **more)
        lines = [raw for raw in answer[topic] if keeps(rows.read(kind, raw))]
        seen, found = seen + len(answer[topic]), found + len(lines)
        total = f" of {answer['total']:,}" if answer.get("total") else ""
        yield b"".join(map(json_line, lines)), f"{found:,} kept, {seen:,}{total} looked at"
        cursor = answer.get("cursor")
        if not cursor:
            return


def json_line(row: object) -> bytes:
    """A row on a line of its own."""
    return msgspec.json.encode(row) + b"\n"
