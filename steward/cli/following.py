"""Waiting for messages to end, through restarts of the daemon."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from steward.cli.output import note
from steward.control.client import ControlClient
from steward.errors import NoDaemon

PATIENCE: Final = 60.0
"""Seconds that a daemon may be away before nobody waits for it any more."""
_AT_A_TIME: Final = 30.0
_MANY: Final = 50


class Following:
    """The messages that are still waited for, in ``pending``; what has ended goes to ``show``."""

    def __init__(
        self, state_dir: Path, ids: Sequence[str], show: Callable[[dict[str, Any]], None]
    ) -> None:
        self.state_dir = state_dir
        self.pending = list(ids)
        self._show = show

    async def run(self, wait: float | None) -> None:
        """Until all have ended, or ``wait`` seconds have passed (None: without limit).
        Raises NoDaemon once it has been away for PATIENCE seconds."""
        clock = asyncio.get_running_loop().time
        until = None if wait is None else clock() + wait
        lost: float | None = None
        while self.pending and (until is None or clock() < until):
            try:
                async with ControlClient(self.state_dir) as client:
                    if lost is not None:
                        note("the daemon is back")
                    lost = None
                    await self._with(client, until)
            except NoDaemon as error:
                if lost is None:
                    lost = clock()
                    note(f"{error.text}; waiting for it to come back")
                if clock() - lost > PATIENCE:
                    raise
                await asyncio.sleep(0.5)

    async def _with(self, client: ControlClient, until: float | None) -> None:
        clock = asyncio.get_running_loop().time
        while self.pending:
            left = _AT_A_TIME if until is None else min(_AT_A_TIME, until - clock())
            if left <= 0:
                return
            answer = await client.call("wait", ids=self.pending, timeout=left)
            done = {message["id"] for message in answer["done"]}
            self.pending = [id for id in self.pending if id not in done]
            for message in answer["done"]:
                self._show(message)
            if len(self.pending) > _MANY:
                # Each question names all ids; so many are asked for in fewer, bigger steps.
                await asyncio.sleep(0.05)
