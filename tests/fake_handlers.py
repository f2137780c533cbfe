"""Handlers in memory, to try the control server with."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from steward.control.address import Caller
from steward.errors import (
    QueueFull,
    UnknownId,
)


class Daemon:
    """Handlers in memory, and what they saw."""

    def __init__(self) -> None:
        self.callers: list[Caller] = []
        self.gate = asyncio.Event()
        self.under_way = 0
        self.most_under_way = 0

    def handlers(self) -> dict[str, Any]:
        return {
            "echo": self.echo,
            "message": self.message,
            "full": self.full,
            "bug": self.bug,
            "slow": self.slow,
            "typed": self.typed,
            "unserializable": self.unserializable,
        }

    async def echo(self, params: dict[str, Any], caller: Caller) -> object:
        self.callers.append(caller)
        return params

    async def message(self, params: dict[str, Any], caller: Caller) -> object:
        raise UnknownId(f"no message {params['id']}", "steward messages ls")

    async def full(self, params: dict[str, Any], caller: Caller) -> object:
        raise QueueFull("full", "wait")

    async def bug(self, params: dict[str, Any], caller: Caller) -> object:
        raise KeyError("nothing")

    async def slow(self, params: dict[str, Any], caller: Caller) -> object:
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        await self.gate.wait()
        self.under_way -= 1
        return "done"

    async def typed(self, params: dict[str, Any], caller: Caller) -> object:
        return msgspec.convert(params, dict[str, int])

    async def unserializable(self, params: dict[str, Any], caller: Caller) -> object:
        return object()
