"""What the control socket offers: every method of the table in the README's appendix."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import msgspec

from node import submitting
from node.permits import Permits
from node.targets import resolve
from node.views import NodeViews
from steward.config import Settings
from steward.control.address import Caller
from steward.control.server import ControlServer, Handler
from steward.errors import NotPossible, UnknownId, UsageError
from steward.handoff import Handoff
from steward.handoff.state import Now
from steward.message import FINAL, MessageId, State
from steward.publisher import Publishers
from steward.store import Store, Tables
from steward.subjects import NodeName, Subject, node_name

LONGEST_WAIT = 3600.0
T = TypeVar("T")


class House(Protocol):
    """The daemon as its control socket sees it."""

    settings: Settings

    def now(self) -> Now: ...

    def processes(self) -> list[dict[str, Any]]: ...

    def start_process(self, name: str) -> None: ...


class Submit(msgspec.Struct, forbid_unknown_fields=True):
    messages: list[Any]
    job: str | None = None


class Query(msgspec.Struct, forbid_unknown_fields=True):
    state: list[str] = []
    node: list[str] = []
    method: list[str] = []
    job: str | None = None
    text: str | None = None
    problems: bool = False
    all: bool = False
    limit: int = 100
    cursor: str | None = None
    sort: str = "-accepted"


class Ids(msgspec.Struct, forbid_unknown_fields=True):
    ids: list[str]
    timeout: float = 0.0


class Nodes(msgspec.Struct, forbid_unknown_fields=True):
    nodes: list[str] = []
    all: bool = False


class Errors(msgspec.Struct, forbid_unknown_fields=True):
    node: str | None = None
    level: str | None = None
    text: str | None = None
    limit: int = 100
    cursor: str | None = None


class Explain(msgspec.Struct, forbid_unknown_fields=True, rename={"frm": "from"}):
    frm: str
    method: str
    args: list[str] = []


class Api:
    """The handlers. Reads see what is committed; what they change is committed when they answer."""

    def __init__(
        self,
        house: House,
        store: Store,
        handoff: Handoff,
        publishers: Publishers,
        permits: Callable[[], Permits],
        views: NodeViews,
    ) -> None:
        self._house = house
        self._store = store
        self._handoff = handoff
        self._publishers = publishers
        self._permits = permits
        self._views = views
        self.server: ControlServer

    def handlers(self) -> Mapping[str, Handler]:
        """By the name that callers use."""
        return {
            "status": self._status,
            "submit": self._submit,
            "replay": self._replay,
            "messages": self._messages,
            "message": self._message,
            "wait": self._wait,
            "cancel": self._cancel,
            "retry": self._retry,
            "resolve": self._resolve,
            "nodes": self._nodes,
            "node": self._node,
            "hold": self._hold,
            "release": self._release,
            "clear": self._clear,
            "forget": self._forget,
            "errors": self._errors,
            "processes": self._processes,
            "startProcess": self._start_process,
            "explain": self._explain,
        }

    # ---------------------------------------------------------------- messages

    async def _submit(self, params: dict[str, Any], caller: Caller) -> object:
        p = msgspec.convert(params, Submit)
        return await self._take(p.messages, p.job, caller)

    async def _replay(self, params: dict[str, Any], caller: Caller) -> object:
        lines = params.get("lines")
        if not isinstance(lines, list):
            raise UsageError("lines is missing", "the lines of messages.jsonl as objects")
        accepted = [x for x in lines if isinstance(x, dict) and x.get("event") == "accepted"]
        if not accepted:
            raise UsageError("no line tells of an accepted message", "give lines of messages.jsonl")
        origins = [str(x["id"]) if "id" in x else None for x in accepted]
        return await self._take([submitting.again(x) for x in accepted], None, caller, origins)

    async def _take(
        self, raw: Sequence[object], job: str | None, caller: Caller,
        retries_of: Sequence[str | None] = (),
    ) -> object:  # fmt: skip
        good, bad = submitting.judge(raw, self._house.settings.defaults, job, retries_of)
        limit = self._house.settings.limits.queue
        answer = await self._store.write(
            lambda t: submitting.accept(t, good, bad, caller.uid, self._house.now(), limit)
        )
        self._publishers.wake(dict.fromkeys(m.subject for m in good.values()))
        return answer

    async def _messages(self, params: dict[str, Any], _caller: Caller) -> object:
        q = msgspec.convert(params, Query)
        if not 1 <= q.limit <= 10_000:
            raise UsageError(f"limit is {q.limit}", "1 to 10,000")
        return await self._store.read(
            lambda t: t.history.messages(
                self._house.now(), states=q.state, nodes=q.node, methods=q.method, job=q.job,
                text=q.text, problems=q.problems, all=q.all, limit=q.limit, cursor=q.cursor,
                sort=q.sort,
            )
        )  # fmt: skip

    async def _message(self, params: dict[str, Any], _caller: Caller) -> object:
        id = MessageId(str(params.get("id")))
        return await self._store.read(lambda t: t.history.show(id, self._house.now()))

    async def _wait(self, params: dict[str, Any], _caller: Caller) -> object:
        """Until one of the ids has an end, proved or not, or the time is up."""
        p = msgspec.convert(params, Ids)
        until = time.monotonic() + min(p.timeout, LONGEST_WAIT)
        ids = [MessageId(id) for id in dict.fromkeys(p.ids)]
        with self.server.touching(ids) as touched:
            while True:
                touched.clear()
                ended, unknown = await self._store.read(lambda t: t.history.ended(ids))
                if unknown:
                    raise UnknownId(f"no message has the id {unknown[0]}", "steward messages ls")
                left = until - time.monotonic()
                if ended or left <= 0:
                    break
                try:
                    async with asyncio.timeout(left):
                        await touched.wait()
                except TimeoutError:
                    continue
        done = await self._store.read(lambda t: t.history.shown(ended, self._house.now()))
        return {"done": done, "pending": [id for id in ids if id not in set(ended)]}

    async def _cancel(self, params: dict[str, Any], _caller: Caller) -> object:
        p = msgspec.convert(params, Ids)
        return {"results": await self._cancel_all([MessageId(id) for id in p.ids])}

    async def _cancel_all(self, ids: Sequence[MessageId]) -> list[dict[str, Any]]:
        """Each on its own: what cannot be cancelled says why, and keeps no other from it."""

        def cancel(tables: Tables) -> tuple[list[dict[str, Any]], list[Subject]]:
            results: list[dict[str, Any]] = []
            lanes: list[Subject] = []
            for id in ids:
                try:
                    lanes += self._handoff.sender.cancel(tables.outbox, id, self._house.now())
                    note = ""
                except NotPossible as error:
                    note = error.text
                shown = tables.history.show(id, self._house.now())
                results.append({
                    "id": id, "state": shown["state"], "confirmed": shown["confirmed"],
                    "note": note or _progress(shown),
                })  # fmt: skip
            return results, lanes

        results, lanes = await self._store.write(cancel)
        self._publishers.wake(dict.fromkeys(lanes))
        return results

    async def _retry(self, params: dict[str, Any], caller: Caller) -> object:
        p = msgspec.convert(params, Ids)
        ids = [MessageId(id) for id in p.ids]
        now = self._house.now()
        shown = await self._store.read(lambda t: [t.history.show(id, now) for id in ids])
        answer: Any = await self._take([submitting.again(m) for m in shown], None, caller, ids)
        new = {a["index"]: a["id"] for a in answer["accepted"]}
        return {
            "results": [{"id": id, "newId": new[i]} for i, id in enumerate(ids) if i in new],
            "refused": answer["refused"],
        }

    # ---------------------------------------------------------------- nodes

    async def _resolve(self, params: dict[str, Any], _caller: Caller) -> object:
        targets = params.get("targets")
        if not isinstance(targets, list) or not all(isinstance(t, str) for t in targets):
            raise UsageError("targets is no list of names", "names, globs, key=value, @group")
        known = await self._store.read(self._views.labels)
        return resolve(targets, known, self._house.settings.groups)

    async def _nodes(self, _params: dict[str, Any], _caller: Caller) -> object:
        return {"nodes": await self._store.read(self._views.nodes)}

    async def _node(self, params: dict[str, Any], _caller: Caller) -> object:
        name = node_name(str(params.get("name")))
        found = [n for n in await self._store.read(self._views.nodes) if n["name"] == name]
        if not found:
            raise UnknownId(f"no node {name} is known", "steward nodes ls")
        return found[0]

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

    async def _clear(self, params: dict[str, Any], _caller: Caller) -> object:
        names = await self._names(params)
        ids = await self._store.read(lambda t: t.outbox.clear(names))
        await self._cancel_all(ids)
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
        loads = await self._store.read(lambda t: t.outbox.loads())
        return sum(loads[n].queued + loads[n].under_way for n in names if n in loads)

    # ---------------------------------------------------------------- the rest

    async def _status(self, _params: dict[str, Any], _caller: Caller) -> object:
        return await self._views.status()

    async def _errors(self, params: dict[str, Any], _caller: Caller) -> object:
        p = msgspec.convert(params, Errors)
        return await self._store.read(
            lambda t: t.records.errors(
                node=p.node, level=p.level, text=p.text, limit=p.limit, cursor=p.cursor
            )
        )

    async def _processes(self, _params: dict[str, Any], _caller: Caller) -> object:
        return {"processes": self._house.processes()}

    async def _start_process(self, params: dict[str, Any], _caller: Caller) -> object:
        name = str(params.get("name"))
        self._house.start_process(name)
        return {"started": name}

    async def _explain(self, params: dict[str, Any], _caller: Caller) -> object:
        p = msgspec.convert(params, Explain)
        decision = self._permits().allowed(p.frm, p.method)
        return {"allowed": decision.allowed, "rule": decision.rule, "reason": decision.reason}


def _progress(shown: Mapping[str, Any]) -> str:
    """What a cancelled message still waits for."""
    if shown["state"] not in FINAL:
        return "its node is being asked to end it"
    if shown["state"] == State.CANCELLED and not shown["confirmed"]:
        return "unconfirmed: its node may have taken it already"
    return ""
