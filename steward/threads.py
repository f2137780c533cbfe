"""Blocking work beside the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(work: Callable[P, T], *args: P.args, **more: P.kwargs) -> T:
    """Run ``work`` off the loop. A cancellation waits for its end: the files that it uses are
    nobody else's so long."""
    future = asyncio.get_running_loop().run_in_executor(None, partial(work, *args, **more))
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        await asyncio.wait([future])
        raise
