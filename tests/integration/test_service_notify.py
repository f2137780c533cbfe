"""What systemd is told: ready, stopping, and the watchdog's food while store and bus live."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from node import service_notify
from node.daemon import Daemon
from node.sd_notify import notify
from steward.config import load
from steward.store import Store
from steward.supervisor import Process, ProcessState, Supervisor

Wait = Callable[..., Awaitable[None]]


class Manager:
    """In systemd's place: what it is told."""

    def __init__(self, path: Path) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(str(path))
        self.sock.setblocking(False)

    def told(self) -> list[str]:
        """Since this was asked last."""
        lines: list[str] = []
        while True:
            try:
                lines += self.sock.recv(4096).decode().splitlines()
            except BlockingIOError:
                return lines


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    it = Manager(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", "150000")
    yield it
    it.sock.close()


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Daemon]:
    """A node whose broker is away."""
    flags: dict[str, Any] = {
        "node": "central", "state-dir": str(folder / "state"), "prom-host-and-port": "off",
        "broker-address": "nats://127.0.0.1:1",
    }  # fmt: skip
    daemon = Daemon(load(flags, {}))
    task = asyncio.create_task(daemon.run())
    try:
        async with asyncio.timeout(20):
            await daemon.ready.wait()
            yield daemon
    finally:
        daemon.stop()
        await task


async def seen(manager: Manager, word: str) -> None:
    async with asyncio.timeout(10):
        while not any(line.startswith(word) for line in manager.told()):
            await asyncio.sleep(0.01)


async def is_fed(manager: Manager) -> bool:
    """Whether the watchdog of 0.15 s would be content for a second."""
    manager.told()
    for _ in range(4):
        await asyncio.sleep(0.25)
        if "WATCHDOG=1" not in manager.told():
            return False
    return True


async def test_it_is_told_when_the_node_is_up_lives_and_stops(
    tmp_path: Path, manager: Manager
) -> None:
    async with running(tmp_path):
        await seen(manager, "READY=1")
        await seen(manager, "STATUS=no link: ")
        assert await is_fed(manager)
        manager.told()
    told = manager.told()
    assert "STOPPING=1" in told
    assert "WATCHDOG=1" not in told[told.index("STOPPING=1") :]


async def test_a_store_that_answers_no_more_starves_the_watchdog(
    tmp_path: Path, manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path):
        await seen(manager, "WATCHDOG=1")
        answers = Store.read
        hangs = asyncio.Event()

        async def never(store: Store, fn: Any) -> Any:
            await hangs.wait()
            return await answers(store, fn)

        monkeypatch.setattr(Store, "read", never)
        await seen(manager, "STATUS=the store has not answered")
        assert not await is_fed(manager)
        hangs.set()
        await seen(manager, "WATCHDOG=1")


async def test_a_bus_that_was_given_up_starves_the_watchdog(
    tmp_path: Path, manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path):
        await seen(manager, "WATCHDOG=1")
        get = Supervisor.get

        def given_up(supervisor: Supervisor, name: str) -> Process | None:
            process = get(supervisor, name)
            if process is not None and name == "bus":
                process.enter(ProcessState.TERMINATED)
            return process

        monkeypatch.setattr(Supervisor, "get", given_up)
        await seen(manager, "STATUS=the bus was given up")
        assert not await is_fed(manager)


def test_a_watchdog_of_another_process_is_not_ours() -> None:
    assert service_notify.watchdog_interval({"WATCHDOG_USEC": "60000000"}) == 20
    ours, other = str(os.getpid()), str(os.getpid() + 1)
    assert service_notify.watchdog_interval({"WATCHDOG_USEC": "3", "WATCHDOG_PID": other}) == 0
    assert service_notify.watchdog_interval({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": ours}) == 1
    assert service_notify.watchdog_interval({"WATCHDOG_USEC": "soon"}) == 0
    assert service_notify.watchdog_interval({}) == 0


def test_nobody_who_listens_is_no_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    assert not notify("READY=1")
