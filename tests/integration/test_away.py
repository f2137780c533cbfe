"""Nodes and brokers that are away: what is promised meanwhile, and what is kept of it."""

from __future__ import annotations

import asyncio
import socket

from steward.control.client import ControlClient
from tests.conftest import WaitFor
from tests.fault.fleet import Fleet
from tests.integration.shell import Shell


async def test_what_expires_while_its_node_is_away_never_runs(world: Fleet) -> None:
    """Under way already, and queued behind that."""
    await world.start("central")
    ship = await world.start("ship1")
    await world.ends(await world.submit(world.command("ship1")))
    await ship.stop()
    ids = await world.submit(*(world.command("ship1", ttl=1, timeout=0.3) for _ in range(3)))
    [later] = await world.submit(world.command("ship1"))
    await world.reaches(ids[0], "expired")
    await asyncio.gather(*(world.reaches(id, "expired") for id in ids))
    await ship.start()
    ended = await world.ends([*ids, later])
    assert [m["state"] for m in ended] == ["expired"] * 3 + ["succeeded"]
    assert world.ran()[1:] == [later]


async def test_without_a_broker_all_is_accepted_queued_and_said(
    world: Fleet, steward: Shell
) -> None:
    await world.broker.stop()
    await world.start("central")
    told = (await steward("status", "-o", "json")).json()
    assert told["broker"]["connected"] is False
    assert told["broker"]["error"]
    assert "not connected" in (await steward("status")).out.decode()
    done = await steward("send", "central", "--detach", "--", "true")
    [id] = done.words()
    assert done.status == 0
    notice = ("--kind", "CommandNACK", "-o", "json", "--", "true")
    done = await steward("send", "ship1", *notice)
    [message] = done.json()
    assert (done.status, message["state"]) == (4, "undelivered")
    assert "no link" in message["reason"]
    await world.broker.start()
    [message] = await world.ends([id])
    assert message["state"] == "succeeded"


async def test_undelivered_ends_with_4_and_a_retry_of_it_is_delivered(
    world: Fleet, steward: Shell
) -> None:
    await world.start("central")
    arguments = ("--timeout", "0.2", "--retries", "3", "-o", "json", "--", "echo", "here")
    done = await steward("send", "ship1", *arguments)
    [message] = done.json()
    assert (done.status, message["state"], message["attempts"]) == (4, "undelivered", 3)
    assert message["confirmed"] is True
    await world.start("ship1")
    done = await steward("messages", "retry", message["id"], "-o", "ids")
    [again] = await world.ends(done.words())
    assert (again["state"], again["retryOf"]) == ("succeeded", message["id"])


async def test_a_store_put_back_from_a_backup_takes_a_new_life(world: Fleet) -> None:
    await world.start("central")
    ship = await world.start("ship1")
    before = (await world.submit(world.command("ship1")))[0]
    await world.ends([before])
    async with ControlClient(ship.folder) as client:
        old = (await client.call("status"))["storeId"]
    await ship.stop()
    restored = world.node("ship1", "--restored")
    await restored.start()
    try:
        async with ControlClient(ship.folder) as client:
            new = (await client.call("status"))["storeId"]
        assert new != old
        # What goes before central knows the new life is bound to the old one, and ends "unknown".
        await world.knows_store("ship1", new)
        after = (await world.submit(world.command("ship1")))[0]
        [message] = await world.ends([after])
        assert message["state"] == "succeeded"
        assert world.ran() == [before, after]
    finally:
        await restored.stop()


async def test_a_permit_refuses_with_7_and_says_which_is_missing(
    world: Fleet, steward: Shell
) -> None:
    toml = world.folder / "ship1.toml"
    toml.write_text('[[permit]]\nfrom = ["central"]\nmethods = ["TextLogging", "ListProcesses"]\n')
    await world.start("central")
    await world.start("ship1", "--config", str(toml))
    done = await steward("send", "ship1", "--", "true")
    assert (done.status, done.out) == (7, b"")
    assert "no permit for central names ShellCommand" in done.err
    done = await steward(
        "send", "ship1", "--method", "TextLogging", "--kind", "EventACK", "--", "x"
    )
    assert done.status == 0
    assert (await steward("processes", "ship1")).status == 0
    log = ("--method", "TextLogging", "--kind", "EventACK", "--", "x")
    done = await Shell(world.folder / "ship1")("send", "ship1", *log)
    assert (done.status, "no permit names the sender ship1" in done.err) == (7, True)


async def test_a_taken_metrics_port_is_refused_or_told(
    world: Fleet, steward: Shell, wait_for: WaitFor
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = f"127.0.0.1:{taken.getsockname()[1]}"
        explicit = await steward(
            "node", "--node", "central", "--prom-host-and-port", port,
            "--broker-address", world.broker.address,
        )  # fmt: skip
    assert explicit.status == 2
    assert f"{port} is taken by another program" in explicit.err
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", 2112))
            taken.listen()
        except OSError:
            pass  # Somebody else has it: just as well.
        process = await steward.begin(
            "node", "--node", "central", "--broker-address", world.broker.address
        )

        async def is_up() -> bool:
            return (await steward("status")).status == 0

        try:
            await wait_for(is_up)
            error = await world.error_about("2112")
            assert (error["level"], error["code"]) == ("warning", "config")
            assert "taken by another program" in error["text"]
            assert "off" in error["hint"]
        finally:
            process.terminate()
            _, err = await process.communicate()
    assert process.returncode == 0
    assert b"2112" in err
