"""What people are shown stays true though nothing is stored: silent nodes, queues that emptied."""

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


async def test_a_publishers_queue_is_what_has_no_end_yet(world: Fleet) -> None:
    """Also when it has not looked since the ends came in."""
    await world.start("central")
    await world.start("ship1")
    ids = await world.submit(*(world.command("ship1") for _ in range(5)))
    await world.ends(ids)
    name = "publisher ship1.CommandACK.ShellCommand"
    queues = {p["name"]: p["queue"] for p in (await world.ask("processes"))["processes"]}
    assert queues[name] == 0
