"""Links that break: the broker goes, a receipt is lost, a node is away, or was never there."""

import asyncio
import time

import pytest

from tests.fault.fleet import Fleet
from tests.proxy import Proxy
from tests.sniffer import Sniffer


@pytest.mark.timeout(120)
async def test_a_broker_outage_of_20_seconds_runs_a_command_once(world: Fleet) -> None:
    await world.start("central")
    await world.start("ship1")
    await world.sees("ship1", "online")
    await world.broker.stop()
    [id] = await world.submit(world.command("ship1", timeout=2))
    await asyncio.sleep(20)
    assert (await world.show(id))["attempts"] >= 5
    await world.broker.start()
    [message] = await world.ends([id], 40)
    assert message["state"] == "succeeded"
    assert world.ran() == [id]


@pytest.mark.timeout(120)
async def test_a_link_cut_between_frame_and_receipt_again_and_again_runs_it_once(
    world: Fleet,
) -> None:
    await world.start("central")
    async with (
        Proxy(world.broker.port) as link,
        Sniffer(world.broker.address, "ship1.CommandACK.ShellCommand") as sniffer,
        Sniffer(world.broker.address, "_INBOX.central.>") as answers,
    ):
        await world.start("ship1", broker=link.address)
        await world.ends(await world.submit(world.shell("ship1", "true")))
        async with asyncio.timeout(10):
            while not any(r.last for r in answers.receipts):
                await asyncio.sleep(0.01)
        link.set("drop", down=False)
        [id] = await world.submit(world.command("ship1", timeout=0.3))
        async with asyncio.timeout(30):
            while world.ran() != [id]:
                await asyncio.sleep(0.01)
        for _ in range(4):
            link.cut()
            link.set("pass")
            seen = len(sniffer.frames)
            async with asyncio.timeout(40):
                while len(sniffer.frames) == seen or not link.open:
                    if any((r.last or 0) > 1 for r in answers.receipts):
                        break  # this time the receipt was quicker than the cut
                    await asyncio.sleep(0)
            link.set("drop", down=False)
        link.cut()
        link.set("pass")
        [message] = await world.ends([id], 60)
        assert message["state"] == "succeeded"
    assert world.ran() == [id]


async def test_what_waited_for_a_node_is_delivered_in_order_in_two_frames(world: Fleet) -> None:
    await world.start("central")
    ship = await world.start("ship1")
    await world.ends(await world.submit(world.shell("ship1", "true")))
    await ship.stop()
    await world.sees("ship1", "offline")
    ids = await world.submit(*(world.command("ship1", timeout=1) for _ in range(20)))
    await asyncio.sleep(3)
    async with Sniffer(world.broker.address, "ship1.CommandACK.ShellCommand") as sniffer:
        began = time.monotonic()
        await ship.start()
        first_sign = len(sniffer.frames)
        ended = await world.ends(ids)
        assert time.monotonic() - began < 15
        carrying = [f for f in sniffer.frames if f.messages]
    assert {m["state"] for m in ended} == {"succeeded"}
    assert world.ran() == ids
    assert len(carrying) <= 2, f"{len(carrying)} frames carried messages"
    assert first_sign <= len(sniffer.frames)


async def test_a_node_that_was_never_there_is_given_up_and_reported(world: Fleet) -> None:
    await world.start("central")
    [id] = await world.submit(world.command("ship9", timeout=1, retries=3))
    began = time.monotonic()
    [message] = await world.ends([id])
    assert 2 < time.monotonic() - began < 8
    assert (message["state"], message["confirmed"], message["attempts"]) == ("undelivered", True, 3)
    assert (await world.error_about(id))["code"] == "undelivered"


async def test_giving_up_on_a_node_that_was_there_is_proved_when_it_returns(world: Fleet) -> None:
    await world.start("central")
    ship = await world.start("ship1")
    await world.ends(await world.submit(world.shell("ship1", "true")))
    await ship.kill()
    [id] = await world.submit(world.command("ship1", timeout=0.5, retries=2))
    unproved = await world.reaches(id, "undelivered")
    assert not unproved["confirmed"]
    await world.error_about(id)
    await ship.start()
    [message] = await world.ends([id])
    assert (message["state"], message["confirmed"]) == ("undelivered", True)
    assert world.ran() == []


async def test_a_command_longer_than_its_timeout_runs_once(world: Fleet) -> None:
    await world.start("central")
    await world.start("ship1")
    [id] = await world.submit(world.command("ship1", after="; sleep 5", timeout=1, retries=3))
    [message] = await world.ends([id])
    assert message["state"] == "succeeded"
    assert world.ran() == [id]


async def test_a_dead_node_delays_nobody_else(world: Fleet) -> None:
    await world.start("central")
    dead = await world.start("ship1")
    await world.start("ship2")
    await world.ends(await world.submit(world.shell("ship1", "true"), world.shell("ship2", "true")))
    await dead.kill()
    waiting = await world.submit(*(world.command("ship1", timeout=1) for _ in range(100)))
    elsewhere = await world.submit(*(world.command("ship2") for _ in range(20)))
    log = {"toNode": "central", "data": ["x\n"], "commandOrEvent": "EventACK"}
    another = await world.submit({**log, "method": "TextLogging"})
    ended = await world.ends([*elsewhere, *another], 10)
    assert {m["state"] for m in ended} == {"succeeded"}
    assert set(await world.states(waiting)) <= {"queued", "sent"}
    await dead.start()
    await world.ends(waiting)
    assert [id for id in world.ran() if id in set(waiting)] == waiting
