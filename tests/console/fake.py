"""A daemon that is a dictionary: what the control socket answers, without a daemon."""

from __future__ import annotations

import asyncio
import fnmatch
import inspect
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from steward.errors import InvalidMessage, NoDaemon, NotPossible, StewardError, UnknownId
from steward.message import OPEN
from tests.console import jobs, lists
from tui.times import Clock

NOON = datetime(2026, 3, 14, 12, 0, 0, tzinfo=UTC).timestamp()


def stamp(wall: float) -> str:
    """RFC 3339, as the daemon writes it."""
    moment = datetime.fromtimestamp(wall, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


@dataclass
class FakeNote:
    """A notification."""

    params: dict[str, Any]
    method: str = "changed"


@dataclass
class FakeDaemon:
    """Holds a world, answers from it, records what was asked, and can die and come back."""

    nodes: dict[str, dict[str, Any]] = field(default_factory=dict)
    messages: list[dict[str, Any]] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)
    status: dict[str, Any] = field(default_factory=dict)
    health: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    groups: dict[str, list[str]] = field(default_factory=dict)
    pending: list[dict[str, Any]] = field(default_factory=list)
    looks: int | None = None
    """How many messages or errors one answer looks through; None: all."""
    alive: bool = True
    now: float = NOON
    _notes: asyncio.Queue[FakeNote | None] = field(default_factory=asyncio.Queue)

    @property
    def clock(self) -> Clock:
        """A clock that stands at the world's time, in UTC."""
        return Clock(lambda: self.now, UTC)

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[FakeDaemon]:
        """What the link calls to reach it."""
        if not self.alive:
            raise NoDaemon("no daemon answers at /run/steward.sock", "start one with: steward node")
        self._notes = asyncio.Queue()
        yield self

    async def notifications(self) -> AsyncIterator[FakeNote]:
        """What :meth:`tell` was given; NoDaemon after :meth:`die`."""
        while (note := await self._notes.get()) is not None:
            yield note
        raise NoDaemon("the daemon is gone", "start it again; what it accepted is kept")

    def tell(self, **params: Any) -> None:
        """Notify whoever watches."""
        self._notes.put_nowait(FakeNote({"messages": [], "nodes": [], "errors": 0} | params))

    def die(self) -> None:
        """As if killed."""
        self.alive = False
        self._notes.put_nowait(None)

    def asked_for(self, method: str) -> list[dict[str, Any]]:
        """The parameters of every call of ``method``."""
        return [params for name, params in self.asked if name == method]

    async def call(self, method: str, /, **params: Any) -> Any:
        """Answer."""
        if not self.alive:
            raise NoDaemon("the daemon is gone", "start it again; what it accepted is kept")
        self.asked.append((method, params))
        await asyncio.sleep(0)
        answer = getattr(self, "on_" + method)(**params)
        return await answer if inspect.isawaitable(answer) else answer

    def on_status(self) -> dict[str, Any]:
        counts: dict[str, int] = {}
        for node in self.nodes.values():
            counts[node["state"]] = counts.get(node["state"], 0) + 1
        queue = {
            state: sum(m["state"] == state for m in self.messages)
            for state in ("queued", "sent", "delivered", "running")
        }
        return {
            "node": "central",
            "central": "central",
            "version": "0.1.0",
            "storeId": "5e1f",
            "start": "a1",
            "uptime": 86400.0,
            "wall": self.now,
            "broker": {"address": "nats://127.0.0.1:4222", "connected": True, "rtt": 0.0012},
            "queue": queue,
            "nodes": counts,
            "newErrors": sum(e["count"] for e in self.errors),
            "intake": {"open": True, "reason": None},
            "alarms": [],
            "trusted": False,
        } | self.status

    def on_health(self) -> dict[str, Any]:
        return self.health

    def on_pending(self) -> dict[str, Any]:
        return {"pending": [dict(one) for one in self.pending]}

    def on_accept(self, name: str, fingerprint: str, replace: bool) -> dict[str, Any]:
        one = self._introduced(name, fingerprint)
        if one["conflict"] and not replace:
            hint = "find out why; --replace takes the new key and revokes the other"
            raise NotPossible(f"{name} is in use with another key, {one['known']}", hint)
        self.pending.remove(one)
        self.tell(nodes=[name])
        return {"name": name, "fingerprint": fingerprint}

    def on_refuse(self, name: str, fingerprint: str) -> dict[str, Any]:
        self._introduced(name, fingerprint)["state"] = "refused"
        self.tell(nodes=[name])
        return {"name": name, "fingerprint": fingerprint}

    def _introduced(self, name: str, fingerprint: str) -> dict[str, Any]:
        for one in self.pending:
            if (one["name"], one["fingerprint"]) == (name, fingerprint):
                return one
        raise UnknownId(f"no node {name} has introduced itself", "steward nodes pending")

    def on_startProcess(self, name: str) -> dict[str, Any]:
        for process in self.health["processes"]:
            if process["name"] == name:
                process.update(state="running")
                return {"started": name}
        raise UnknownId(f"no process is named {name!r}", "steward processes NODE")

    def on_watch(self, topics: list[str]) -> dict[str, Any]:
        return {"watching": topics}

    def on_nodes(
        self, names: list[str] | None = None, limit: int | None = None, after: str = ""
    ) -> dict[str, Any]:
        known = self.nodes if names is None else set(names) & self.nodes.keys()
        later = sorted(name for name in known if name > after)
        page = later[:limit]
        more = None if len(page) == len(later) else page[-1]
        return {"nodes": [self.nodes[name] for name in page], "cursor": more}

    def on_follow(self, id: str | None = None) -> dict[str, Any]:
        return {"following": id}

    def write(self, id: str, stream: str, offset: int, data: str) -> None:
        """A running command has written."""
        part = {"id": id, "stream": stream, "offset": offset, "data": data}
        self._notes.put_nowait(FakeNote(part, "output"))

    def on_node(self, name: str) -> dict[str, Any]:
        if name not in self.nodes:
            raise UnknownId(f"no node {name}", "see steward nodes ls")
        own: list[dict[str, Any]] = [
            {"name": "ship1.CommandACK.ShellCommand", "state": "running"},
            {"name": "Result", "state": "waiting"},
        ]
        return self.nodes[name] | {"processes": own if name == "central" else None}

    def on_messages(self, **asked: Any) -> Any:
        return lists.messages(self.messages, self.looks, **asked)

    def on_message(self, id: str) -> dict[str, Any]:
        for message in self.messages:
            if message["id"] == id:
                return message
        raise UnknownId(f"no message {id}", "see steward messages ls")

    def on_jobs(self, **asked: Any) -> Any:
        return jobs.listed(self.messages, **asked)

    def on_job(self, job: str) -> dict[str, Any]:
        return jobs.shown(self.messages, job)

    def on_errors(self, **asked: Any) -> dict[str, Any]:
        return lists.errors(self.errors, self.looks, **asked)

    def on_resolve(self, targets: list[str]) -> dict[str, Any]:
        nodes: list[str] = []
        unseen: list[str] = []
        nothing: list[str] = []
        for target in targets:
            hits = sorted(fnmatch.filter(self.nodes, target))
            if target.startswith("@"):
                hits = self.groups.get(target[1:], [])
            elif "=" in target:
                key, _, value = target.partition("=")
                labels = {n: row["labels"].get(key, "") for n, row in self.nodes.items()}
                hits = [n for n, label in labels.items() if fnmatch.fnmatchcase(label, value)]
            elif "." in target:
                raise InvalidMessage(f"{target!r} is not a node name", "letters and digits")
            if hits:
                nodes += hits
            elif any(sign in target for sign in "*=@"):
                nothing.append(target)
            else:
                unseen.append(target)
        found = {"nodes": list(dict.fromkeys(nodes)), "unseen": unseen, "nothing": nothing}
        return {**found, "groups": list(self.groups)}

    def on_submit(self, messages: list[dict[str, Any]], job: str | None = None) -> Any:
        accepted, refused = [], []
        for index, message in enumerate(messages):
            if message["data"][:1] == ["refuse-me"]:
                refused.append(
                    {"index": index, "code": "queue_full", "text": "queue full", "hint": "wait"}
                )
                continue
            id = f"new-{len(self.messages)}"
            fresh = dict(message, id=id, fromNode="central", state="queued", attempts=0, job=job)
            fresh |= {"times": {"accepted": stamp(self.now)}, "confirmed": False}
            self.messages.insert(0, fresh)
            accepted.append({"index": index, "id": id})
        self.tell(messages=[one["id"] for one in accepted])
        return {"accepted": accepted, "refused": refused}

    async def on_wait(self, ids: list[str], timeout: float) -> dict[str, Any]:
        """Until one of them has ended."""
        until = asyncio.get_running_loop().time() + timeout
        while True:
            found = [m for m in self.messages if m["id"] in ids and m["state"] not in OPEN]
            if found or not self.alive or asyncio.get_running_loop().time() > until:
                gone = {m["id"] for m in found}
                return {"done": found, "pending": [id for id in ids if id not in gone]}
            await asyncio.sleep(0.02)

    def on_cancel(self, ids: list[str]) -> dict[str, Any]:
        for id in ids:
            self.on_message(id).update(state="cancelled", confirmed=True)
        return {"results": [{"id": id, "state": "cancelled", "note": ""} for id in ids]}

    def on_retry(self, ids: list[str]) -> dict[str, Any]:
        results, refused = [], []
        for index, id in enumerate(ids):
            again = dict(self.on_message(id), id=id + "-again", state="queued", retryOf=id)
            if again.get("secret"):
                text = "what a secret message was sent with is not kept"
                refused.append({"index": index, "text": text, "hint": "send it anew"})
                continue
            self.messages.insert(0, again)
            results.append({"id": id, "newId": again["id"]})
        return {"results": results, "refused": refused}

    def on_hold(self, nodes: list[str] | None = None, all: bool = False) -> dict[str, Any]:
        return self._set_held(nodes, True)

    def on_release(self, nodes: list[str] | None = None, all: bool = False) -> dict[str, Any]:
        return self._set_held(nodes, False)

    def _set_held(self, nodes: list[str] | None, held: bool) -> dict[str, Any]:
        names = list(self.nodes) if nodes is None else nodes
        for name in names:
            self.nodes[name]["held"] = held
        self.tell(nodes=names)
        return {"nodes": names, "messages": 0}

    def on_clear(self, nodes: list[str]) -> dict[str, Any]:
        count = 0
        for message in self.messages:
            if message["toNode"] in nodes and message["state"] in ("queued", "sent", "delivered"):
                message.update(state="cancelled", confirmed=True)
                count += 1
        return {"nodes": nodes, "messages": count}


class Refusing(FakeDaemon):
    """Answers every question that isn't about itself with an error."""

    async def call(self, method: str, /, **params: Any) -> Any:
        """Answer, or refuse."""
        if method in ("status", "watch"):
            return await super().call(method, **params)
        raise StewardError("the store is damaged [/oops]", "see steward doctor")
