"""A node whose runner cannot be started: what waits for it can be given up all the same."""

from __future__ import annotations

from tests.fault.fleet import Fleet
from tests.integration.shell import Shell


async def test_what_is_given_up_while_there_is_no_runner_never_runs(
    world: Fleet, steward: Shell
) -> None:
    await world.start("central")
    await world.start("ship1")
    in_the_way = world.folder / "ship1" / "runner.lock"
    in_the_way.mkdir()
    late, unwanted = await world.submit(
        world.command("ship1", ttl=1), world.command("ship1", parallel=True)
    )
    await world.error_about("runner")
    try:
        await steward("messages", "cancel", unwanted)
        ends = await world.ends([late, unwanted], seconds=15.0)
        assert [message["state"] for message in ends] == ["expired", "cancelled"]
    finally:
        in_the_way.rmdir()
    [after] = await world.submit(world.command("ship1"))
    await world.ends([after])
    assert world.ran() == [after]
