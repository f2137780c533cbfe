"""Jobs over the control socket: what was submitted together, and how far it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from steward.control.address import Caller
from steward.control.server import Handler
from steward.errors import UsageError
from steward.store import Store


class Page(msgspec.Struct, forbid_unknown_fields=True):
    limit: int = 100
    cursor: str | None = None
    text: str | None = None


class One(msgspec.Struct, forbid_unknown_fields=True):
    job: str


class JobApi:
    """Reads what is committed."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def handlers(self) -> Mapping[str, Handler]:
        """By the name that callers use."""
        return {"jobs": self._jobs, "job": self._job}

    async def _jobs(self, params: dict[str, Any], _caller: Caller) -> object:
        p = msgspec.convert(params, Page)
        if not 1 <= p.limit <= 10_000:
            raise UsageError(f"limit is {p.limit}", "1 to 10,000")
        return await self._store.read(
            lambda t: t.jobs.jobs(limit=p.limit, cursor=p.cursor, text=p.text or None)
        )

    async def _job(self, params: dict[str, Any], _caller: Caller) -> object:
        job = msgspec.convert(params, One).job
        return await self._store.read(lambda t: t.jobs.job(job))
