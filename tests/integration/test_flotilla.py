"""The demo's fleet: many ships in few processes, its traffic, and its end."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from node.fleet import end_commands, fleet
from node.traffic import Traffic
from node.world import World, world
from steward.errors import StewardError
from tests.conftest import WaitFor

SHIPS = 12


def processes_of(folder: Path) -> list[int]:
    """Whose command line names the folder; a runner ends by itself."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line = (entry / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if str(folder) in line and "runner.py" not in line:
            found.append(int(entry.name))
    return found


async def online(here: World) -> set[str]:
    return {n["name"] for n in (await here.ask("nodes"))["nodes"] if n["state"] == "online"}


async def all_online(here: World, names: set[str], within: float = 20.0) -> None:
    async with asyncio.timeout(within):
        while not names <= await online(here):
            await asyncio.sleep(0.1)


async def messages(here: World) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = (await here.ask("messages", limit=1000))["messages"]
    return listed


async def test_a_fleet_comes_up_has_traffic_and_ends_without_a_trace(tmp_path: Path) -> None:
    async with (
        world(tmp_path, ()) as here,
        fleet(tmp_path, here.broker.address, range(1, SHIPS + 1), per_process=6) as ships,
    ):
        await ships.all_up(30)
        await all_online(here, set(ships.labels))
        nodes = {n["name"]: n for n in (await here.ask("nodes"))["nodes"]}
        assert nodes["ship7"]["labels"] == ships.labels["ship7"]
        traffic = asyncio.create_task(Traffic(here, ships).run())
        try:
            async with asyncio.timeout(60):
                while not {"succeeded", "failed", "timed_out", "queued", "running"} <= {
                    m["state"] for m in await messages(here)
                }:
                    assert not traffic.done()
                    await asyncio.sleep(0.2)
        finally:
            traffic.cancel()
            await asyncio.gather(traffic, return_exceptions=True)
        assert any(m["job"] for m in await messages(here))
        assert len(processes_of(tmp_path)) == 4  # broker, central, two flotillas
    end_commands(tmp_path)
    assert processes_of(tmp_path) == []


async def test_a_ship_loses_its_link_or_moors_and_comes_back(tmp_path: Path) -> None:
    async with (
        world(tmp_path, ()) as here,
        fleet(tmp_path, here.broker.address, (1, 2, 3)) as ships,
    ):
        await ships.all_up(30)
        await all_online(here, set(ships.labels))
        ships.cut("ship1")
        ships.moor("ship2")
        async with asyncio.timeout(30):
            while {"ship1", "ship2"} & await online(here):
                await asyncio.sleep(0.1)
        assert "ship3" in await online(here)
        kind = {"commandOrEvent": "CommandACK", "method": "ShellCommand"}
        await here.ask(
            "submit", messages=[{"toNode": f"ship{n}", "data": ["true"], **kind} for n in (1, 2)]
        )
        assert (await here.ask("status"))["queue"]["queued"] == 2
        ships.join("ship1")
        ships.sail("ship2")
        async with asyncio.timeout(30):
            while {m["state"] for m in await messages(here)} != {"succeeded"}:
                await asyncio.sleep(0.1)


async def test_ships_that_cannot_start_are_named_with_the_reason(
    tmp_path: Path, wait_for: WaitFor
) -> None:
    (tmp_path / "ship2").write_text("where its state folder would be\n")
    async with world(tmp_path, ()) as here, fleet(tmp_path, here.broker.address, (1, 2)) as ships:
        with pytest.raises(StewardError, match="ship2") as raised:
            await ships.all_up(30)
        assert "FileExistsError" in raised.value.hint
        await wait_for(lambda: ships.up == {"ship1"})
