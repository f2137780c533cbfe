"""Machines whose disk's power can be cut: nodes that end, all processes at once, with a boot."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

from node.broker import Broker
from node.world import START_WITHIN, NodeProcess
from tests.fault.fleet import Fleet
from tests.power.disk import Disk

_BOOT = 'mount --bind "$0" /proc/sys/kernel/random/boot_id && "$@"; exec sleep 600'
"""Its init stays when the daemon is killed."""


class Machine(NodeProcess):
    """A node with its state on the disk and everything that it starts (its runner, commands) in
    process and mount namespaces of its own, where each boot has its own id."""

    def __init__(self, name: str, disk: Disk, scrap: Path, flags: Sequence[str]) -> None:
        super().__init__(name, disk.folder / name, flags)
        self.disk = disk
        self.boots_anew = True
        """False: nobody can see that the machine was down."""
        self._log = scrap / f"{name}.log"
        self._boot = scrap / f"{name}.boot"

    async def start(self, within: float = START_WITHIN) -> None:
        if self.boots_anew or not self._boot.exists():
            self._boot.write_text(f"{uuid.uuid4()}\n")
        self.folder.mkdir(exist_ok=True)
        if not (self.folder / "log").is_symlink():
            (self.folder / "log").symlink_to(self._log)
        arguments = ["node", "--node", self.name, "--state-dir", str(self.folder), *self._flags]
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
                "sh", "-c", _BOOT, self._boot, sys.executable, "-m", "steward.cli", *arguments,
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        await self._answers(within)

    async def power_off(self) -> None:
        """All at once: its processes are killed, and before they are gone its disk is dead."""
        for pid in self._pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.disk.cut()
        assert self._process is not None
        async with asyncio.timeout(15):
            await self._process.wait()
        self._process = None

    def signal_daemon(self, number: int) -> None:
        os.kill(self._pids()[0], number)

    def sockets_of(self, program: str) -> int:
        """How many its process of that name has open."""
        [pid] = [p for p in self._pids() if program in Path(f"/proc/{p}/cmdline").read_text()]
        fds = Path(f"/proc/{pid}/fd").iterdir()
        return sum(os.readlink(fd).startswith("socket:") for fd in fds)

    async def stop(self) -> None:
        """The test is over."""
        if self._process is not None and self._process.returncode is None:
            await self.power_off()

    def _pids(self) -> list[int]:
        """Whoever lives in its process namespace: the daemon first, its init last."""
        assert self._process is not None
        [init] = _children(self._process.pid)
        namespace = os.readlink(f"/proc/{init}/ns/pid")
        found = [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc")))
                 if pid != init and _namespace(pid) == namespace]  # fmt: skip
        return [*sorted(found), init]


def _children(pid: int) -> list[int]:
    return [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _namespace(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")
    except OSError:
        return ""


class PowerFleet(Fleet):
    """A fleet of which one node stands on the disk; the ledger of commands stands elsewhere."""

    def __init__(self, folder: Path, broker: Broker, stack: AsyncExitStack, disk: Disk) -> None:
        super().__init__(folder, broker, stack)
        self.disk = disk

    async def machine(self, name: str, *flags: str) -> Machine:
        """Started, on the mounted disk."""
        address = ("--broker-address", self.broker.address, "--prom-host-and-port", "off")
        flags = (*address, "--hello-interval", "2", *flags)
        made = Machine(name, self.disk, self.folder, flags)
        self._stack.push_async_callback(made.stop)
        await made.start()
        return made


@asynccontextmanager
async def power_fleet(folder: Path, disk: Disk) -> AsyncIterator[PowerFleet]:
    """A broker and an empty, mounted disk; everything that is started is ended."""
    disk.mount()
    async with AsyncExitStack() as stack:
        broker = Broker(folder / "broker", port=0)
        await broker.start()
        stack.push_async_callback(broker.stop)
        yield PowerFleet(folder, broker, stack, disk)
