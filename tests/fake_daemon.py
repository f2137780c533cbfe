"""A daemon in memory behind the real control server: what the command line is tested against.

It runs commands for seen nodes at once, in this process; what is for others waits for ever.
"""

from __future__ import annotations

import asyncio
import fnmatch
import subprocess
import threading
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from steward.control.address import SOCKET_NAME, Caller
from steward.control.server import ControlServer
from steward.errors import StewardError, UnknownId
from steward.message import FIELDS, OPEN, Defaults, Kind, check, new_id
from tests.fake_results import STATUS, field, result

COMMANDS = frozenset({Kind.COMMAND_ACK, Kind.COMMAND_NACK})
METHODS = {
    "ShellCommand": COMMANDS,
    "ReadRun": COMMANDS,
    "ListProcesses": COMMANDS,
    "TextLogging": frozenset({Kind.EVENT_ACK, Kind.EVENT_NACK}),
}
Params = dict[str, Any]


class Changed(NamedTuple):
    messages: frozenset[str] = frozenset()
    nodes: frozenset[str] = frozenset()
    errors: int = 0
    ends: frozenset[str] = frozenset()


def stamp() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class FakeDaemon:
    """``with FakeDaemon(folder) as daemon``: serves ``folder/steward.sock`` from a thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.nodes: dict[str, Params] = {
            name: {"name": name, "state": "online", "labels": labels, "neverSeen": False}
            for name, labels in (
                ("central", {}),
                ("ship1", {"env": "prod"}),
                ("ship2", {"env": "prod"}),
                ("ship3", {"env": "test"}),
            )
        }
        self.groups = {"all": ["ship1", "ship2", "ship3"]}
        self.messages: dict[str, Params] = {}
        self.outputs: dict[tuple[str, str], bytes] = {}
        self.outcomes: dict[str, Params] = {}
        """By node: fields of a message that end it otherwise than by running it."""
        self.refusals: dict[str, StewardError] = {}
        self.calls: list[tuple[str, Params]] = []
        self.errors: list[Params] = []
        self.processes = [
            {"name": "publish.ship1", "role": "publisher", "state": "running", "since": 1.5e9}
        ]
        self.chunk_limit: int | None = None
        """So many chunks of output are answered; then the node is gone."""
        self._thread = threading.Thread(target=self._run, name="fake daemon", daemon=True)
        self._ready = threading.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        names = [name.removeprefix("do_") for name in dir(self) if name.startswith("do_")]
        handlers = {name: self._recorded(name) for name in names}
        async with ControlServer(self.folder / SOCKET_NAME, handlers) as self.server:
            self._ready.set()
            await self._stop.wait()

    def _recorded(self, name: str) -> Any:
        async def handler(params: Params, caller: Caller) -> object:
            self.calls.append((name, params))
            answer = getattr(self, f"do_{name}")(params)
            return await answer if asyncio.iscoroutine(answer) else answer

        return handler

    def asked(self, name: str) -> list[Params]:
        """The parameters of every call of a method so far."""
        return [params for called, params in self.calls if called == name]

    def end(self, id: str, **fields: Any) -> None:
        """End a message from the test's own thread."""

        def end() -> None:
            self.messages[id].update({"confirmed": True, **fields})
            self.server.changed(Changed(frozenset({id}), ends=frozenset({id})))

        self.loop.call_soon_threadsafe(end)

    def add_error(self, text: str, **fields: Any) -> None:
        def add() -> None:
            error = {"node": "ship1", "level": "error", "code": "x", "count": 1, **fields}
            self.errors.insert(
                0, {"n": len(self.errors) + 1, "time": stamp(), "text": text, **error}
            )
            self.server.changed(Changed(errors=1))

        self.loop.call_soon_threadsafe(add)

    # What the daemon is asked.

    def do_status(self, params: Params) -> Params:
        return STATUS

    def do_resolve(self, params: Params) -> Params:
        nodes: list[str] = []
        unseen, nothing = [], []
        for word in params["targets"]:
            key, equals, value = word.partition("=")
            if word.startswith("@"):
                found = self.groups.get(word[1:], [])
            elif equals:
                found = [n for n, node in self.nodes.items() if node["labels"].get(key) == value]
            elif any(c in word for c in "*?["):
                found = fnmatch.filter(self.nodes, word)
            else:
                found = [word]
                if word not in self.nodes:
                    unseen.append(word)
            nodes += found
            if not found:
                nothing.append(word)
        return {"nodes": nodes, "unseen": unseen, "nothing": nothing}

    async def do_submit(self, params: Params) -> Params:
        accepted, refused = [], []
        for index, raw in enumerate(params["messages"]):
            try:
                if isinstance(raw, dict) and raw.get("toNode") in self.refusals:
                    raise self.refusals[raw["toNode"]]
                accepted.append({"index": index, "id": await self._accept(raw, params.get("job"))})
            except StewardError as error:
                wrong = {"code": error.code, "text": error.text, "hint": error.hint}
                refused.append({"index": index, **wrong})
        return {"accepted": accepted, "refused": refused}

    async def _accept(self, raw: Params, job: str | None) -> str:
        message = check(raw, Defaults(), METHODS, job=job)
        view: Params = {
            "id": message.id,
            "toNode": message.to,
            "fromNode": "central",
            "commandOrEvent": message.kind,
            "method": message.method,
            "data": list(message.data),
            "state": "queued",
            "confirmed": False,
            "attempts": 0,
            "reason": "",
            "times": {"accepted": stamp()},
            "result": None,
            "job": job,
        }
        self.messages[message.id] = view
        if outcome := self.outcomes.get(message.to):
            view.update(outcome)
        elif message.to in self.nodes:
            view.update(await self._outcome(message.id, message.method, list(message.data)))
            view["attempts"] = 1
        return message.id

    async def _outcome(self, id: str, method: str, data: list[str]) -> Params:
        if method == "TextLogging":
            return {"state": "succeeded", "confirmed": True}
        if method == "ReadRun":
            return self._chunk(*data)
        if method == "ListProcesses":
            return result(b'{"processes": [{"name": "remote", "state": "running"}]}', b"", 0)
        ran = await asyncio.to_thread(subprocess.run, data, capture_output=True, check=False)
        self.outputs[id, "stdout"], self.outputs[id, "stderr"] = ran.stdout, ran.stderr
        return result(ran.stdout, ran.stderr, ran.returncode)

    def _chunk(self, id: str, stream: str, offset: str, limit: str) -> Params:
        if self.chunk_limit is not None:
            if not self.chunk_limit:
                return {"state": "undelivered", "confirmed": True, "reason": "no link"}
            self.chunk_limit -= 1
        data = self.outputs[id, stream][int(offset) : int(offset) + int(limit)]
        return {"state": "succeeded", "confirmed": True, "result": field("stdout", data)}

    async def do_wait(self, params: Params) -> Params:
        ids = params["ids"]
        with self.server.touching(ids) as event:
            until = self.loop.time() + params["timeout"]
            while True:
                event.clear()
                found = [self._message(id) for id in ids]
                done = [m for m in found if m["state"] not in OPEN]
                left = until - self.loop.time()
                if done or left <= 0:
                    ended = {m["id"] for m in done}
                    return {"done": done, "pending": [id for id in ids if id not in ended]}
                try:
                    await asyncio.wait_for(event.wait(), left)
                except TimeoutError:
                    continue

    def _message(self, id: str) -> Params:
        if id not in self.messages:
            raise UnknownId(f"no message {id}", "steward messages ls")
        return self.messages[id]

    def do_message(self, params: Params) -> Params:
        return self._message(params["id"])

    def do_messages(self, params: Params) -> Params:
        found = list(reversed(self.messages.values()))
        if states := params.get("state"):
            found = [m for m in found if m["state"] in states]
        begin = int(params.get("cursor") or 0)
        end = begin + params["limit"]
        cursor = str(end) if end < len(found) else None
        return {"messages": found[begin:end], "cursor": cursor, "total": len(found)}

    def do_cancel(self, params: Params) -> Params:
        results = []
        for id in params["ids"]:
            message = self._message(id)
            if message["state"] in OPEN:
                message.update(state="cancelled", confirmed=True)
                results.append({"id": id, "state": "cancelled", "note": ""})
            else:
                note = f"already {message['state']}"
                results.append({"id": id, "state": message["state"], "note": note})
        return {"results": results}

    def do_retry(self, params: Params) -> Params:
        results, refused = [], []
        for index, id in enumerate(params["ids"]):
            message = self._message(id)
            if error := self.refusals.get(message["toNode"]):
                refused.append({"index": index, "text": error.text, "hint": error.hint})
                continue
            new = new_id()
            self.messages[new] = {**message, "id": new, "retryOf": id}
            results.append({"id": id, "newId": new})
        return {"results": results, "refused": refused}

    async def do_replay(self, params: Params) -> Params:
        fields = [
            {k: v for k, v in x.items() if k in FIELDS and k != "id"} for x in params["lines"]
        ]
        return await self.do_submit({"messages": fields})

    def do_nodes(self, params: Params) -> Params:
        names = params.get("names")
        return {"nodes": [n for n in self.nodes.values() if names is None or n["name"] in names]}

    def do_node(self, params: Params) -> Params:
        if params["name"] not in self.nodes:
            raise UnknownId(f"no node {params['name']}", "steward nodes ls")
        return {**self.nodes[params["name"]], "processes": [], "alarms": []}

    def _queues(self, params: Params) -> Params:
        return {"nodes": params.get("nodes") or list(self.nodes), "messages": 3}

    do_hold = do_release = do_clear = do_forget = _queues

    def do_errors(self, params: Params) -> Params:
        begin = int(params.get("cursor") or 0)
        end = begin + params["limit"]
        cursor = str(end) if end < len(self.errors) else None
        return {"errors": self.errors[begin:end], "cursor": cursor}

    def do_processes(self, params: Params) -> Params:
        return {"processes": self.processes}

    def do_startProcess(self, params: Params) -> Params:
        return {"started": params["name"]}
