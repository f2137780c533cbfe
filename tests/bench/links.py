"""Bad links: what real nodes get through them, beside a loop of plain requests on the same link."""

from __future__ import annotations

import asyncio
import shutil
import statistics
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg

from node.broker import Broker
from steward.control.whole_output import Pull
from tests.bench.limits import Limits
from tests.bench.table import Figure, Goal
from tests.bench.world import Bench, Watch, bench, command, event
from tests.links import LAN, LOSSY_SATELLITE, NARROW, Profile
from tests.proxy import Proxy

EVENTS = 500
COMMANDS = 50
SINGLE = 5
"""Commands one after the other."""
REQUESTS = 15
"""Plain ones, one after the other."""
PIECE = 32 * 1024
"""Bytes of output in a plain reply."""
HEX = "head -c {} /dev/urandom | od -An -v -tx1 -w21 | tr -d ' '"
"""Output about as compressible as text of machines is: to a half."""
COUNTED = 20
"""Commands whose bytes are counted."""
GREETINGS = "central.EventNACK.SayHello"


@dataclass(frozen=True, kw_only=True)
class Course:
    """A link, ``output`` bytes to pull over it, and the ratios to the plain loop to be reached."""

    name: str
    profile: Profile
    output: int
    events: float
    commands: float
    first: float
    pulled: float


COURSES = (
    Course(
        name="600 ms, 2 % loss", profile=LOSSY_SATELLITE, output=1_000_000,
        events=30, commands=5, first=1.5, pulled=1,
    ),
    Course(
        name="32 kbit/s", profile=NARROW, output=100_000,
        events=4, commands=1, first=2.5, pulled=1,
    ),
)  # fmt: skip


async def links(folder: Path, limits: Limits) -> list[Figure]:
    """The courses and the idle nodes at the same time: nothing of it is about this machine."""
    async with asyncio.TaskGroup() as group:
        idlers = group.create_task(idle(folder / "idle"))
        courses = [
            group.create_task(course(folder / f"course{i}", way)) for i, way in enumerate(COURSES)
        ]
    return [figure for task in (*courses, idlers) for figure in task.result()]


@asynccontextmanager
async def behind(
    folder: Path, profile: Profile, link: str = "slow"
) -> AsyncIterator[tuple[Bench, Proxy]]:
    """Central beside its broker, and ship1 behind such a link to it; both told ``--link``."""
    async with AsyncExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        broker = await stack.enter_async_context(Broker(folder / "broker", port=0))
        proxy = await stack.enter_async_context(Proxy(broker.port, seed=1))
        proxy.shape(profile)
        here = Bench(folder, broker)
        hello = "60" if link == "slow" else "15"
        for name, address in (("central", broker.address), ("ship1", proxy.address)):
            flags = ("--link", link, "--hello-interval", hello, "--broker-address", address)
            stack.push_async_callback((await here.start(name, *flags)).stop)
        stack.push_async_callback(here.disconnect)
        await here.connect()
        await here.greeted(["ship1"])
        yield here, proxy


async def course(folder: Path, way: Course) -> list[Figure]:
    """Events and commands in bulk, one command, and output; then the plain loop."""
    async with behind(folder, way.profile) as (here, proxy):
        first = (await singles(here, 1))[0]
        single = statistics.median(await singles(here, SINGLE))
        watch = Watch()
        await here.submit([event("ship1", n) for n in range(EVENTS)])
        await here.settled("TextLogging")
        events = EVENTS / watch()
        watch = Watch()
        await here.ends(await here.submit([command("ship1")] * COMMANDS))
        commands = COMMANDS / watch()
        pulled = await pull(here, way.output)
        request, piece = await plain(here.broker, proxy)
    of = "in a plain loop"
    return [
        Figure(
            name=f"{what}, {way.name}", value=value, unit=unit, limit=limit,
            of=f"{unit} {of}", goal=goal,
        )
        for what, value, unit, limit, goal in (
            ("events", events, "/s", 1 / request, Goal(ratio_at_least=way.events)),
            ("commands", commands, "/s", 1 / request, Goal(ratio_at_least=way.commands)),
            ("one command", single, "s", request, Goal(ratio_at_most=way.first)),
            ("the first command", first, "s", request, None),
            ("output pulled", pulled, "bytes/s", piece, Goal(ratio_at_least=way.pulled)),
        )
    ]  # fmt: skip


async def singles(here: Bench, count: int) -> list[float]:
    """Seconds, each."""
    took = []
    for _ in range(count):
        watch = Watch()
        await here.ends(await here.submit([command("ship1")]))
        took.append(watch())
    return took


async def pull(here: Bench, size: int) -> float:
    """Bytes/s, from the submission of the command until its last byte is here and proved."""
    script = HEX.format(size // 43 * 21)
    watch = Watch()
    [message] = await here.ends(await here.submit([command("ship1", data=[script])]))
    got = 0

    def take(data: bytes, _last: bool) -> None:
        nonlocal got
        got += len(data)

    await Pull(here.client, message, "stdout").run(0, take)
    assert abs(got - size) < size / 20, got
    return got / watch()


async def plain(broker: Broker, proxy: Proxy) -> tuple[float, float]:
    """Seconds of one request and reply, the mean; bytes/s of output in pieces."""
    near = await nats.connect(broker.address)
    far = await nats.connect(proxy.address, connect_timeout=20)

    async def answer(msg: Msg) -> None:
        await msg.respond(b"x" * (int(msg.data) if msg.data.isdigit() else 60))

    try:
        await far.subscribe("plain", cb=answer)
        await far.flush(timeout=20)
        line = event("ship1", 1)["data"][0].encode()
        request = await mean(near, line, REQUESTS)
        return request, PIECE / await mean(near, b"%d" % PIECE, 3)
    finally:
        await near.close()
        await far.close()


async def mean(client: Client, payload: bytes, count: int) -> float:
    watch = Watch()
    for _ in range(count):
        await client.request("plain", payload, timeout=60)
    return watch() / count


async def idle(folder: Path) -> list[Figure]:
    """Bytes and packets over a node's connection, both ways, without the headers of TCP and IP."""
    figures: list[Figure] = []
    async with behind(folder / "lan", LAN, "lan") as (here, proxy):
        figures += await per_message(here, proxy)
    for link in ("slow", "lan"):
        async with behind(folder / link, LAN, link) as (here, proxy):
            figures += await an_hour(here, proxy, link)
    return figures
