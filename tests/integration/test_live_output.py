"""Live output: a running command's output, while somebody follows it and not a byte else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import nats
import pytest
from msgspec.structs import replace
from nats.aio.msg import Msg

from steward import frames
from steward.control.client import ControlClient
from steward.errors import UnknownId
from steward.frames import Notice, Output
from steward.message import MessageId
from steward.subjects import NodeName, output
from tests.conftest import WaitFor
from tests.fault.fleet import Fleet
from tests.live import following
from tests.proxy import Proxy

SHIP = NodeName("ship1")
TICKS = "i=0; while [ $i -lt 600 ]; do i=$((i+1)); echo out $i; echo err $i >&2; sleep 0.1; done"


@asynccontextmanager
async def sniffing(address: str, subject: str) -> AsyncIterator[list[Msg]]:
    """Everything published on ``subject``. It is interest itself: nobody is told that nobody
    listens there."""
    heard: list[Msg] = []

    async def take(msg: Msg) -> None:
        heard.append(msg)

    client = await nats.connect(address)
    try:
        await client.subscribe(subject, cb=take)
        await client.flush()
        yield heard
    finally:
        await client.close()


async def up(world: Fleet, *ships: str) -> None:
    await world.start("central")
    for ship in ships:
        await world.start(ship)
        await world.sees(ship, "online")


async def test_output_appears_while_the_command_runs_both_streams_apart(
    world: Fleet, wait_for: WaitFor
) -> None:
    await up(world, "ship1")
    [id] = await world.submit(world.shell("ship1", TICKS))
    await world.reaches(id, "running")
    async with following(world.folder / "central", id) as seen:
        await wait_for(lambda: b"out 9\n" in seen.stream("stdout"))
        await wait_for(lambda: b"err 9\n" in seen.stream("stderr"))
        assert seen.stream("stdout").startswith(b"out 1\nout 2\n")
        assert seen.stream("stderr").startswith(b"err 1\nerr 2\n")
        assert seen.gaps("stdout") == seen.gaps("stderr") == 0
        assert (await world.show(id))["state"] == "running"
        await world.ask("cancel", ids=[id])
    [message] = await world.ends([id])
    assert message["result"]["stdout"].encode().startswith(seen.stream("stdout"))


async def test_bytes_that_are_no_text_come_as_they_are(world: Fleet, wait_for: WaitFor) -> None:
    await up(world, "ship1")
    script = r"printf '\000\377\303'; sleep 1; printf '\251\n'; sleep 60"
    [id] = await world.submit(world.shell("ship1", script))
    async with following(world.folder / "central", id) as seen:
        await wait_for(lambda: seen.stream("stdout") == b"\0\xff\xc3\xa9\n")
        assert len(seen.pieces) == 2
        await world.ask("cancel", ids=[id])


async def test_a_node_that_is_its_own_central_shows_its_own_commands(
    world: Fleet, wait_for: WaitFor
) -> None:
    await up(world)
    [id] = await world.submit(world.shell("central", TICKS))
    async with following(world.folder / "central", id) as seen:
        await wait_for(lambda: b"out 3\n" in seen.stream("stdout"))
        await world.ask("cancel", ids=[id])


async def test_a_message_is_followed_before_it_has_left_and_what_no_message_has_is_refused(
    world: Fleet, wait_for: WaitFor
) -> None:
    await up(world, "ship1")
    await world.ask("hold", nodes=["ship1"])
    [id] = await world.submit(world.shell("ship1", TICKS, id="my_own-id"))
    async with following(world.folder / "central", id) as seen:
        await asyncio.sleep(0.5)
        assert (await world.show(id))["state"] == "queued"
        await world.ask("release", nodes=["ship1"])
        await wait_for(lambda: b"out 3\n" in seen.stream("stdout"), 5)
        assert seen.gaps("stdout") == 0
        with pytest.raises(UnknownId):
            await world.ask("follow", id="never-heard-of")
        assert await world.ask("follow", id=None) == {"following": None}
        await world.ask("cancel", ids=[id])


async def test_of_what_nobody_follows_not_a_byte_is_carried(
    world: Fleet, wait_for: WaitFor
) -> None:
    await up(world, "ship1")
    async with sniffing(world.broker.address, ">") as heard:
        [id] = await world.submit(world.shell("ship1", TICKS))
        await world.reaches(id, "running")
        async with ControlClient(world.folder / "central") as client:
            await client.call("watch", topics=["messages"])
            await asyncio.sleep(3)
        beside = {m.subject.split(".")[-1] for m in heard if not m.subject.startswith("_INBOX.")}
        assert beside <= {"ShellCommand", "Running", "SayHello", "Loopback"}
        assert not [m for m in heard if ".output." in m.subject]
        # The same ears hear it once somebody follows: it was there to be heard.
        async with following(world.folder / "central", id):
            await wait_for(lambda: [m for m in heard if ".output." in m.subject])
        await world.ask("cancel", ids=[id])


@pytest.mark.parametrize("how", ["leaves", "follows another", "is cut off"])
async def test_it_stops_within_a_second_after_the_last_follower(
    world: Fleet, wait_for: WaitFor, how: str
) -> None:
    await world.start("central")
    async with Proxy(world.broker.port) as link:
        await world.start("ship1", "--hello-interval", "600", broker=link.address)
        await world.sees("ship1", "online")
        await asyncio.sleep(1)
        busy = "for i in $(seq 999); do head -c 3000 /dev/urandom; sleep 0.05; done"
        [id] = await world.submit(world.shell("ship1", busy))
        await world.reaches(id, "running")
        async with ControlClient(world.folder / "central") as client:
            await client.call("follow", id=id)
            before = link.up.bytes
            await wait_for(lambda: link.up.bytes - before > 50_000)
            if how == "leaves":
                await client.call("follow")
            elif how == "follows another":
                [other] = await world.submit(world.shell("central", "sleep 60"))
                await client.call("follow", id=other)
            else:
                client._writer.transport.abort()
            await asyncio.sleep(1)
            before = link.up.bytes
            await asyncio.sleep(2)
            assert link.up.bytes - before < 5_000
        await world.ask("cancel", ids=[id])


async def test_who_comes_back_to_a_silent_command_sees_what_it_wrote(
    world: Fleet, wait_for: WaitFor
) -> None:
    await up(world, "ship1")
    [id] = await world.submit(world.shell("ship1", "echo once; sleep 600"))
    await world.reaches(id, "running")
    async with following(world.folder / "central", id) as before:
        await wait_for(lambda: before.stream("stdout") == b"once\n", 5)
    async with following(world.folder / "central", id) as seen:
        await wait_for(lambda: seen.stream("stdout") == b"once\n", 5)
    await world.ask("cancel", ids=[id])


async def test_two_followers_see_the_same_and_the_second_what_was_just_before(
    world: Fleet, wait_for: WaitFor
) -> None:
    await up(world, "ship1")
    [id] = await world.submit(world.shell("ship1", TICKS))
    here = world.folder / "central"
    async with following(here, id) as first:
        await wait_for(lambda: b"out 5\n" in first.stream("stdout"))
        async with following(here, id) as second:
            await wait_for(lambda: b"out 9\n" in second.stream("stdout"))
            assert second.stream("stdout").startswith(b"out 1\n")
        await wait_for(lambda: b"out 15\n" in first.stream("stdout"))
        assert first.gaps("stdout") == second.gaps("stdout") == 0
        await world.ask("cancel", ids=[id])


async def test_a_fast_writer_floods_neither_link_nor_socket_and_its_result_is_whole(
    world: Fleet, wait_for: WaitFor
) -> None:
    await up(world, "ship1")
    async with sniffing(world.broker.address, "_INBOX.central.output.>") as heard:
        script = "sleep 1; yes | head -c 50M; sleep 3; yes | head -c 9 >&2"
        [id] = await world.submit(world.shell("ship1", script))
        async with following(world.folder / "central", id) as seen:
            began = time.monotonic()
            [message] = await world.ends([id])
            seconds = time.monotonic() - began
        carried = sum(len(m.data) for m in heard)
        assert 0 < carried < (4 * seconds + 2) * 12_000
        assert seen.gaps("stdout") > 10_000_000
        pieces = [frames.decode(m.data) for m in heard]
        assert all(isinstance(p, Output) and len(p.data) <= 8192 for p in pieces)
        assert message["result"]["stdoutSize"] == 50 * 2**20
        assert message["state"] == "succeeded"


async def test_a_slow_link_carries_little_of_it(world: Fleet, wait_for: WaitFor) -> None:
    await world.start("central")
    await world.start("ship1", "--link", "slow")
    await world.sees("ship1", "online")
    [id] = await world.submit(
        world.shell("ship1", "for i in $(seq 600); do yes | head -c 9999; sleep .1; done")
    )
    await world.reaches(id, "running")
    async with following(world.folder / "central", id) as seen:
        await wait_for(lambda: seen.pieces)
        began = time.monotonic()
        await wait_for(lambda: len(seen.pieces) > 6)
        assert time.monotonic() - began > 2
        assert {len(data) for _, _, data in seen.pieces} == {1024}
        await world.ask("cancel", ids=[id])


async def test_nobody_sees_what_another_node_has_asked_for(world: Fleet, wait_for: WaitFor) -> None:
    await up(world, "ship1", "ship2")
    [id] = await world.submit(world.shell("ship1", TICKS))
    await world.reaches(id, "running")
    kind = {"commandOrEvent": "EventNACK", "method": "WatchOutput"}
    spy = {"toNode": "ship1", "data": [id, "t"], **kind}
    async with sniffing(world.broker.address, "_INBOX.*.output.t") as heard:
        async with ControlClient(world.folder / "ship2") as client:
            assert (await client.call("submit", messages=[spy]))["accepted"]
        await asyncio.sleep(1.5)
        assert heard == []
        await world.ask("submit", messages=[spy])
        await wait_for(lambda: heard)
    await world.ask("cancel", ids=[id])


async def test_nobody_but_the_node_that_runs_it_is_believed(
    world: Fleet, wait_for: WaitFor
) -> None:
    await up(world, "ship1")
    [id] = await world.submit(world.shell("ship1", "sleep 600"))
    await world.reaches(id, "running")
    async with (
        sniffing(world.broker.address, "ship1.EventNACK.WatchOutput") as heard,
        following(world.folder / "central", id) as seen,
    ):
        await wait_for(lambda: heard)
        notice = frames.decode(heard[0].data)
        assert isinstance(notice, Notice)
        [_, token] = msgspec.json.decode(bytes(notice.body))["data"]
        true = Output(frm=SHIP, id=MessageId(id), stream="stdout", offset=0, data=b"true")
        client = await nats.connect(world.broker.address)
        for payload in (
            b"",
            b"{}",
            heard[0].data,
            frames.encode(replace(true, frm=NodeName("ship2"), data=b"forged")),
            frames.encode(replace(true, id=MessageId("other"), data=b"mistaken")),
            frames.encode(true),
            frames.encode(replace(true, data=b"again")),
        ):
            await client.publish(output(NodeName("central"), token), payload)
        await client.close()
        await wait_for(lambda: len(seen.stream("stdout")) > 4)
        assert seen.stream("stdout") == b"truen"
        await world.ask("cancel", ids=[id])


async def test_it_goes_on_after_the_node_was_killed_and_after_the_broker_was_away(
    world: Fleet, wait_for: WaitFor
) -> None:
    await world.start("central")
    ship = await world.start("ship1")
    await world.sees("ship1", "online")
    [id] = await world.submit(world.shell("ship1", TICKS))
    async with following(world.folder / "central", id) as seen:
        await wait_for(lambda: b"out 5\n" in seen.stream("stdout"))
        await ship.kill()
        await ship.start()
        had = len(seen.pieces)
        await wait_for(lambda: len(seen.pieces) > had + 5, 20)
        await world.broker.restart()
        await asyncio.sleep(1)
        had = len(seen.pieces)
        await wait_for(lambda: len(seen.pieces) > had + 5, 40)
        assert seen.gaps("stdout") == 0
        await world.ask("cancel", ids=[id])
    [message] = await world.ends([id])
    assert message["result"]["stdout"].encode().startswith(seen.stream("stdout"))
