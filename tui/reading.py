"""How each part that a screen wants is read: a call, and the event that tells what came."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from steward.errors import UnknownId
from tui import events, pending, rows
from tui.held import Part
from tui.wants import Client, Query, Wants

PENDING = "pending"
"""The part that is read wherever it is decided who belongs, whatever the screen shows."""
PAGE = 200
FIRST, NODES = 200, 1000
"""Nodes in the first page of the roster, which is on the screen before the others are read, and in
each of those."""
LAST = 12
"""Messages of one node that its pane shows."""
TOLD: Mapping[str, Any] = {"method": ["ListProcesses"], "state": ["succeeded"]}
"""Where another node has told of its processes."""

Changed = frozenset[str] | None
"""Messages that have changed; None: any may have."""
Reader = Callable[[Client, Wants, Changed], Awaitable[events.Heard | None]]
"""(who to ask, what is wanted, what has changed) -> what came."""


async def status(client: Client, _wants: Wants, _changed: Changed) -> events.Heard:
    return events.StatusRead(rows.read(rows.Status, await client.call("status")))


async def nodes_of(client: Client, names: frozenset[str]) -> events.NodesRead:
    """These nodes; of those that are no longer known nothing is told."""
    return events.NodesRead(_nodes(await client.call("nodes", names=sorted(names))), names)


async def roster_page(client: Client, after: str) -> events.NodesRead:
    """The nodes whose names come after this one, as many as a page has."""
    asked: dict[str, Any] = {"limit": NODES, "after": after} if after else {"limit": FIRST}
    answer = await client.call("nodes", **asked)
    return events.NodesRead(_nodes(answer), None, after, answer["cursor"])


def _nodes(answer: Any) -> tuple[rows.NodeRow, ...]:
    return tuple(rows.read(rows.NodeRow, one) for one in answer["nodes"])


async def node(client: Client, wants: Wants, _changed: Changed) -> events.Heard | None:
    try:
        found = await client.call("node", name=wants.node)
    except UnknownId:
        return None  # forgotten: the roster says so
    last = await client.call("messages", node=[wants.node], limit=LAST, brief=True)
    processes, told = found.get("processes"), None
    if not isinstance(processes, list):
        told = await client.call("messages", node=[wants.node], **TOLD, limit=1)
    return events.NodeOpened(
        rows.read(rows.NodeRow, found),
        tuple(processes) if isinstance(processes, list) else None,
        tuple(rows.read(rows.MessageRow, one) for one in last["messages"]),
        rows.read(rows.MessageRow, told["messages"][0]) if told and told["messages"] else None,
    )


async def message(client: Client, wants: Wants, _changed: Changed) -> events.Heard:
    answer = await client.call("message", id=wants.message)
    return events.MessageRead(rows.read(rows.MessageRow, answer))


async def messages(client: Client, wants: Wants, changed: Changed) -> events.Heard | None:
    if wants.messages is None:
        return None
    if changed is None:
        return await messages_page(client, wants.messages)
    return await _messages_of(client, wants.messages, changed)


async def sight(client: Client, wants: Wants, _changed: Changed) -> events.Heard | None:
    if wants.messages is None:
        return None
    return await _messages_of(client, wants.messages, frozenset(wants.sight))


async def _messages_of(client: Client, query: Query, ids: frozenset[str]) -> events.Heard:
    """What has become of these."""
    asked: dict[str, Any] = {"ids": sorted(ids), "brief": True, "limit": len(ids) or 1}
    answer = await client.call("messages", **query.call(), **asked)
    return events.MessagesRead(query, _part(rows.MessageRow, answer, "messages", ids=ids))


async def errors(client: Client, wants: Wants, _changed: Changed) -> events.Heard | None:
    return None if wants.errors is None else await errors_page(client, wants.errors)


async def jobs(client: Client, wants: Wants, _changed: Changed) -> events.Heard | None:
    return None if wants.jobs is None else await jobs_page(client, wants.jobs)


async def job(client: Client, wants: Wants, _changed: Changed) -> events.Heard:
    """The job, and in full one message of each of its largest groups, to compare outputs; those
    that are known and cannot change are not read again."""
    found = rows.read(rows.Job, await client.call("job", job=wants.job))
    ids = [group.sample for group in found.groups[: rows.COMPARED]]
    fresh = [id for id in ids if id not in wants.job_settled]
    return events.JobRead(found, await _in_full(client, fresh))


async def samples(client: Client, wants: Wants, _changed: Changed) -> events.Heard:
    return events.SamplesRead(await _in_full(client, wants.samples))


async def _in_full(client: Client, ids: Iterable[str]) -> dict[str, rows.MessageRow]:
    found = {}
    for id in ids:
        with contextlib.suppress(UnknownId):  # too old: forgotten since
            found[id] = rows.read(rows.MessageRow, await client.call("message", id=id))
    return found


async def health(client: Client, _wants: Wants, _changed: Changed) -> events.Heard:
    return events.HealthRead(rows.read(rows.Health, await client.call("health")))


async def introductions(client: Client, _wants: Wants, _changed: Changed) -> events.Heard:
    found = (await client.call("pending"))["pending"]
    return events.PendingRead(pending.ordered(rows.read(pending.PendingRow, one) for one in found))


READERS: Mapping[str, Reader] = {
    "status": status,
    "node": node,
    "message": message,
    "messages": messages,
    "sight": sight,
    "errors": errors,
    "jobs": jobs,
    "job": job,
    "samples": samples,
    "health": health,
    PENDING: introductions,
}


async def messages_page(client: Client, query: Query, cursor: str | None = None) -> events.Heard:
    answer = await _page(client, "messages", query, cursor, brief=True)
    part = _part(rows.MessageRow, answer, "messages", cursor)
    rising = query.call().get("sort") == "accepted"
    return events.MessagesRead(query, replace(part, rising=rising))


async def errors_page(client: Client, query: Query, cursor: str | None = None) -> events.Heard:
    answer = await _page(client, "errors", query, cursor)
    return events.ErrorsRead(query, _part(rows.ErrorRow, answer, "errors", cursor))


async def jobs_page(client: Client, query: Query, cursor: str | None = None) -> events.Heard:
    answer = await _page(client, "jobs", query, cursor)
    return events.JobsRead(query, _part(rows.Job, answer, "jobs", cursor))


PAGES: Mapping[str, Callable[[Client, Query, str | None], Awaitable[events.Heard]]] = {
    "messages": messages_page,
    "errors": errors_page,
    "jobs": jobs_page,
}


async def _page(client: Client, method: str, query: Query, cursor: str | None, **more: Any) -> Any:
    params = query.call() | more | ({"cursor": cursor} if cursor else {})
    return await client.call(method, limit=PAGE, **params)


def _part(
    kind: type[rows.R],
    answer: Any,
    name: str,
    after: str | None = None,
    ids: frozenset[str] | None = None,
) -> Part[Any]:
    found = tuple(rows.read(kind, one) for one in answer[name])
    told = {key: answer.get(key) for key in ("cursor", "total", "reached")}
    return Part(found, **told, newest=answer["newest"], after=after, ids=ids)
