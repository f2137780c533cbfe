"""How each part that a screen wants is read: a call, and the event that tells what came."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from steward.errors import UnknownId
from tui import events, rows
from tui.wants import Client, Query, Wants

PAGE = 200
LAST = 12
"""Messages of one node that its pane shows."""
TOLD: Mapping[str, Any] = {"method": ["ListProcesses"], "state": ["succeeded"]}
"""Where another node has told of its processes."""

Reader = Callable[[Client, Wants, frozenset[str]], Awaitable[events.Heard | None]]
"""(who to ask, what is wanted, the nodes that changed: none means all)."""


async def status(client: Client, _wants: Wants, _changed: frozenset[str]) -> events.Heard:
    return events.StatusRead(rows.read(rows.Status, await client.call("status")))


async def nodes(client: Client, _wants: Wants, changed: frozenset[str]) -> events.Heard:
    answer = await client.call("nodes", names=sorted(changed) if changed else None)
    found = tuple(rows.read(rows.NodeRow, one) for one in answer["nodes"])
    return events.NodesRead(found, changed or None)


async def node(client: Client, wants: Wants, _changed: frozenset[str]) -> events.Heard | None:
    try:
        found = await client.call("node", name=wants.node)
    except UnknownId:
        return None  # forgotten: the roster says so
    last = await client.call("messages", node=[wants.node], limit=LAST)
    processes, told = found.get("processes"), None
    if not isinstance(processes, list):
        told = await client.call("messages", node=[wants.node], **TOLD, limit=1)
    return events.NodeOpened(
        rows.read(rows.NodeRow, found),
        tuple(processes) if isinstance(processes, list) else None,
        tuple(rows.read(rows.MessageRow, one) for one in last["messages"]),
        rows.read(rows.MessageRow, told["messages"][0]) if told and told["messages"] else None,
    )


async def message(client: Client, wants: Wants, _changed: frozenset[str]) -> events.Heard:
    answer = await client.call("message", id=wants.message)
    return events.MessageRead(rows.read(rows.MessageRow, answer))


async def messages(client: Client, wants: Wants, _changed: frozenset[str]) -> events.Heard | None:
    return None if wants.messages is None else await messages_page(client, wants.messages)


async def errors(client: Client, wants: Wants, _changed: frozenset[str]) -> events.Heard | None:
    return None if wants.errors is None else await errors_page(client, wants.errors)


async def jobs(client: Client, wants: Wants, _changed: frozenset[str]) -> events.Heard | None:
    return None if wants.jobs is None else await jobs_page(client, wants.jobs)


async def job(client: Client, wants: Wants, _changed: frozenset[str]) -> events.Heard:
    """The job, and in full one message of each of its largest groups, to compare outputs; those
    that are known and cannot change are not read again."""
    found = rows.read(rows.Job, await client.call("job", job=wants.job))
    ids = [group.sample for group in found.groups[: rows.COMPARED]]
    fresh = [id for id in ids if id not in wants.job_settled]
    return events.JobRead(found, await _in_full(client, fresh))


async def samples(client: Client, wants: Wants, _changed: frozenset[str]) -> events.Heard:
    return events.SamplesRead(await _in_full(client, wants.samples))


async def _in_full(client: Client, ids: Iterable[str]) -> dict[str, rows.MessageRow]:
    found = {}
    for id in ids:
        with contextlib.suppress(UnknownId):  # too old: forgotten since
            found[id] = rows.read(rows.MessageRow, await client.call("message", id=id))
    return found


async def health(client: Client, _wants: Wants, _changed: frozenset[str]) -> events.Heard:
    return events.HealthRead(rows.read(rows.Health, await client.call("health")))


READERS: Mapping[str, Reader] = {
    "status": status,
    "nodes": nodes,
    "node": node,
    "message": message,
    "messages": messages,
    "errors": errors,
    "jobs": jobs,
    "job": job,
    "samples": samples,
    "health": health,
}


async def messages_page(client: Client, query: Query, cursor: str | None = None) -> events.Heard:
    answer = await _page(client, "messages", query, cursor)
    found = tuple(rows.read(rows.MessageRow, one) for one in answer["messages"])
    return events.MessagesRead(
        query, found, cursor=answer.get("cursor"), total=answer.get("total"), first=cursor is None
    )


async def errors_page(client: Client, query: Query, cursor: str | None = None) -> events.Heard:
    answer = await _page(client, "errors", query, cursor)
    found = tuple(rows.read(rows.ErrorRow, one) for one in answer["errors"])
    return events.ErrorsRead(query, found, cursor=answer.get("cursor"), first=cursor is None)


async def jobs_page(client: Client, query: Query, cursor: str | None = None) -> events.Heard:
    answer = await _page(client, "jobs", query, cursor)
    found = tuple(rows.read(rows.Job, one) for one in answer["jobs"])
    return events.JobsRead(query, found, cursor=answer.get("cursor"), first=cursor is None)


PAGES: Mapping[str, Callable[[Client, Query, str | None], Awaitable[events.Heard]]] = {
    "messages": messages_page,
    "errors": errors_page,
    "jobs": jobs_page,
}


async def _page(client: Client, method: str, query: Query, cursor: str | None) -> Any:
    params = query.call() | ({"cursor": cursor} if cursor else {})
    return await client.call(method, limit=PAGE, **params)
