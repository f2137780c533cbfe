"""The demo's many ships, several to a process: starts them, cuts their links, brings them home."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from random import Random

import msgspec

from node.output import read_claim, read_exit
from node.spawn import signal_group, start_time
from steward.errors import StewardError

PER_PROCESS = 50
HELLOS = 40
"""A second, of all ships together, at most; each says hello every two seconds at most."""
HOME_WITHIN = 8.0
"""Seconds for all to end by themselves."""
_PORTS = ("oslo", "bergen", "stavanger", "tromso", "hamburg", "rotterdam", "singapore", "santos")


def labels(number: int) -> dict[str, str]:
    """What one filters ships for: where they are based, how they are reached, and whether they
    are in earnest. The same ones at every start."""
    random = Random(number)
    env = {"env": "prod"} if random.random() < 0.25 else {}
    link = "gsm" if random.random() < 0.3 else "vsat"
    return {"kind": "ship", "site": random.choice(_PORTS), "link": link, **env}


class Told(msgspec.Struct):
    """A line of what a flotilla tells."""

    up: str = ""
    down: str = ""
    text: str = ""


class Flotilla:
    """``python -m node.flotilla`` as a child process; it logs to ``<folder>/NAME.log``."""

    def __init__(self, log: Path, arguments: Sequence[str], told: Callable[[Told], None]) -> None:
        self.log = log
        self._arguments = arguments
        self._told = told
        self._process: asyncio.subprocess.Process | None = None
        self._listening: asyncio.Task[None] | None = None

    async def start(self) -> None:
        with self.log.open("ab") as log:
            # A session of its own: Ctrl-C is for whoever gives it orders.
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "node.flotilla", *self._arguments,
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        self._listening = asyncio.create_task(self._listen(), name=self.log.stem)

    def order(self, op: str, ship: str, **more: Mapping[str, str]) -> None:
        """Carried out in its own time; if the flotilla is gone, not at all."""
        if self._process is not None and self._process.stdin is not None:
            with suppress(OSError):
                line = msgspec.json.encode({"op": op, "ship": ship, **more})
                self._process.stdin.write(line + b"\n")

    @property
    def has_ended(self) -> bool:
        return self._listening is None or self._listening.done()

    async def _listen(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            self._told(msgspec.json.decode(line, type=Told))
        await self._process.wait()

    async def stop(self) -> None:
        """The end of its orders is its order to end; by force if it takes too long."""
        process, listening = self._process, self._listening
        if process is None or listening is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        await asyncio.wait({listening}, timeout=HOME_WITHIN)
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        await listening


class Fleet:
    """Ships by name, each in one of several flotillas."""

    def __init__(self, folder: Path, broker: str, numbers: Iterable[int], per_process: int) -> None:
        """Ships are called ``shipN``, and their state folders in ``folder`` likewise."""
        self.folder = folder
        self.up: set[str] = set()
        """The ships that are up now, whether or not anybody reaches them."""
        self.sunk: dict[str, str] = {}
        """Those whose daemons could not start or have failed, and why."""
        self.labels = {f"ship{number}": labels(number) for number in numbers}
        names = list(self.labels)
        hello = max(2.0, len(names) / HELLOS)
        arguments = (str(folder), broker, str(hello))
        self._of: dict[str, Flotilla] = {}
        self._flotillas: list[Flotilla] = []
        for first in range(0, len(names), per_process):
            log = folder / f"flotilla{len(self._flotillas) + 1}.log"
            self._flotillas.append(Flotilla(log, arguments, self._hear))
            for ship in names[first : first + per_process]:
                self._of[ship] = self._flotillas[-1]

    async def start(self) -> None:
        """All processes are there; the ships come up one after the other."""
        for flotilla in self._flotillas:
            await flotilla.start()
        for name in self.labels:
            self.sail(name)

    async def all_up(self, seconds: float) -> None:
        """Raises StewardError if some ships don't come up within so long."""
        try:
            async with asyncio.timeout(seconds):
                while len(self.up) < len(self._of) and not self._is_lost():
                    await asyncio.sleep(0.1)
        except TimeoutError:
            pass
        if missing := sorted(self._of.keys() - self.up):
            ship = min(self.sunk, default=missing[0])
            text = f"{len(missing)} ships did not come up, {ship} among them"
            raise StewardError(text, self.sunk.get(ship) or f"see {self._of[ship].log}")

    def _is_lost(self) -> bool:
        return bool(self.sunk) or any(flotilla.has_ended for flotilla in self._flotillas)

    def _hear(self, told: Told) -> None:
        if told.up:
            self.up.add(told.up)
            self.sunk.pop(told.up, None)
        self.up.discard(told.down)
        if told.down and told.text:
            self.sunk[told.down] = told.text

    def sail(self, ship: str) -> None:
        """Start its daemon (again)."""
        self._of[ship].order("start", ship, labels=self.labels[ship])

    def moor(self, ship: str) -> None:
        """Stop its daemon as a service manager would."""
        self._of[ship].order("stop", ship)

    def cut(self, ship: str) -> None:
        """It loses its link to the broker; what it does goes on."""
        self._of[ship].order("cut", ship)

    def join(self, ship: str) -> None:
        """It finds its link again."""
        self._of[ship].order("join", ship)

    async def stop(self) -> None:
        """All of them end; what they run goes on."""
        await asyncio.gather(*(flotilla.stop() for flotilla in self._flotillas))


@asynccontextmanager
async def fleet(
    folder: Path, broker: str, numbers: Iterable[int], per_process: int = PER_PROCESS
) -> AsyncIterator[Fleet]:
    """Ships on their way up; all of them are stopped at the end, whatever happened."""
    ships = Fleet(folder, broker, numbers, per_process)
    try:
        await ships.start()
        yield ships
    finally:
        await ships.stop()


def end_commands(folder: Path) -> None:
    """Kill what still runs for the nodes whose state folders are in ``folder``: their runners end
    by themselves then. For a world that is thrown away: nobody is told of it."""
    for run in folder.glob("*/runs/*"):
        claim = read_claim(run)
        if claim is None or not claim.pid or read_exit(run) is not None:
            continue
        if start_time(claim.pid) == claim.start:
            signal_group(claim.pid, signal.SIGKILL)
