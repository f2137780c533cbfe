"""``kill -9`` of the daemons: what was accepted runs, once, in order, and reports back."""

import asyncio
import shutil

import pytest

from tests.fault.fleet import Fleet


@pytest.mark.timeout(180)
async def test_central_killed_in_mid_queue_loses_and_repeats_nothing(world: Fleet) -> None:
    central = await world.start("central")
    await world.start("ship1")
    await world.sees("ship1", "online")
    ids = await world.submit(*(world.command("ship1") for _ in range(2000)))
    while len(world.ran()) < 300:
        await asyncio.sleep(0.05)
    await central.kill()
    await central.start()
    ended = await world.ends(ids, 120)
    assert {m["state"] for m in ended} == {"succeeded"}
    assert world.ran() == ids


async def test_a_node_killed_while_commands_run_lets_them_run_to_their_end(world: Fleet) -> None:
    await world.start("central")
    ship = await world.start("ship1")
    running = [
        world.command("ship1", after=f"; sleep 2; echo end{i}", parallel=True) for i in range(5)
    ]
    ids = await world.submit(*running)
    waiting = await world.submit(*(world.command("ship1") for _ in range(5)))
    while len(world.ran()) < 10:
        await asyncio.sleep(0.02)
    await ship.kill()
    await ship.start()
    ended = await world.ends([*ids, *waiting])
    assert {m["state"] for m in ended} == {"succeeded"}
    assert [m["result"]["stdout"] for m in ended[:5]] == [f"end{i}\n" for i in range(5)]
    assert sorted(world.ran()) == sorted([*ids, *waiting])


async def test_a_node_killed_before_its_command_starts_runs_it_once_in_order(world: Fleet) -> None:
    await world.start("central")
    ship = await world.start("ship1")
    ids = await world.submit(*(world.command("ship1", after="; sleep 0.05") for _ in range(40)))
    for seen in (5, 15, 25):
        while len(world.ran()) < seen:
            await asyncio.sleep(0.01)
        await ship.kill()
        await ship.start()
    assert {m["state"] for m in await world.ends(ids)} == {"succeeded"}
    assert world.ran() == ids


async def test_a_node_that_lost_its_disk_leaves_unknown_and_runs_nothing_again(
    world: Fleet,
) -> None:
    await world.start("central")
    ship = await world.start("ship1")
    [id] = await world.submit(world.command("ship1", after="; sleep 30"))
    await world.reaches(id, "running")
    await ship.stop()
    shutil.rmtree(ship.folder)
    await ship.start()
    [lost] = await world.ends([id])
    assert (lost["state"], lost["confirmed"]) == ("unknown", True)
    [after] = await world.ends(await world.submit(world.command("ship1")))
    assert after["state"] == "succeeded"
    assert world.ran() == [id, after["id"]]


async def test_both_ends_killed_again_and_again(world: Fleet) -> None:
    central = await world.start("central")
    ship = await world.start("ship1")
    ids: list[str] = []
    for victim in (central, ship, central, ship):
        ids += await world.submit(*(world.command("ship1", timeout=1) for _ in range(50)))
        await victim.kill()
        await victim.start()
    assert {m["state"] for m in await world.ends(ids, 60)} == {"succeeded"}
    assert world.ran() == ids
