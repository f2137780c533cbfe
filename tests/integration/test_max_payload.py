"""A broker that takes less than a message may have: what can't go is given up, the rest goes on."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from node.broker import Broker
from tests.fault.fleet import Fleet
from tests.integration.shell import Shell

SMALL = 64 * 1024


@pytest.fixture
async def narrow(tmp_path: Path) -> AsyncIterator[Fleet]:
    """Central and ship1 over a broker with a max_payload of 64 KiB."""
    async with AsyncExitStack() as stack:
        broker = Broker(tmp_path / "broker", port=0, max_payload=SMALL)
        await stack.enter_async_context(broker)
        here = Fleet(tmp_path, broker, stack)
        await here.start("central")
        await here.start("ship1")
        await here.sees("ship1", "online")
        yield here


async def test_what_is_too_large_is_refused_and_the_lane_goes_on(narrow: Fleet) -> None:
    big = narrow.command("ship1", before=f": {'x' * 100_000}; ")
    ids = await narrow.submit(narrow.command("ship1"), big, narrow.command("ship1"))
    ended = await narrow.ends(ids)
    assert [m["state"] for m in ended] == ["succeeded", "refused", "succeeded"]
    assert "max_payload is 65,536" in ended[1]["reason"]
    assert narrow.ran() == [ids[0], ids[2]]
    assert (await narrow.error_about(ids[1]))["node"] == "central"
    notice = {**big, "commandOrEvent": "CommandNACK"}
    [message] = await narrow.ends(await narrow.submit(notice))
    assert (message["state"], "max_payload" in message["reason"]) == ("refused", True)


async def test_what_was_bound_when_the_broker_took_more_goes_in_parts_or_as_a_tombstone(
    narrow: Fleet,
) -> None:
    await narrow.ends(await narrow.submit(narrow.command("ship1")))
    ship = narrow.nodes["ship1"]
    await ship.stop()
    narrow.broker.max_payload = 1 << 20
    await narrow.broker.restart()
    first = narrow.command("ship1", timeout=0.5, before=f": {'x' * 10_000}; ")
    big = narrow.command("ship1", timeout=0.5, before=f": {'x' * 100_000}; ")
    [probe] = await narrow.submit(first)
    await narrow.reaches(probe, "sent")
    ids = [probe, *await narrow.submit(*[first] * 10, big, *[first] * 10)]
    await ship.start()
    await narrow.ends(ids[:12])
    await ship.stop()
    [probe] = await narrow.submit(first)
    await narrow.reaches(probe, "sent")
    narrow.broker.max_payload = SMALL
    await narrow.broker.restart()
    more = [probe, *await narrow.submit(first, big, first)]
    await ship.start()
    ended = await narrow.ends([*ids, *more])
    states = [m["state"] for m in ended[len(ids) :]]
    assert states == ["succeeded", "succeeded", "refused", "succeeded"]
    assert {m["state"] for m in ended[: len(ids)]} == {"succeeded"}


async def test_an_output_that_does_not_fit_is_cut_and_pulled_in_smaller_pieces(
    narrow: Fleet, tmp_path: Path
) -> None:
    steward = Shell(narrow.folder / "central")
    for data in (bytes(300_000), bytes(range(256)) * 1000, b'"\\' * 100_000):
        (tmp_path / "data").write_bytes(data)
        [id] = await narrow.submit(narrow.shell("ship1", f"cat {tmp_path}/data"))
        [message] = await narrow.ends([id])
        result = message["result"]
        assert result["stdoutSha256"] == hashlib.sha256(data).hexdigest()
        assert result["stdoutCut"] > len(data) - SMALL
        done = await steward("messages", "output", id)
        assert (done.status, done.out == data) == (0, True), done.err


async def test_a_result_that_a_new_broker_does_not_take_comes_without_its_output(
    narrow: Fleet, tmp_path: Path
) -> None:
    data = bytes(range(256)) * 100
    (tmp_path / "data").write_bytes(data)
    [id] = await narrow.submit(narrow.shell("ship1", f"cat {tmp_path}/data; sleep 1"))
    await narrow.reaches(id, "running")
    await narrow.broker.stop()
    await asyncio.sleep(1)  # it ends while there is no broker: its result is made for the old one
    narrow.broker.max_payload = 8192
    await narrow.broker.start()
    [message] = await narrow.ends([id])
    result = message["result"]
    assert (message["state"], result["exitCode"], result["stdout"]) == ("succeeded", 0, "")
    assert (result["stdoutSize"], result["stdoutCut"]) == (len(data), len(data))
    assert result["stdoutSha256"] == hashlib.sha256(data).hexdigest()
    narrow.broker.max_payload = SMALL
    await narrow.broker.restart()
    done = await Shell(narrow.folder / "central")("messages", "output", id)
    assert (done.status, done.out == data) == (0, True), done.err


async def test_a_pull_of_zeros_fits_the_usual_broker(world: Fleet, tmp_path: Path) -> None:
    await world.start("central")
    await world.start("ship1")
    data = bytes(1_000_000)
    (tmp_path / "data").write_bytes(data)
    [id] = await world.submit(world.shell("ship1", f"cat {tmp_path}/data"))
    [message] = await world.ends([id])
    assert set(message["result"]["stdout"]) == {"\0"}
    async with asyncio.timeout(20):
        done = await Shell(world.folder / "central")("messages", "output", id)
    assert (done.status, done.out == data) == (0, True), done.err
