"""Links that are slow but well: nothing is said twice on them, and little of anything."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from secrets import token_hex

import pytest

from tests.fault.fleet import Fleet
from tests.links import NARROW
from tests.proxy import Proxy
from tests.sniffer import Sniffer

LANE = "ship1.EventACK.TextLogging"
SLOW = ("--link", "slow", "--hello-interval", "1")


@pytest.mark.timeout(120)
async def test_no_frame_goes_twice_while_its_answer_is_on_its_way(world: Fleet) -> None:
    """Each takes seconds to cross, and the node shows signs of life all the time."""
    await world.start("central", *SLOW)
    async with (
        Proxy(world.broker.port, seed=1) as link,
        Sniffer(world.broker.address, LANE) as sniffer,
    ):
        link.shape(NARROW)
        await world.start("ship1", *SLOW, broker=link.address)
        await world.sees("ship1", "online")
        lines = [
            {
                "toNode": "ship1", "data": [token_hex(100)], "commandOrEvent": "EventACK",
                "method": "TextLogging",
            }
            for _ in range(200)
        ]  # fmt: skip
        ids = await world.submit(*lines)
        await world.ends(ids, 60)
        carried = [entry.seq for frame in sniffer.frames for entry in frame.messages]
    assert len(sniffer.frames) > 2
    assert carried == list(range(1, len(ids) + 1))


@pytest.mark.timeout(120)
async def test_a_long_result_goes_once_too(world: Fleet) -> None:
    """Nobody gave it a timeout: it needs twelve seconds."""
    await world.start("central", *SLOW)
    async with (
        Proxy(world.broker.port, seed=1) as link,
        Sniffer(world.broker.address, "central.EventACK.Result") as sniffer,
    ):
        await world.start("ship1", *SLOW, broker=link.address)
        await world.ends(await world.submit(world.shell("ship1", "true")))
        link.shape(replace(NARROW, bandwidth=1_500))
        script = "head -c 16000 /dev/urandom | od -An -v -tx1 | tr -d ' '"
        await world.ends(await world.submit(world.shell("ship1", script)), 60)
        await world.ends(await world.submit(world.shell("ship1", "true")), 60)
        carried = [entry.seq for frame in sniffer.frames for entry in frame.messages]
    assert carried == [1, 2, 3]


async def test_what_was_lost_beside_a_living_node_goes_again_soon(world: Fleet) -> None:
    """Its timeout is a minute; a hello later than the answer is reason enough."""
    await world.start("central", *SLOW)
    async with Proxy(world.broker.port) as link, Sniffer(world.broker.address, LANE) as sniffer:
        await world.start("ship1", *SLOW, broker=link.address)
        event = {"toNode": "ship1", "data": ["x\n"], "commandOrEvent": "EventACK"}
        await world.ends(await world.submit({**event, "method": "TextLogging"}))
        link.set("drop", up=False)
        [id] = await world.submit({**event, "method": "TextLogging"})
        async with asyncio.timeout(10):
            while len(sniffer.frames) < 3:  # the question, and both
                await asyncio.sleep(0.01)
        link.cut()
        link.set("pass")
        await world.ends([id], 30)
