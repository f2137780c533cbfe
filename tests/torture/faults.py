"""Carries out the nemesis's plan on a town, writes down what was done, and heals everything."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from tests import links
from tests.torture.ledger import now
from tests.torture.nemesis import Fault
from tests.torture.pulse import beat
from tests.torture.town import Member, Town

PROFILES = {
    "GSM": links.GSM,
    "SATELLITE": links.SATELLITE,
    "LOSSY_SATELLITE": links.LOSSY_SATELLITE,
    "NARROW": links.NARROW,
}


class Nemesis:
    """``lull`` afterwards: nothing is broken any more."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self._wiped = 0
        self._deeds = {
            "kill": self._kill,
            "stop": self._stop,
            "wipe": self._wipe,
            "runner-kill": self._runner_kill,
            "runner-stop": self._runner_stop,
            "profile": self._profile,
            "cut": self._cut,
            "blackhole": self._hole,
            "oneway": self._hole,
            "reset": self._reset,
            "slow-consumer": self._slow,
            "clock": self._clock,
        }

    async def carry_out(self, plan: Sequence[Fault]) -> None:
        """All of it; returns once the last fault is over."""
        async with asyncio.TaskGroup() as group:
            for fault in plan:
                await asyncio.sleep(max(0.0, self._town.began + fault.at - now()))
                group.create_task(self._inflict(fault), name=f"{fault.what} {fault.who}")

    async def _inflict(self, fault: Fault) -> None:
        if fault.what == "broker":
            async with self._written(fault):
                await self._break_broker(fault)
        else:
            await self._deeds[fault.what](self._town[fault.who], fault)

    @asynccontextmanager
    async def _written(self, fault: Fault) -> AsyncIterator[None]:
        """The line of a fault: from just before it to just after its healing."""
        t, wall = now(), time.time()
        yield
        self._town.book.fault(
            t=t, wall=wall, until=now(), what=fault.what, who=fault.who, detail=fault.detail
        )

    # ---------------------------------------------------------------- processes

    async def _kill(self, member: Member, fault: Fault) -> None:
        async with member.lock:
            await beat(self._town, member, "kill")
            async with self._written(fault):
                await member.kill()
                await asyncio.sleep(fault.lasts)
                await member.start()

    async def _stop(self, member: Member, fault: Fault) -> None:
        async with member.lock, self._written(fault):
            await freeze(member.pid, fault.lasts)

    async def _wipe(self, member: Member, fault: Fault) -> None:
        async with member.lock:
            await beat(self._town, member, "wipe")
            self._wiped += 1
            async with self._written(fault):
                await member.kill()
                member.signal_runner(signal.SIGKILL)
                member.wipe(self._town.folder / "wiped" / f"{member.name}-{self._wiped}")
                await asyncio.sleep(fault.lasts)
                await member.start()

    async def _runner_kill(self, member: Member, fault: Fault) -> None:
        async with self._written(fault):
            await asyncio.to_thread(member.signal_runner, signal.SIGKILL)

    async def _runner_stop(self, member: Member, fault: Fault) -> None:
        pid = await asyncio.to_thread(member.runner)
        if pid is not None:
            async with self._written(fault):
                await freeze(pid, fault.lasts)

    async def _break_broker(self, fault: Fault) -> None:
        broker = self._town.broker
        if fault.detail == "pause":
            await freeze(broker.pid, fault.lasts)
        else:
            await (broker.kill() if fault.detail == "kill" else broker.stop())
            await asyncio.sleep(fault.lasts)
            await broker.start()

    # ---------------------------------------------------------------- links and clocks

    async def _profile(self, member: Member, fault: Fault) -> None:
        async with self._written(fault):
            member.link.shape(PROFILES[fault.detail])
            await asyncio.sleep(fault.lasts)
            member.link.shape(links.LAN)

    async def _cut(self, member: Member, fault: Fault) -> None:
        async with self._written(fault):
            member.link.refuse()
            await asyncio.sleep(fault.lasts)
            await member.link.accept()

    async def _hole(self, member: Member, fault: Fault) -> None:
        """Half-open: what is sent is acknowledged and lost; in one direction or in both."""
        async with self._written(fault):
            member.link.set("drop", up=fault.detail != "down", down=fault.detail != "up")
            await asyncio.sleep(fault.lasts)
            member.link.cut()  # bytes are missing: such a connection must not live on
            member.link.set("pass")

    async def _reset(self, member: Member, fault: Fault) -> None:
        async with self._written(fault):
            member.link.reset()

    async def _slow(self, member: Member, fault: Fault) -> None:
        """It takes nothing: the broker has to buffer."""
        async with self._written(fault):
            member.link.set("stall", up=False)
            await asyncio.sleep(fault.lasts)
            member.link.set("pass")

    async def _clock(self, member: Member, fault: Fault) -> None:
        async with self._written(fault):
            member.set_clock(float(fault.detail))
            await asyncio.sleep(fault.lasts)
            member.set_clock(0.0)


async def freeze(pid: int, seconds: float) -> None:
    """SIGSTOP, and SIGCONT whatever happens in between: nobody else wakes it."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            os.kill(pid, signal.SIGCONT)
