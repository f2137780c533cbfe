"""Two machines with one name, and clocks that are not ours: seen, said, decided by the operator."""

from __future__ import annotations

import asyncio
import json
import time

from node.world import NodeProcess
from tests.fault.fleet import Fleet
from tests.integration.shell import Shell
from tests.integration.stranger import Stranger

FAST = ("--hello-interval", "0.3")


async def alarm_for(world: Fleet, name: str, seconds: float = 15.0) -> str:
    async with asyncio.timeout(seconds):
        while True:
            for node in (await world.ask("nodes"))["nodes"]:
                if node["name"] == name and node["alarm"]:
                    return str(node["alarm"])
            await asyncio.sleep(0.05)


async def test_two_nodes_with_one_name_are_held_until_one_is_gone(
    world: Fleet, steward: Shell
) -> None:
    await world.start("central")
    first = await world.start("ship1", *FAST)
    await world.sees("ship1", "online")
    await world.ends(await world.submit(world.command("ship1")))
    flags = ("--broker-address", world.broker.address, "--prom-host-and-port", "off", *FAST)
    second = NodeProcess("ship1", world.folder / "impostor", flags)
    await second.start()
    try:
        assert "two machines" in await alarm_for(world, "ship1")
        [node] = (await steward("nodes", "ls", "ship1", "-o", "json")).json()
        assert node["state"] == "conflict"
        listed = (await steward("nodes", "ls")).out.decode()
        assert "conflict" in listed
        assert "two machines" in (await steward("status")).out.decode()
        await world.error_about("two machines")
        assert "another node is called ship1" in (first.folder / "log").read_text()
        [held] = await world.submit(world.command("ship1"))
        await asyncio.sleep(1)
        assert (await world.show(held))["state"] == "queued"
        await first.stop()
    finally:
        await second.stop()
    await first.start()
    assert (await steward("nodes", "release", "ship1")).status == 0
    if await was_replaced(world, held):
        # The other one had answered first. This one is told, and takes a new life.
        await world.error_about("ship1 holds its messages")
        assert "alarm there" in (await steward("nodes", "ls")).out.decode()
        await first.stop()
        first = world.node("ship1", "--restored", *FAST)
        await first.start()
    try:
        [message] = await world.ends([held])
        assert message["state"] == "succeeded"
        assert world.ran().count(held) == 1
        await world.sees("ship1", "online")
    finally:
        await first.stop()


async def was_replaced(world: Fleet, id: str) -> bool:
    """Whether ship1 stands apart, because central has adopted the other store of its name."""
    async with asyncio.timeout(40):
        while (await world.show(id))["state"] != "succeeded":
            [node] = [n for n in (await world.ask("nodes"))["nodes"] if n["name"] == "ship1"]
            if node["alarms"]:
                assert "--restored" in node["alarms"][0]
                return True
            await asyncio.sleep(0.05)
    return False


async def test_one_store_on_two_machines_is_a_conflict(world: Fleet, steward: Shell) -> None:
    await world.start("central")
    async with Stranger(world.broker.address, "ship5") as stranger:
        for machine in ("one", "two", "one"):
            await hello(stranger, time.time(), machine)
        assert "two machines" in await alarm_for(world, "ship5")


async def test_a_clock_that_is_wrong_is_shown(world: Fleet, steward: Shell) -> None:
    await world.start("central")
    async with Stranger(world.broker.address, "ship5") as stranger:
        await hello(stranger, time.time() - 3600, "one")
        await world.sees("ship5", "online")
    node = (await steward("nodes", "show", "ship5", "-o", "json")).json()
    assert abs(node["clockSkew"] + 3600) < 5
    for args in (("nodes", "show", "ship5"), ("nodes", "ls")):
        assert "clock" in (await steward(*args)).out.decode(), args


async def hello(stranger: Stranger, clock: float, machine: str) -> None:
    facts = {
        "start": stranger.start, "bootId": "b", "machineId": machine, "version": "0",
        "interval": 2.0, "uptime": 1.0, "clock": clock,
    }  # fmt: skip
    subject = "central.EventNACK.SayHello"
    notice = {**stranger.frame("central", subject, clock=clock), "id": f"hello-{machine}"}
    del notice["messages"], notice["tx"]
    await stranger.send({**notice, "body": {"data": [json.dumps(facts)]}}, type="notice")
