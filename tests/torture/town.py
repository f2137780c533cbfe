"""A broker, central and five ships as real processes, each node behind a link of its own."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from pathlib import Path
from random import SystemRandom

from node.broker import Broker
from node.world import NodeProcess
from tests.proxy import Proxy
from tests.torture import work
from tests.torture.ledger import Book, now

SHIPS = tuple(f"ship{number}" for number in range(1, 6))
START_WITHIN = 60.0
CLOCKS = ("tests.torture.clocks",)
"""The module that starts a daemon, and what it is told before its clock's file."""
SETTINGS = """\
hello-interval = 2
default-message-timeout = 2
"""
PERMITS = """\
[[permit]]
from = ["*"]
methods = ["ShellCommand", "ListProcesses", "ReadRun"]
"""


class Member:
    """One node: its daemon, its runner, its link, its clock. ``lock`` is held by whoever starts
    or ends its processes."""

    def __init__(self, town: Path, name: str, broker_port: int, launcher: Sequence[str]) -> None:
        self.name = name
        self.folder = town / name
        self.clock = town / "clocks" / name
        self.link = Proxy(broker_port)
        self._launcher = launcher
        self.lock = asyncio.Lock()
        self.life = 0
        """How often its daemon was started."""
        self.metrics_port = fixed_port()
        self._daemon: NodeProcess | None = None
        self._config = town / "conf" / f"{name}.toml"
        self._config.write_text(SETTINGS + (PERMITS if name == work.SHY else ""))

    async def start(self) -> None:
        """Returns once it answers. It has to have ended before."""
        self._daemon = NodeProcess(
            self.name,
            self.folder,
            ("--broker-address", self.link.address, "--config", str(self._config),
             "--prom-host-and-port", f"127.0.0.1:{self.metrics_port}"),
            (sys.executable, "-m", *self._launcher, str(self.clock)),
        )  # fmt: skip
        self.life += 1
        await self._daemon.start(START_WITHIN)

    async def kill(self) -> None:
        """``kill -9`` of the daemon; what runs goes on."""
        if self._daemon is not None:
            await self._daemon.kill()
            self._daemon = None

    async def stop(self) -> None:
        """As a service manager stops it."""
        if self._daemon is not None:
            await self._daemon.stop()
            self._daemon = None

    @property
    def status(self) -> int | None:
        """The exit status of a daemon that ended although nobody here ended it."""
        return None if self._daemon is None else self._daemon.status

    @property
    def pid(self) -> int:
        """Of the daemon that was started last."""
        assert self._daemon is not None
        return self._daemon.pid

    def runner(self) -> int | None:
        """The pid of its runner, if there is one now."""
        with suppress(OSError, ValueError), socket.socket(socket.AF_UNIX) as asked:
            asked.settimeout(1.0)
            asked.connect(str(self.folder / "runner.sock"))
            asked.sendall(b'{"op": "list"}\n')
            with asked.makefile("rb") as answers:
                for line in answers:
                    if "pid" in (told := json.loads(line)):
                        pid: int = told["pid"]
                        return pid
        return None

    def signal_runner(self, number: signal.Signals) -> bool:
        """False if there is none."""
        pid = self.runner()
        if pid is None:
            return False
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        return True

    def set_clock(self, seconds: float) -> None:
        """How wrong its clock is from now on."""
        fresh = self.clock.with_suffix(".new")
        fresh.write_text(str(seconds))
        fresh.replace(self.clock)

    def wipe(self, kept: Path) -> None:
        """It loses its disk. Its daemon and its runner have to have ended."""
        self.folder.rename(kept)


class Town:
    """All of it. ``folder`` is the folder that the checker reads."""

    def __init__(self, folder: Path, broker: Broker, launcher: Sequence[str]) -> None:
        self.folder = folder
        self.book = Book(folder)
        self.broker = broker
        self.members = {
            name: Member(folder, name, broker.port, launcher) for name in ("central", *SHIPS)
        }
        self.began = now()

    def __getitem__(self, name: str) -> Member:
        return self.members[name]

    async def watch_deaths(self) -> None:
        """A daemon that ends by itself has broken a promise; it is started again, all the same."""
        while True:
            await asyncio.sleep(0.5)
            for member in self.members.values():
                if member.lock.locked() or member.status is None:
                    continue
                log = (member.folder / "log").read_text(errors="replace")[-2000:]
                self.book.death(node=member.name, status=member.status, log=log)
                async with member.lock:
                    await member.start()


def fixed_port() -> int:
    """A free TCP port below those that the system gives to connections: it stays free while
    whoever listens on it is away."""
    random = SystemRandom()
    while True:
        port = random.randrange(12_000, 32_000)
        with closing(socket.socket()) as tried, suppress(OSError):
            tried.bind(("127.0.0.1", port))
            return port


def prepare(folder: Path, printed: dict[str, bytes]) -> None:
    """What is there before anybody starts."""
    for name in ("clocks", "conf", "ledger", "wiped", "blobs"):
        (folder / name).mkdir(parents=True)
    for name, data in printed.items():
        (folder / "blobs" / name).write_bytes(data)
    shutil.copy(Path(__file__).with_name("act.sh"), folder / "act.sh")


@asynccontextmanager
async def town(folder: Path, launcher: Sequence[str] = CLOCKS) -> AsyncIterator[Town]:
    """All of it running; all processes are ended at the end, whatever happened."""
    async with AsyncExitStack() as stack:
        broker = Broker(folder / "broker", port=fixed_port())
        await broker.start()
        stack.push_async_callback(broker.stop)
        here = Town(folder, broker, launcher)
        for member in here.members.values():
            await stack.enter_async_context(member.link)
        stack.callback(end_runners, here)
        async with asyncio.TaskGroup() as group:
            for member in here.members.values():
                stack.push_async_callback(member.kill)
                group.create_task(member.start())
        yield here


def end_runners(here: Town) -> None:
    """Nothing of a town outlives it: its daemons have ended by now."""
    for member in here.members.values():
        member.signal_runner(signal.SIGCONT)
        member.signal_runner(signal.SIGTERM)
