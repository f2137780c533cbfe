"""A node that falls silent changes its state though nothing is stored: whoever watches is told."""

from __future__ import annotations

import asyncio

from steward.control.client import ControlClient
from tests.fault.fleet import Fleet


async def test_who_watches_is_told_that_a_node_is_silent(world: Fleet) -> None:
    await world.start("central", "--hello-interval", "0.3")
    ship = await world.start("ship1", "--hello-interval", "0.3")
    await world.sees("ship1", "online")
    await ship.kill()
    told: dict[str, str] = {}

    async def follow(client: ControlClient) -> None:
        await client.call("watch", topics=["nodes"])
        async for note in client.notifications():
            for node in (await client.call("nodes", names=note.params["nodes"]))["nodes"]:
                told[node["name"]] = node["state"]

    async with ControlClient(world.folder / "central") as client, asyncio.timeout(20):
        following = asyncio.create_task(follow(client), name="follow")
        while told.get("ship1") != "offline":
            await client.call("status")
            await asyncio.sleep(0.1)
        following.cancel()
