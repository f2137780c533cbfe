"""What systemd hears of a daemon: that it is ready, how it is, and that it really lives.

A daemon that nobody watches does nothing of this.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from node.sd_notify import notify
from steward.bus import Bus
from steward.errors import StewardError
from steward.store import Store, Tables
from steward.supervisor import ProcessState, Supervisor

log = logging.getLogger(__name__)

_TIMES = 3
"""A watchdog is fed so many times in the time that it grants."""
_MARGIN = 10.0


def watchdog_interval(environ: Mapping[str, str] = os.environ) -> float:
    """Seconds between two feedings; 0: there is no watchdog, or it is another process's."""
    pid = environ.get("WATCHDOG_PID", "")
    if pid and pid != str(os.getpid()):
        return 0.0
    try:
        return max(0.0, int(environ.get("WATCHDOG_USEC", "0")) / 1e6 / _TIMES)
    except ValueError:
        return 0.0


class Pulse:
    """Whether a daemon lives: its store answers reads and commits, and its bus turns. A broker that
    is away, a disk that is full are no reason to end it."""

    def __init__(self, store: Store, bus: Bus, supervisor: Supervisor) -> None:
        self._store = store
        self._bus = bus
        self._supervisor = supervisor
        self._asked: asyncio.Task[None] | None = None
        self._round: tuple[float, float] | None = None
        self._turned = time.monotonic()

    async def trouble(self, patience: float) -> str:
        """What does not answer within ``patience`` seconds; empty: all is well."""
        return await self._store_trouble(patience) or self._bus_trouble()

    async def _store_trouble(self, patience: float) -> str:
        if self._asked is None:  # one that hangs is not asked again
            self._asked = asyncio.create_task(self._ask_store(), name="pulse of the store")
        await asyncio.wait({self._asked}, timeout=patience)
        if not self._asked.done():
            return f"the store has not answered for {patience:.0f} s or more"
        error, self._asked = self._asked.exception(), None
        return "" if error is None else f"the store fails: {error}"

    async def _ask_store(self) -> None:
        def nothing(_: Tables) -> None:
            return

        try:
            await self._store.read(nothing)
            await self._store.write(nothing)
        except StewardError as error:
            log.debug("the store answers: %s", error)

    def _bus_trouble(self) -> str:
        process, now = self._supervisor.get("bus"), time.monotonic()
        if process is None or process.state is ProcessState.TERMINATED:
            return "the bus was given up: steward processes shows why"
        settings = self._bus.settings
        longest = 2 * (settings.ping + settings.patience) + _MARGIN
        rounds = self._bus.round_trips
        newest = rounds[-1] if rounds else None
        if newest != self._round or not self._bus.connected:
            self._round, self._turned = newest, now
        if now - self._turned > longest:
            return f"the bus looks after its link no more, for {now - self._turned:.0f} s"
        return ""

    def close(self) -> None:
        if self._asked is not None:
            self._asked.cancel()


@asynccontextmanager
async def notified(
    name: str, store: Store, bus: Bus, supervisor: Supervisor
) -> AsyncIterator[None]:
    """While this is entered, the node of that name is up."""
    pulse, every = Pulse(store, bus, supervisor), watchdog_interval()
    notify("READY=1", f"STATUS=node {name} is up")
    feeding = asyncio.create_task(_feed(pulse, bus, every), name="watchdog") if every else None
    try:
        yield
    finally:
        notify("STOPPING=1", f"STATUS=node {name} stops")
        if feeding is not None:
            feeding.cancel()
            await asyncio.wait({feeding})
        pulse.close()


def _standing(bus: Bus) -> str:
    if bus.connected:
        return f"connected to {bus.address}"
    return f"no link: {bus.last_error}" if bus.last_error else f"connects to {bus.address}"


async def _feed(pulse: Pulse, bus: Bus, every: float) -> None:
    while True:
        if trouble := await pulse.trouble(every):
            log.error("the watchdog is not fed: %s", trouble)
            notify(f"STATUS={trouble}")
        else:
            notify("WATCHDOG=1", f"STATUS={_standing(bus)}")
        await asyncio.sleep(every)
