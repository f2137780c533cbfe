"""Bad links: what real nodes get through them, beside a loop of plain requests on the same link."""

from __future__ import annotations

import asyncio
import shutil
import statistics
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg

from node.broker import Broker
from steward import frames
from steward.control.whole_output import Pull
from steward.frames import Notice
from tests.bench.limits import Limits
from tests.bench.table import Figure, Goal
from tests.bench.world import Bench, Json, Watch, command, event
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
INTERVAL = {"slow": 60, "lan": 15}
"""Seconds between hellos, as the product has them."""


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
        events=50, commands=6, first=1.5, pulled=1.5,
    ),
    Course(
        name="32 kbit/s", profile=NARROW, output=100_000,
        events=15, commands=5, first=2, pulled=1.3,
    ),
)  # fmt: skip


async def links(folder: Path, _limits: Limits) -> list[Figure]:
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
        for name, address in (("central", broker.address), ("ship1", proxy.address)):
            flags = (
                "--link",
                link,
                "--hello-interval",
                str(INTERVAL[link]),
                "--broker-address",
                address,
            )
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
        await here.submit([line(n) for n in range(EVENTS)])
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


def line(number: int) -> Json:
    """An event of which not all is like the one before, as it is not in a log either."""
    text = f"{number:08d} {token_hex(12)} as a node would log it, sixty bytes\n"
    return {**event("ship1", number), "data": [text]}


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
    [message] = await here.ends(await here.submit([command("ship1", data=["sh", "-c", script])]))
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
        request = await mean(near, line(1)["data"][0].encode(), REQUESTS)
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
    """Bytes over a node's connection both ways, without the headers of TCP and IP; and packets."""
    async with asyncio.TaskGroup() as group:
        hours = [group.create_task(an_hour(folder / link, link)) for link in ("slow", "lan")]
        messages = group.create_task(per_message(folder / "messages"))
    return [figure for task in (*hours, messages) for figure in task.result()]


async def an_hour(folder: Path, link: str) -> list[Figure]:
    """Counted from one hello to another about a minute later, once they come at their interval:
    what is as regular as they are is neither missed nor counted twice. Times an hour's seconds."""
    async with behind(folder, LAN, link) as (here, proxy), Hellos(here) as hellos:
        while await hellos.next() < 0.85 * INTERVAL[link]:
            pass
        before, watch = (passed(proxy), packets(proxy)), Watch()
        for _ in range(round(60 / INTERVAL[link])):
            await hellos.next()
        hour = 3600 / watch()
        goal = Goal(at_most=50) if link == "slow" else None
        figures = (
            ("bytes", (passed(proxy) - before[0]) * hour / 1000, "kB", goal),
            ("packets", (packets(proxy) - before[1]) * hour, "", None),
        )
    return [
        Figure(name=f"an idle hour's {what}, --link {link}", value=value, unit=unit, goal=goal)
        for what, value, unit, goal in figures
    ]


async def per_message(folder: Path) -> list[Figure]:
    """Frames, receipts and results, both ways."""
    async with behind(folder, LAN) as (here, proxy):
        await singles(here, 3)
        before = passed(proxy)
        await singles(here, COUNTED)
        one = (passed(proxy) - before) / COUNTED
        before = passed(proxy)
        await here.ends(await here.submit([command("ship1")] * 10 * COUNTED))
        many = (passed(proxy) - before) / (10 * COUNTED)
        before = passed(proxy)
        await here.submit([line(n) for n in range(EVENTS)])
        await here.settled("TextLogging")
        batch = (passed(proxy) - before) / EVENTS
    return [
        Figure(name="a command on the wire, alone", value=one, unit="bytes"),
        Figure(name="the same, 200 at once", value=many, unit="bytes"),
        Figure(
            name="an event on the wire, 500 at once", value=batch, unit="bytes",
            limit=len(line(1)["data"][0]), of="bytes of text",
        ),
    ]  # fmt: skip


def passed(proxy: Proxy) -> int:
    return proxy.up.bytes + proxy.down.bytes


def packets(proxy: Proxy) -> int:
    return proxy.up.packets + proxy.down.packets


class Hellos:
    """Those of ship1 to central, as the broker sees them."""

    def __init__(self, here: Bench) -> None:
        self._address = here.broker.address
        self._came: asyncio.Queue[None] = asyncio.Queue()
        self._watch = Watch()

    async def __aenter__(self) -> Hellos:
        self._client = await nats.connect(self._address)
        await self._client.subscribe("central.EventNACK.SayHello", cb=self._take)
        await self._client.flush()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    async def next(self) -> float:
        """Wait for one; the seconds since the one before."""
        await self._came.get()
        seconds, self._watch = self._watch(), Watch()
        return seconds

    async def _take(self, msg: Msg) -> None:
        letter = frames.decode(msg.data)
        if isinstance(letter, Notice) and letter.frm == "ship1":
            self._came.put_nowait(None)
