"""The daemon itself over the control socket: status, errors, processes, permits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from node.api.house import House
from node.daemon_views import DaemonViews
from node.permit_book import PermitBook
from steward.control.address import Caller
from steward.control.server import Handler
from steward.errors import UsageError
from steward.permit_rules import Request
from steward.store import Store


class Errors(msgspec.Struct, forbid_unknown_fields=True):
    node: str | None = None
    level: str | list[str] | None = None
    text: str | list[str] | None = None
    limit: int = 100
    cursor: str | None = None
    after: int = 0


class Explain(
    msgspec.Struct,
    forbid_unknown_fields=True,
    rename={"frm": "from", "operator_uid": "operatorUid"},
):
    frm: str
    method: str
    args: list[str] = []
    operator: str = ""
    operator_uid: int | None = None


class DaemonApi:
    """Reads see what is committed."""

    def __init__(self, house: House, store: Store, permits: PermitBook, views: DaemonViews) -> None:
        self._house = house
        self._store = store
        self._permits = permits
        self._views = views

    def handlers(self) -> Mapping[str, Handler]:
        """By the name that callers use."""
        return {
            "status": self._status,
            "health": self._health,
            "errors": self._errors,
            "processes": self._processes,
            "startProcess": self._start_process,
            "explain": self._explain,
            "permits": self._list_permits,
        }

    async def _status(self, _params: dict[str, Any], _caller: Caller) -> object:
        return await self._views.status()

    async def _health(self, _params: dict[str, Any], _caller: Caller) -> object:
        return await self._views.health()

    async def _errors(self, params: dict[str, Any], _caller: Caller) -> object:
        p = msgspec.convert(params, Errors)
        if not 1 <= p.limit <= 10_000:
            raise UsageError(f"limit is {p.limit}", "1 to 10,000")
        levels = [p.level] if isinstance(p.level, str) else p.level or ()
        return await self._store.read(
            lambda t: t.records.errors(
                node=p.node, levels=levels, text=p.text or None, limit=p.limit, cursor=p.cursor,
                after=p.after,
            )
        )  # fmt: skip

    async def _processes(self, _params: dict[str, Any], _caller: Caller) -> object:
        return {"processes": self._house.processes()}

    async def _start_process(self, params: dict[str, Any], _caller: Caller) -> object:
        name = str(params.get("name"))
        self._house.start_process(name)
        return {"started": name}

    async def _explain(self, params: dict[str, Any], _caller: Caller) -> object:
        p = msgspec.convert(params, Explain)
        asked = Request(p.frm, p.method, p.args, p.operator, p.operator_uid)
        return self._permits.explain(asked)

    async def _list_permits(self, _params: dict[str, Any], _caller: Caller) -> object:
        return {**self._permits.status(), "permits": self._permits.entries()}
