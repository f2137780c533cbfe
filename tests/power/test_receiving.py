"""A ship's power goes while it receives, starts, runs and ends commands, again and again.

The ledger that its commands append to stands on another disk: it tells what ran, whatever the ship
knows of it.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import random
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.power.disk import HARSH, Disk
from tests.power.machine import Machine, PowerFleet, power_fleet

CUTS = 14
BIG = 200_000
KINDS = ("short", "short", "slow", "fails", "parallel", "big", "log")


class Line(NamedTuple):
    """Of the ledger."""

    id: str
    what: str
    wall: float


class Load:
    """Keeps the ship busy; ``given`` are the kinds of what it was sent, by id."""

    def __init__(self, world: PowerFleet) -> None:
        self.world = world
        self.given: dict[str, str] = {}
        self.enough = False

    async def give(self) -> None:
        while not self.enough:
            kinds = KINDS * 2
            messages = [self._message(kind, len(self.given) + i) for i, kind in enumerate(kinds)]
            ids = await self.world.submit(*messages)
            self.given |= dict(zip(ids, kinds, strict=True))
            await asyncio.sleep(0.15)

    def _message(self, kind: str, n: int) -> dict[str, Any]:
        id = f"{kind}{n}"
        if kind == "log":
            return {"toNode": "ship1", "data": [f"{id}\n"], "commandOrEvent": "EventACK",
                    "method": "TextLogging", "id": id, "timeout": 1}  # fmt: skip
        note = f'echo "$STEWARD_MESSAGE_ID {{}} $(date +%s.%N)" >> {self.world.ledger}; '
        work = {
            "slow": "sleep 0.3; ",
            "big": f"head -c {BIG} /dev/zero | tr '\\0' x; ",
        }.get(kind, f"echo out {id}; ")
        last = "exit 3" if kind == "fails" else "exit 0"
        script = note.format("start") + work + note.format("end") + last
        return self.world.shell(
            "ship1", script, id=id, timeout=1, parallel=kind in ("parallel", "slow")
        )

    def lines(self) -> list[Line]:
        if not self.world.ledger.exists():
            return []
        texts = [text.split() for text in self.world.ledger.read_text().splitlines()]
        return [Line(id, what, float(wall)) for id, what, wall in texts]

    def runs(self) -> Counter[str]:
        return Counter(line.id for line in self.lines() if line.what == "start")


def store_id(ship: Machine) -> str:
    with closing(sqlite3.connect(f"file:{ship.folder}/steward.db?mode=ro", uri=True)) as con:
        (found,) = con.execute("SELECT store_id FROM meta").fetchone()
        return str(found)


async def cut_again_and_again(
    load: Load, ship: Machine, chance: random.Random, until: Callable[[list[float]], bool]
) -> list[float]:
    """While the ship is kept busy; the times of the cuts."""
    cuts: list[float] = []
    async with asyncio.TaskGroup() as group:
        group.create_task(load.give())
        while not until(cuts):
            await asyncio.sleep(chance.uniform(0.0, 1.5))
            cuts.append(time.time())
            await ship.power_off()
            ship.disk.restore(HARSH if len(cuts) % 2 else "")
            await ship.start()
        load.enough = True
    return cuts


@pytest.mark.timeout(240)
async def test_no_command_runs_twice_and_no_receipt_is_forgotten(
    disk: Disk, chance: random.Random, figure: Callable[[str], None], tmp_path: Path
) -> None:
    async with power_fleet(tmp_path, disk) as world:
        await world.start("central")
        ship = await world.machine("ship1")
        load, id = Load(world), store_id(ship)
        cuts = await cut_again_and_again(load, ship, chance, lambda cuts: len(cuts) == CUTS)
        ended = {m["id"]: m for m in await world.ends(list(load.given), 60)}
        assert store_id(ship) == id
        judge(load, ended)
        await pulled(world, [m for m in ended.values() if m["id"].startswith("big")])
        logged = (ship.folder / "textlogging" / "central.log").read_text().split()
        assert logged == [id for id, kind in load.given.items() if kind == "log"]
        figure(told(load, ended, cuts))


@pytest.mark.timeout(120)
async def test_the_control_on_a_machine_whose_boot_has_no_id_of_its_own_runs_commands_twice(
    disk: Disk, chance: random.Random, figure: Callable[[str], None], tmp_path: Path
) -> None:
    async with power_fleet(tmp_path, disk) as world:
        await world.start("central")
        ship = await world.machine("ship1")
        ship.boots_anew = False
        load = Load(world)

        def twice() -> int:
            return sum(count > 1 for count in load.runs().values())

        cuts = await cut_again_and_again(
            load, ship, chance, lambda cuts: twice() > 0 or len(cuts) == 3 * CUTS
        )
        figure(f"{len(cuts)} cuts, {twice()} commands ran twice")
        assert twice() > 0


def judge(load: Load, ended: dict[str, dict[str, Any]]) -> None:
    runs = load.runs()
    starts = {line.id: line.wall for line in load.lines() if line.what == "start"}
    assert set(runs.values()) == {1}, "a command ran twice"
    for id, kind in load.given.items():
        message = ended[id]
        state = message["state"]
        if kind == "log":
            assert state == "succeeded"
        elif state == "interrupted":
            assert "lost power" in message["reason"]
            # Not the time at which it was found.
            began = datetime.fromisoformat(message["result"]["started"]).timestamp()
            assert began <= starts.get(id, math.inf)
        else:
            assert state == ("failed" if kind == "fails" else "succeeded"), message
            assert runs[id] == 1, f"{id} never ran"
            result = message["result"]
            assert result["exitCode"] == (3 if kind == "fails" else 0)
            output = {"slow": b"", "big": b"x" * BIG}.get(kind, f"out {id}\n".encode())
            # An end that was on disk before its output was: then it is said what was lost.
            assert result["stdoutSize"] + result.get("stdoutLost", 0) == len(output)
            digest = hashlib.sha256(output[: result["stdoutSize"]]).hexdigest()
            assert result["stdoutSha256"] == digest


async def pulled(world: PowerFleet, big: list[dict[str, Any]]) -> None:
    """What a result says that the ship keeps is there, whenever the power went since."""
    kept = [m for m in big if m["state"] == "succeeded"]
    for message in kept[:: max(1, len(kept) // 5)]:
        command = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "steward.cli", "messages", "output", message["id"],
            "--state-dir", str(world.folder / "central"), stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        output, _ = await command.communicate()
        assert command.returncode == 0
        assert hashlib.sha256(output).hexdigest() == message["result"]["stdoutSha256"]


def told(load: Load, ended: dict[str, dict[str, Any]], cuts: list[float]) -> str:
    """How many were interrupted: before anything of them ran, while they ran, and after their end,
    and how soon after it the power went."""
    lines = load.lines()
    ran = {line.id for line in lines}
    over = {line.id: line.wall for line in lines if line.what == "end"}
    lost = [id for id, message in ended.items() if message["state"] == "interrupted"]
    ages = [min(c - over[id] for c in cuts if c > over[id] - 0.05) for id in lost if id in over]
    oldest = f", at most {1000 * max(ages):.0f} ms" if ages else ""
    short = sum("stdoutLost" in (m["result"] or {}) for m in ended.values())
    return (
        f"{len(cuts)} cuts, {len(load.given)} messages, 0 twice, 0 lost, {len(lost)} interrupted"
        f" (of them {len(set(lost) - ran)} not seen to run, {len(ages)} had ended{oldest}),"
        f" {short} ended with output that is said to be lost"
    )
