"""What the control socket tells of messages and errors, page by page, made of plain lists."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

Json = dict[str, Any]
OUTPUTS = ("stdout", "stderr", "stdoutTail", "stderrTail")
FIRST = 400


def numbered(rows: Sequence[Json]) -> Iterator[tuple[int, Json]]:
    """Newest first, as they are held; the oldest has the number 1."""
    for place, row in enumerate(rows):
        yield len(rows) - place, row


def page(
    name: str,
    found: Sequence[tuple[int, Json]],
    limit: int,
    cursor: str | None,
    *,
    newest: int,
    looks: int | None = None,
    rising: bool = False,
) -> Json:
    """The answer with as many as there may be, of the next so many that are looked at."""
    sign = 1 if rising else -1
    start = int(cursor) if cursor is not None else (0 if rising else newest + 1)
    end = newest if rising else 1
    edge = end if looks is None else start + sign * looks
    later = sorted((one for one in found if (one[0] - start) * sign > 0), key=lambda o: sign * o[0])
    seen = [(n, row) for n, row in later if (edge - n) * sign >= 0]
    more = edge if (end - edge) * sign > 0 else None
    if len(seen) > limit:
        more = seen[limit - 1][0]
    return {
        name: [row for _, row in seen[:limit]],
        "cursor": None if more is None else str(more),
        "newest": newest,
        "reached": None if more is None else "2026-03-12T08:00:00.000Z",
    }


def messages(
    rows: Sequence[Json],
    looks: int | None,
    limit: int = 100,
    cursor: str | None = None,
    ids: list[str] | None = None,
    brief: bool = False,
    sort: str = "-accepted",
    all: bool = False,
    **kept: Any,
) -> Json:
    """The answer to ``messages``."""
    wanted = [(n, m) for n, m in numbered(rows) if _wanted(m, **kept)]
    found = [
        (n, {**(_briefly(m) if brief else m), "n": n})
        for n, m in wanted
        if ids is None or m["id"] in ids
    ]
    looks = looks if ids is None else None
    how: Any = {"newest": len(rows), "looks": looks, "rising": sort == "accepted"}
    told = page("messages", found, limit, cursor, **how)
    is_counted = ids is None and (not kept.get("text") or told["cursor"] is cursor is None)
    return told | {"total": len(wanted) if is_counted else None}


def errors(
    rows: Sequence[Json],
    looks: int | None,
    limit: int = 100,
    cursor: str | None = None,
    node: str | None = None,
    level: str | Sequence[str] = (),
    text: Sequence[str] = (),
) -> Json:
    """The answer to ``errors``: they have numbers of their own."""
    newest = max((row["n"] for row in rows), default=0)
    found = [
        (row["n"], row)
        for row in rows
        if node in (None, row["node"])
        and (not level or row["level"] in level)
        and all(word in str(row).lower() for word in text)
    ]
    return page("errors", found, limit, cursor, newest=newest, looks=looks)


def _briefly(message: Json) -> Json:
    brief, data, room = dict(message), [], FIRST
    for word in message["data"]:
        data.append(word[: max(room, 0)])
        room -= len(word) + 1
    if room < -1:
        brief |= {"data": data, "dataCut": True}
    if message.get("result"):
        brief["result"] = {k: v for k, v in message["result"].items() if k not in OUTPUTS}
    return brief


def _wanted(
    message: Json,
    state: Sequence[str] = (),
    node: Sequence[str] = (),
    method: Sequence[str] = (),
    job: str = "",
    text: Sequence[str] = (),
    problems: bool = False,
) -> bool:
    return (
        (not state or message["state"] in state)
        and (not node or message["toNode"] in node)
        and (not method or message["method"] in method)
        and (not job or message.get("job") == job)
        and all(word in str(message).lower() for word in text)
        and (not problems or message["state"] in ("failed", "expired", "undelivered"))
    )
