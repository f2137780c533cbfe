"""Cancelling, wherever the message is: what became of it is proved each time."""

import asyncio

from tests.fault.fleet import Fleet
from tests.proxy import Proxy


async def test_cancelled_while_queued(world: Fleet) -> None:
    await world.start("central")
    [id] = await world.submit(world.command("ship9"))
    await world.ask("cancel", ids=[id])
    [message] = await world.ends([id])
    assert (message["state"], message["confirmed"]) == ("cancelled", True)


async def test_cancelled_under_way_before_it_arrived(world: Fleet) -> None:
    await world.start("central")
    ship = await world.start("ship1")
    await world.ends(await world.submit(world.shell("ship1", "true")))
    await ship.kill()
    [id] = await world.submit(world.command("ship1", timeout=0.5))
    await world.reaches(id, "sent")
    await world.ask("cancel", ids=[id])
    assert not (await world.reaches(id, "cancelled"))["confirmed"]
    await ship.start()
    [message] = await world.ends([id])
    assert message["state"] == "cancelled"
    assert world.ran() == []


async def test_cancelled_under_way_when_it_runs_already(world: Fleet) -> None:
    await world.start("central")
    async with Proxy(world.broker.port) as link:
        await world.start("ship1", broker=link.address)
        await world.ends(await world.submit(world.shell("ship1", "true")))
        link.set("drop", down=False)
        [id] = await world.submit(world.command("ship1", after="; sleep 60", timeout=1))
        while world.ran() != [id]:
            await asyncio.sleep(0.02)
        await world.ask("cancel", ids=[id])
        link.cut()
        link.set("pass")
        [message] = await world.ends([id])
    assert message["state"] == "cancelled"
    assert message["result"]["signal"] == 15
    assert world.ran() == [id]


async def test_cancelled_while_waiting_behind_another(world: Fleet) -> None:
    await world.start("central")
    await world.start("ship1")
    first, second, third = await world.submit(
        world.command("ship1", after="; sleep 2"), world.command("ship1"), world.command("ship1")
    )
    await world.reaches(second, "delivered")
    await world.ask("cancel", ids=[second])
    states = [m["state"] for m in await world.ends([first, second, third])]
    assert states == ["succeeded", "cancelled", "succeeded"]
    assert world.ran() == [first, third]


async def test_cancelled_while_running(world: Fleet) -> None:
    await world.start("central")
    await world.start("ship1")
    script = "trap 'echo stopped; exit 7' TERM; echo on; while :; do sleep 0.1; done"
    [id] = await world.submit(world.shell("ship1", script))
    await world.reaches(id, "running")
    await world.ask("cancel", ids=[id])
    [message] = await world.ends([id])
    assert message["state"] == "cancelled"
    assert message["result"]["stdout"] == "on\nstopped\n"
