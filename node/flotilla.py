"""Many ships in one process, for the demo: ``python -m node.flotilla FOLDER BROKER HELLO``.

Orders come as JSON lines on standard input, ``{"op": "start", "ship": NAME, "labels": {…}}``, and
likewise ``stop``, ``cut`` and ``join`` (its link). At the end of the input all ships stop, so that
none outlives whoever gives the orders. What happens is told on standard output: ``{"up": NAME}``,
``{"down": NAME, "text": WHY}``. Each ship has a state folder, a store and, on need, a runner.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from node.daemon import Daemon
from node.gate import Gate
from node.methods import registry
from steward import logs
from steward.config import Permit, Settings
from steward.config.settings import Limits
from steward.subjects import NodeName

_AT_ONCE = 4
"""Ships that start at the same time: more would only wait for each other."""
_FILES = 8192
_RUNNER_RESTS = 5.0
"""Seconds: of so many runners few are in use at a time."""


_STRICT = (Permit(frm=("*",), methods=tuple({*registry()} - {"TextLogging"})),)
"""What ships in earnest permit: nobody writes into their log."""


class Order(msgspec.Struct, forbid_unknown_fields=True):
    """A line of the input."""

    op: str
    ship: str
    labels: dict[str, str] = {}


class Ship:
    """One node and its way to the broker."""

    def __init__(self, settings: Settings, gate: Gate) -> None:
        self.name = settings.node
        self.gate = gate
        self.settings = settings
        self.daemon: Daemon | None = None


class Flotilla:
    """Carries out the orders."""

    def __init__(self, folder: Path, broker: str, hello: float, group: asyncio.TaskGroup) -> None:
        self._folder = folder
        self._broker = broker
        self._hello = hello
        self._group = group
        self._ships: dict[str, Ship] = {}
        self._starting = asyncio.Semaphore(_AT_ONCE)
        self._gates = contextlib.AsyncExitStack()
        self._closing = False

    async def obey(self, order: Order) -> None:
        ship = self._ships.get(order.ship)
        if order.op == "start":
            if ship is None:
                ship = self._ships[order.ship] = await self._build(order.ship, order.labels)
            if ship.daemon is None:
                ship.daemon = Daemon(ship.settings, runner_rests=_RUNNER_RESTS)
                self._group.create_task(self._sail(ship, ship.daemon), name=f"{ship.name} sails")
        elif ship is not None and order.op == "stop" and ship.daemon is not None:
            ship.daemon.stop()
        elif ship is not None and order.op == "cut":
            ship.gate.cut()
        elif ship is not None and order.op == "join":
            ship.gate.join()

    async def close(self) -> None:
        """Every ship stops; the gates close after the last."""
        self._closing = True
        for ship in self._ships.values():
            if ship.daemon is not None:
                ship.daemon.stop()
        while any(ship.daemon is not None for ship in self._ships.values()):
            await asyncio.sleep(0.05)
        await self._gates.aclose()

    async def _build(self, name: str, labels: Mapping[str, str]) -> Ship:
        gate = await self._gates.enter_async_context(Gate(self._broker))
        settings = Settings(
            node=NodeName(name),
            state_dir=self._folder / name,
            broker_address=gate.address,
            prom_host_and_port=None,
            hello_interval=self._hello,
            labels=labels,
            link="slow",
            limits=Limits(ballast_bytes=0),
            permits=_STRICT if labels.get("env") == "prod" else (),
        )
        return Ship(settings, gate)

    async def _sail(self, ship: Ship, daemon: Daemon) -> None:
        async with self._starting:
            if self._closing:
                ship.daemon = None
                return
            runs = self._group.create_task(self._run(ship, daemon), name=f"{ship.name} runs")
            ready = self._group.create_task(daemon.ready.wait(), name=f"{ship.name} starts")
            await asyncio.wait({runs, ready}, return_when=asyncio.FIRST_COMPLETED)
            ready.cancel()
        if daemon.ready.is_set():
            _tell(up=ship.name)

    async def _run(self, ship: Ship, daemon: Daemon) -> None:
        text = ""
        try:
            await daemon.run()
        except Exception as error:  # one ship that sinks takes no other with it
            text = f"{type(error).__name__}: {error}"
        finally:
            ship.daemon = None
        _tell(down=ship.name, text=text)


def _tell(**what: str) -> None:
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.buffer.write(msgspec.json.encode(what) + b"\n")
        sys.stdout.buffer.flush()


async def sail(folder: Path, broker: str, hello: float) -> None:
    """Until the orders end."""
    orders = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(orders), sys.stdin.buffer
    )
    async with asyncio.TaskGroup() as group:
        flotilla = Flotilla(folder, broker, hello, group)
        while line := await orders.readline():
            await flotilla.obey(msgspec.json.decode(line, type=Order))
        await flotilla.close()


def main(folder: str, broker: str, hello: str) -> None:
    """Behind the console in the queue for the processor, and with room for all their files: a ship
    has about fifteen open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < _FILES:
        most = _FILES if hard == resource.RLIM_INFINITY else min(hard, _FILES)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    os.nice(5)
    logs.set_up()
    asyncio.run(sail(Path(folder), broker, float(hello)))


if __name__ == "__main__":
    main(*sys.argv[1:])
