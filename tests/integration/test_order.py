"""What waits for what on a node, how many run at once, and what has expired meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import WaitFor
from tests.fault.fleet import Fleet
from tests.integration.shell import Shell

pytestmark = pytest.mark.asyncio(loop_scope="module")

GATE = "while [ ! -e {gate} ]; do sleep 0.05; done"


async def test_parallel_ones_neither_wait_nor_are_waited_for(
    town: Fleet, typed: Shell, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    wait = GATE.format(gate=gate)
    first, beside, second, third = await town.submit(
        town.command("ship1", before=f"{wait}; "),
        town.command("ship1", parallel=True),
        town.command("ship1"),
        town.command("ship1"),
    )
    try:
        await town.ends([beside])
        for waiting in (second, third):
            shown = await town.reaches(waiting, "delivered")
            assert shown["behind"] == first
        assert f"delivered (behind {first})" in (await typed("messages", "ls")).out.decode()
        elsewhere = await town.submit(town.command("ship2"))
        await town.ends(elsewhere)
        assert (await typed("processes", "ship1")).status == 0, "another subject is not held up"
        done = await Shell(town.folder / "ship2")("send", "ship1", "--", "true")
        assert done.status == 0, "nor is another sender"
    finally:
        gate.touch()
    await town.ends([first, second, third])
    ran = [id for id in town.ran() if id in (first, beside, second, third)]
    assert ran == [beside, first, second, third]


async def test_sixteen_of_a_stream_run_at_once(
    town: Fleet, tmp_path: Path, wait_for: WaitFor
) -> None:
    gate, started = tmp_path / "gate", tmp_path / "started"
    started.mkdir()
    script = f"touch {started}/$STEWARD_MESSAGE_ID; {GATE.format(gate=gate)}"
    ids = await town.submit(*(town.shell("ship1", script, parallel=True) for _ in range(20)))
    try:
        await wait_for(lambda: len(list(started.iterdir())) == 16)
        [ordered] = await town.submit(town.command("ship1"))
        await town.reaches(ordered, "delivered")
        states = await town.states(ids)
        assert len(list(started.iterdir())) == 16
        assert states.count("delivered") >= 4
        done = await Shell(town.folder / "ship2")("send", "ship1", "--", "true")
        assert done.status == 0, "another sender has its own sixteen"
        gate.touch()
        assert {m["state"] for m in await town.ends([*ids, ordered])} == {"succeeded"}
    finally:
        gate.touch()
    assert {path.name for path in started.iterdir()} == set(ids)


async def test_what_expires_while_it_waits_behind_another_never_runs(
    town: Fleet, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    first, second, third = await town.submit(
        town.command("ship1", before=f"{GATE.format(gate=gate)}; "),
        town.command("ship1", ttl=1),
        town.command("ship1"),
    )
    try:
        [expired] = await town.ends([second])
        assert expired["state"] == "expired"
        assert "before it could start" in expired["reason"]
    finally:
        gate.touch()
    await town.ends([first, third])
    assert [id for id in town.ran() if id in (first, second, third)] == [first, third]


async def test_what_expires_for_a_node_that_never_came_ends_at_once(town: Fleet) -> None:
    [id] = await town.submit(town.command("ship9", ttl=0.3))
    [message] = await town.ends([id])
    assert (message["state"], message["confirmed"]) == ("expired", True)
