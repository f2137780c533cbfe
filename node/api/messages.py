"""Messages over the control socket: submit, look, wait, cancel, again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from typing import Any

import msgspec

from node import submitting
from node.api.house import House
from steward.control.address import Caller
from steward.control.changes import Touch
from steward.control.server import Handler
from steward.errors import NotPossible, UnknownId, UsageError
from steward.handoff import Handoff
from steward.message import FINAL, MessageId, State
from steward.operators import operator
from steward.publisher import Publishers
from steward.store import Store, Tables
from steward.subjects import Subject, subject

LONGEST_WAIT = 3600.0

Touching = Callable[[Collection[str]], AbstractContextManager[Touch]]
"""Ids -> an event that is set whenever one of them has come to an end."""


class Submit(msgspec.Struct, forbid_unknown_fields=True):
    messages: list[Any]
    job: str | None = None


class Query(msgspec.Struct, forbid_unknown_fields=True):
    state: list[str] = []
    node: list[str] = []
    method: list[str] = []
    job: str | None = None
    text: str | list[str] | None = None
    ids: list[str] | None = None
    brief: bool = False
    problems: bool = False
    all: bool = False
    limit: int = 100
    cursor: str | None = None
    sort: str = "-accepted"


class Ids(msgspec.Struct, forbid_unknown_fields=True):
    ids: list[str]
    timeout: float = 0.0


class MessageApi:
    """What they change is committed when they answer."""

    def __init__(
        self,
        house: House,
        store: Store,
        handoff: Handoff,
        publishers: Publishers,
        touching: Touching,
    ) -> None:
        self._house = house
        self._store = store
        self._handoff = handoff
        self._publishers = publishers
        self._touching = touching

    def handlers(self) -> Mapping[str, Handler]:
        """By the name that callers use."""
        return {
            "submit": self._submit,
            "replay": self._replay,
            "messages": self._messages,
            "message": self._message,
            "wait": self._wait,
            "cancel": self._cancel,
            "retry": self._retry,
        }

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
        origins = [MessageId(str(x["id"])) if "id" in x else None for x in accepted]
        return await self._take([submitting.again(x) for x in accepted], None, caller, origins)

    async def _take(
        self, raw: Sequence[object], job: str | None, caller: Caller,
        retries_of: Sequence[MessageId | None] = (),
    ) -> object:  # fmt: skip
        who = await operator(caller.uid)
        good, bad = submitting.judge(raw, self._house.settings.defaults, job, who, retries_of)
        limit = self._house.settings.limits.queue
        accepted = self._store.queue(
            lambda t: submitting.accept(t, good, bad, self._house.now(), limit)
        )
        lanes = {(m.to, m.kind, m.method) for m in good.values()}
        self._publishers.wake(subject(*lane) for lane in lanes)
        return await accepted

    async def _messages(self, params: dict[str, Any], _caller: Caller) -> object:
        q = msgspec.convert(params, Query)
        if not 1 <= q.limit <= 10_000:
            raise UsageError(f"limit is {q.limit}", "1 to 10,000")
        return await self._store.read(
            lambda t: t.history.messages(
                self._house.now(), states=q.state, nodes=q.node, methods=q.method, job=q.job,
                text=q.text, ids=q.ids, brief=q.brief, problems=q.problems, all=q.all,
                limit=q.limit, cursor=q.cursor, sort=q.sort,
            )
        )  # fmt: skip

    async def _message(self, params: dict[str, Any], _caller: Caller) -> object:
        id = MessageId(str(params.get("id")))
        return await self._store.read(lambda t: t.history.show(id, self._house.now()))

    async def _wait(self, params: dict[str, Any], _caller: Caller) -> object:
        """Until one of the ids has an end, proved or not, or the time is up. Of many large ones
        some are told of, and the others by the next ``wait``."""
        p = msgspec.convert(params, Ids)
        until = time.monotonic() + min(p.timeout, LONGEST_WAIT)
        ids = [MessageId(id) for id in dict.fromkeys(p.ids)]
        with self._touching(ids) as touched:
            look = ids
            while True:
                done = await self._store.read(lambda t, some=look: self._ended(t, some))  # type: ignore[misc]
                left = until - time.monotonic()
                if done or left <= 0:
                    break
                with suppress(TimeoutError):
                    async with asyncio.timeout(left):
                        await touched.wait()
                look = [MessageId(id) for id in touched.take()]
        told = {message["id"] for message in done}
        return {"done": done, "pending": [id for id in ids if id not in told]}

    def _ended(self, tables: Tables, ids: Sequence[MessageId]) -> list[dict[str, Any]]:
        """Those that have an end. Raises UnknownId."""
        ended, unknown = tables.history.ended(ids)
        if unknown:
            raise UnknownId(f"no message has the id {unknown[0]}", "steward messages ls")
        return tables.history.shown(ended, self._house.now()) if ended else []

    async def _cancel(self, params: dict[str, Any], caller: Caller) -> object:
        p = msgspec.convert(params, Ids)
        return {"results": await self.cancel_all([MessageId(id) for id in p.ids], caller)}

    async def cancel_all(self, ids: Sequence[MessageId], caller: Caller) -> list[dict[str, Any]]:
        """Each on its own: what cannot be cancelled says why, and keeps no other from it."""
        who = await operator(caller.uid)

        def cancel(tables: Tables) -> tuple[list[dict[str, Any]], list[Subject]]:
            tables.shared.operator = who
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


def _progress(shown: Mapping[str, Any]) -> str:
    """What a cancelled message still waits for."""
    if shown["state"] not in FINAL:
        return "its node is being asked to end it"
    if shown["state"] == State.CANCELLED and not shown["confirmed"]:
        return "unconfirmed: its node may have taken it already"
    return ""
