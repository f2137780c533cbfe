"""Fixtures for every level: a real broker, a free port, waiting for a state."""

from __future__ import annotations

import asyncio
import inspect
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Protocol

import pytest
from hypothesis import settings

from node import broker as node_broker
from node.broker import Broker

# No timed tests. What CI tries is the same each time; elsewhere every run tries something new.
settings.register_profile("steward", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("steward")

collect_ignore = [] if os.environ.get("STEWARD_ROOT_TESTS") else ["root", "power"]
"""What needs root runs with ``make test-root`` and ``make test-power`` alone."""


class WaitFor(Protocol):
    """``await wait_for(predicate, deadline)``: until the predicate, plain or async, is true. It
    fails the test after ``deadline`` seconds (10 unless said)."""

    async def __call__(
        self, predicate: Callable[[], object | Awaitable[object]], deadline: float = 10.0
    ) -> None: ...


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Broker]:
    """A real nats-server on a free port of the loopback address."""
    async with Broker(tmp_path / "broker", port=0) as server:
        yield server


@pytest.fixture
def free_port() -> int:
    """A TCP port that nothing listens on. For more than one: ``node.broker.free_port()``."""
    return node_broker.free_port()


@pytest.fixture
def wait_for() -> WaitFor:
    async def wait(
        predicate: Callable[[], object | Awaitable[object]], deadline: float = 10.0
    ) -> None:
        end = time.monotonic() + deadline
        while True:
            value = predicate()
            if inspect.isawaitable(value):
                value = await value
            if value:
                return
            if time.monotonic() > end:
                what = inspect.getsource(predicate).strip()
                pytest.fail(f"not within {deadline:g} s: {what}", pytrace=True)
            await asyncio.sleep(0.01)

    return wait
