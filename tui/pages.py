"""Rows in full from the daemon, page by page: every one of a query, for an export; or some."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import msgspec

from tui import rows
from tui.link import Link
from tui.rows import MessageRow, R
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


async def whole(link: Link, chosen: Sequence[MessageRow]) -> list[MessageRow]:
    """The messages with all of their data, without those that are forgotten by now. Raises
    StewardError."""
    found = {row.id: row for row in chosen if not row.data_cut}
    lacking = [row.id for row in chosen if row.data_cut]
    for at in range(0, len(lacking), PAGE):
        asked: dict[str, Any] = {"ids": lacking[at : at + PAGE], "all": True, "limit": PAGE}
        cursor: str | None = ""
        while cursor is not None:
            answer = await link.call("messages", **asked, **({"cursor": cursor} if cursor else {}))
            found |= {m["id"]: rows.read(MessageRow, m) for m in answer["messages"]}
            cursor = answer["cursor"]
    return [found[row.id] for row in chosen if row.id in found]


def json_line(row: object) -> bytes:
    """A row on a line of its own."""
    return msgspec.json.encode(row) + b"\n"
