"""Nodes over the control socket: who is there, and the operator's hand on their queues."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from node.api.house import House
from node.api.messages import MessageApi
from node.targets import is_literal, resolve
from node.views import NodeViews
from steward.control.address import Caller
from steward.control.server import Handler
from steward.errors import UnknownId, UsageError
from steward.publisher import Publishers
from steward.store import Store, Tables
from steward.subjects import NodeName, node_name


class Roster(msgspec.Struct, forbid_unknown_fields=True):
    names: list[str] | None = None
    after: str = ""
    limit: int | None = None


class Nodes(msgspec.Struct, forbid_unknown_fields=True):
    nodes: list[str] = []
    all: bool = False


class NodeApi:
    """What they change is committed when they answer."""

    def __init__(
        self,
        house: House,
        store: Store,
        publishers: Publishers,
        views: NodeViews,
        messages: MessageApi,
    ) -> None:
        self._house = house
        self._store = store
        self._publishers = publishers
        self._views = views
        self._messages = messages

    def handlers(self) -> Mapping[str, Handler]:
        """By the name that callers use."""
        return {
            "resolve": self._resolve,
            "nodes": self._nodes,
            "node": self._node,
            "hold": self._hold,
            "release": self._release,
            "clear": self._clear,
            "forget": self._forget,
        }

    async def _resolve(self, params: dict[str, Any], _caller: Caller) -> object:
        targets = params.get("targets")
        if not isinstance(targets, list) or not all(isinstance(t, str) for t in targets):
            raise UsageError("targets is no list of names", "names, globs, key=value, @group")
        literal = [t for t in targets if is_literal(t)]
        if len(literal) == len(targets):
            known = await self._store.read(lambda t: self._views.heard_of(t, literal))
        else:
            known = await self._store.read(self._views.labels)
        groups = self._house.settings.groups
        return {**resolve(targets, known, groups), "groups": sorted(groups)}

    async def _nodes(self, params: dict[str, Any], _caller: Caller) -> object:
        p = msgspec.convert(params, Roster)
        if p.limit is None and not p.after:
            found = await self._store.read(lambda t: self._views.nodes(t, p.names))
            return {"nodes": found, "cursor": None}
        if p.limit is not None and not 1 <= p.limit <= 10_000:
            raise UsageError(f"limit is {p.limit}", "1 to 10,000")

        def page(tables: Tables) -> dict[str, Any]:
            names = [n for n in self._views.names(tables, p.names) if n > p.after]
            first = names[: p.limit]
            is_all = len(first) == len(names)
            return {
                "nodes": self._views.nodes(tables, first),
                "cursor": None if is_all else first[-1],
            }

        return await self._store.read(page)

    async def _node(self, params: dict[str, Any], _caller: Caller) -> object:
        name = node_name(str(params.get("name")))
        found = await self._store.read(lambda t: self._views.nodes(t, [name]))
        if not found:
            raise UnknownId(f"no node {name} is known", "steward nodes ls")
        is_own = name == self._house.settings.node
        return {**found[0], "processes": self._house.processes() if is_own else None}

    async def _names(self, params: dict[str, Any]) -> list[NodeName]:
        p = msgspec.convert(params, Nodes)
        if p.all:
            return [NodeName(n) for n in await self._store.read(self._views.labels)]
        if not p.nodes:
            raise UsageError("no node is named", "nodes, or all")
        return [node_name(n) for n in p.nodes]

    async def _hold(self, params: dict[str, Any], _caller: Caller) -> object:
        names = await self._names(params)
        await self._store.write(lambda t: t.outbox.hold(names))
        return {"nodes": names, "messages": await self._open_for(names)}

    async def _release(self, params: dict[str, Any], _caller: Caller) -> object:
        names = await self._names(params)
        self._publishers.wake(await self._store.write(lambda t: t.outbox.release(names)))
        return {"nodes": names, "messages": await self._open_for(names)}

    async def _clear(self, params: dict[str, Any], caller: Caller) -> object:
        names = await self._names(params)
        ids = await self._store.read(lambda t: t.outbox.clear(names))
        await self._messages.cancel_all(ids, caller)
        return {"nodes": names, "messages": len(ids)}

    async def _forget(self, params: dict[str, Any], _caller: Caller) -> object:
        names = await self._names(params)

        def forget(tables: Tables) -> None:
            for name in names:
                tables.outbox.forget(name)
                tables.records.forget(name)

        await self._store.write(forget)
        return {"nodes": names, "messages": 0}

    async def _open_for(self, names: Sequence[NodeName]) -> int:
        loads = await self._store.read(lambda t: t.outbox.loads(names))
        return sum(load.queued + load.under_way for load in loads.values())
