"""What this machine allows, with as little of anybody's code around it as there can be."""

from __future__ import annotations

import asyncio
import json
import os
import select
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from secrets import token_hex

import aiosqlite
import msgspec
import nats
from nats.aio.client import Client

from node import runner
from node.broker import Broker
from steward.control.address import Caller
from steward.control.client import ControlClient
from steward.control.server import ControlServer
from tests.bench.other_end import durable, insert

SECONDS = 1.0
"""How long each of them is measured."""
FRAME = 256


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Times are the medians of one at a time, in ms; rates are per second."""

    round_trip: float
    """Request and reply through the broker."""
    requests: float
    """The same with 64 under way."""
    commit: float
    """One row, committed on the disk, through aiosqlite."""
    rows: float
    """Rows in such commits of 256."""
    handoff: float
    """Messages from one file through the broker into another, 256 a frame, and marked there."""
    spawns: float
    """``posix_spawn`` of ``true`` and its pidfd, one after the other."""
    run: float
    """``true`` by the runner: claimed, spawned, its exit record on the disk and told."""
    runs: float
    """The same with 16 under way."""
    call: float
    """A question over the control socket that nobody has to think about."""

    @property
    def one_command(self) -> float:
        """ms: accepted and bound, carried, accepted and started, run, ended, carried, settled. Four
        commits, a round trip through the broker, the run, and two calls of the control socket."""
        return 4 * self.commit + self.round_trip + self.run + 2 * self.call


async def measure(folder: Path) -> Limits:
    """In a fresh folder, which should be on the disk that the nodes are on."""
    async with Broker(folder / "broker", port=0) as broker, other_end(broker, folder) as client:
        round_trip = await each(lambda: client.request("bench.echo", b"x" * 200, timeout=5))
        requests = await rate(lambda: client.request("bench.echo", b"x" * 200, timeout=5), 64)
        handoff = await hand_over(client, folder / "sender.db")
    commit, rows = await commits(folder / "commits.db")
    return Limits(
        round_trip=round_trip,
        requests=requests,
        commit=commit,
        rows=rows,
        handoff=handoff,
        spawns=spawns(),
        run=runner_runs(folder / "runner", 1)[0],
        runs=runner_runs(folder / "runners", 16)[1],
        call=await calls(folder),
    )


async def each(once: Callable[[], Awaitable[object]], warm: int = 20) -> float:
    """ms of one, the median."""
    for _ in range(warm):
        await once()
    took: list[float] = []
    until = time.perf_counter() + SECONDS
    while (began := time.perf_counter()) < until:
        await once()
        took.append(time.perf_counter() - began)
    return statistics.median(took) * 1000


async def rate(once: Callable[[], Awaitable[object]], at_once: int) -> float:
    """How many a second, with so many under way."""
    done = 0
    began = time.perf_counter()

    async def again() -> None:
        nonlocal done
        while time.perf_counter() < began + SECONDS:
            await once()
            done += 1

    await asyncio.gather(*(again() for _ in range(at_once)))
    return done / (time.perf_counter() - began)


@asynccontextmanager
async def other_end(broker: Broker, folder: Path) -> AsyncIterator[Client]:
    """A client, and a process of its own that answers it."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.other_end"),
        *(broker.address, str(folder / "receiver.db")),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        await process.stdout.readline()
        client = await nats.connect(broker.address)
        try:
            yield client
        finally:
            await client.close()
    finally:
        process.stdin.close()
        await process.wait()


async def hand_over(client: Client, path: Path) -> float:
    """Messages a second: inserted and committed here, carried, committed there, marked here."""
    con = durable(str(path))
    body = "a line of text as a node would log it, about sixty bytes long"
    done = 0
    began = time.perf_counter()
    while (passed := time.perf_counter() - began) < SECONDS:
        rows = [(token_hex(16), body) for _ in range(FRAME)]
        insert(con, rows)
        await client.request("bench.keep", msgspec.json.encode(rows), timeout=5)
        con.execute("UPDATE row SET body = '' WHERE n > ?", (done,))
        done += FRAME
    con.close()
    return done / passed


async def commits(path: Path) -> tuple[float, float]:
    """ms a commit of one row, and rows a second in commits of 256."""
    durable(str(path)).close()
    async with aiosqlite.connect(path, isolation_level=None) as con:
        await con.execute("PRAGMA synchronous = FULL")

        async def many() -> None:
            await con.execute("BEGIN IMMEDIATE")
            rows = [(token_hex(16), "x" * 60) for _ in range(FRAME)]
            await con.executemany("INSERT INTO row (id, body) VALUES (?, ?)", rows)
            await con.execute("COMMIT")

        one = await each(
            lambda: con.execute("INSERT INTO row (id, body) VALUES (?, 'x')", (token_hex(16),))
        )
        rows = FRAME * await rate(many, 1)
    return one, rows


def spawns() -> float:
    """How many a second, one after the other."""
    done = 0
    began = time.perf_counter()
    while (passed := time.perf_counter() - began) < SECONDS:
        pid = os.posix_spawnp("true", ["true"], os.environ)
        fd = os.pidfd_open(pid)
        select.select([fd], [], [])
        os.waitpid(pid, 0)
        os.close(fd)
        done += 1
    return done / passed


def runner_runs(folder: Path, at_once: int) -> tuple[float, float]:
    """ms of one run by the runner, and how many a second, with so many under way."""
    folder.mkdir()
    command = [sys.executable, "-I", "-S", runner.__file__, str(folder), "idle=0.1"]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    began: dict[str, float] = {}
    took: list[float] = []
    with socket.socket(socket.AF_UNIX) as sock:
        here = os.getcwd()
        os.chdir(folder)  # the address of a socket may be too long otherwise
        sock.connect("runner.sock")
        os.chdir(here)
        lines = sock.makefile("rb")

        def start() -> None:
            key = token_hex(16)
            began[key] = time.perf_counter()
            request = {
                "op": "start",
                "key": key,
                "argv": ["true"],
                "env": {"PATH": "/usr/bin:/bin"},
            }
            sock.sendall(json.dumps(request).encode() + b"\n")

        first = time.perf_counter()
        for _ in range(at_once):
            start()
        while (now := time.perf_counter()) < first + SECONDS or began:
            told = json.loads(lines.readline())
            if "exited" in told:
                took.append(time.perf_counter() - began.pop(told["exited"]))
                if now < first + SECONDS:
                    start()
        passed = time.perf_counter() - first
    return statistics.median(took) * 1000, len(took) / passed


async def calls(folder: Path) -> float:
    """ms a call."""

    async def nothing(_params: dict[str, object], _caller: Caller) -> object:
        return {}

    async with (
        ControlServer(folder / "steward.sock", {"nothing": nothing}),
        ControlClient(folder) as client,
    ):
        return await each(lambda: client.call("nothing"))
