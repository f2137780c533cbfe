"""``steward nodes``, ``errors``, ``processes`` and ``status`` against real nodes."""

from __future__ import annotations

import asyncio
import signal

import pytest

from tests.conftest import WaitFor
from tests.fault.fleet import Fleet
from tests.integration.shell import Shell

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_nodes_are_listed_and_shown_in_every_form(typed: Shell) -> None:
    done = await typed("nodes", "ls", "ship*", "central", "-o", "ids")
    assert (done.status, sorted(done.words())) == (0, ["central", "ship1", "ship2"])
    [node] = (await typed("nodes", "ls", "ship1", "-o", "json")).json()
    assert (node["state"], node["labels"], node["held"]) == ("online", {"kind": "ship"}, False)
    assert abs(node["clockSkew"]) < 1
    assert "online" in (await typed("nodes", "ls")).out.decode()
    shown = await typed("nodes", "show", "ship1")
    assert (shown.status, "kind=ship" in shown.out.decode()) == (0, True)
    assert (await typed("nodes", "show", "ship8")).status == 3
    assert (await typed("nodes", "ls", "boat*")).status == 3


async def test_a_held_node_gets_nothing_until_it_is_released(typed: Shell, town: Fleet) -> None:
    done = await typed("nodes", "hold", "ship1")
    assert (done.status, "held: ship1" in done.out.decode()) == (0, True)
    try:
        [held] = await town.submit(town.command("ship1", timeout=0.2, retries=2))
        [free] = await town.submit(town.command("ship2"))
        await town.ends([free])
        assert (await town.show(held))["state"] == "queued"
        [node] = (await typed("nodes", "ls", "ship1", "-o", "json")).json()
        assert (node["held"], node["queued"]) == (True, 1)
        assert "held" in (await typed("nodes", "ls")).out.decode()
    finally:
        done = await typed("nodes", "release", "ship1")
    assert (done.status, "released: ship1" in done.out.decode()) == (0, True)
    [message] = await town.ends([held])
    assert message["state"] == "succeeded"


async def test_clear_cancels_all_that_waits_for_a_node(typed: Shell, town: Fleet) -> None:
    ids = await town.submit(*(town.command("ship7") for _ in range(3)))
    done = await typed("nodes", "clear", "ship7", "-o", "json")
    assert (done.status, done.json()["messages"]) == (0, 3)
    assert {m["state"] for m in await town.ends(ids)} == {"cancelled"}
    done = await typed("nodes", "forget", "ship7")
    assert done.status == 0
    assert (await typed("nodes", "clear")).status == 2
    assert (await typed("nodes", "hold", "boat*")).status == 3


async def test_errors_of_any_node_are_listed_and_followed(
    typed: Shell, town: Fleet, wait_for: WaitFor
) -> None:
    here = Shell(town.folder / "ship1")
    [id] = (
        await here("send", "ship6", "--detach", "--timeout", "0.2", "--retries", "2", "--", "true")
    ).words()
    await town.error_about(id)
    done = await typed("errors", "ls", "--node", "ship1", "--text", id, "-o", "json")
    [error] = done.json()
    assert (done.status, error["code"], error["level"]) == (0, "undelivered", "error")
    assert error["messageId"] == id
    assert id in (await typed("errors", "ls")).out.decode()
    assert (await typed("errors", "ls", "--node", "ship8", "-o", "json")).json() == []
    tail = await typed.begin("errors", "tail", "-n", "0", "-o", "jsonl")
    assert tail.stdout is not None
    try:
        line = asyncio.ensure_future(tail.stdout.readline())
        # Until one is followed, it may not listen yet.
        async with asyncio.timeout(20):
            while not line.done():
                garbage = '[{"toNode": "tailed"}]\n'
                with (typed.state_dir / "inmsg.txt").open("a") as file:
                    file.write(garbage)
                await asyncio.wait({line}, timeout=1)
        assert b"invalid_message" in line.result()
    finally:
        tail.send_signal(signal.SIGINT)
        await tail.communicate()
    assert tail.returncode == 130


async def test_processes_of_this_node_and_of_another(typed: Shell, town: Fleet) -> None:
    done = await typed("send", "ship1", "--", "true")
    here = (await typed("processes", "-o", "json")).json()
    names = {p["name"]: p for p in here}
    assert names["publisher ship1.CommandACK.ShellCommand"]["role"] == "publisher"
    assert names["subscriber Result"]["state"] in ("waiting", "running")
    done = await typed("processes", "ship1", "-o", "json")
    there = {p["name"]: p for p in done.json()}
    assert done.status == 0
    assert there["subscriber ShellCommand"]["restarts"] == 0
    assert "publisher central.EventACK.Result" in there
    done = await typed("processes", "ship1", "--start", "subscriber ShellCommand")
    assert (done.status, "subscriber ShellCommand" in done.out.decode()) == (0, True)
    done = await typed("processes", "ship1", "--start", "subscriber Nonsense")
    assert (done.status, "no process is named" in done.err) == (1, True), done
    assert (await typed("processes", "--start", "subscriber Nonsense")).status == 3
    assert (await typed("processes", "ship5", "--wait", "0.3")).status == 4


async def test_status_says_how_the_daemon_is(typed: Shell) -> None:
    done = await typed("status", "-o", "json")
    told = done.json()
    assert (done.status, told["node"], told["broker"]["connected"]) == (0, "central", True)
    assert told["nodes"]["online"] == 3
    assert told["trusted"] is False
    assert (await typed("status")).status == 0


async def test_without_a_daemon_every_verb_ends_with_5(town: Fleet) -> None:
    nobody = Shell(town.folder / "nobody")
    for args in (("status",), ("send", "ship1", "--", "true"), ("messages", "ls"), ("nodes", "ls")):
        done = await nobody(*args)
        assert (done.status, done.out) == (5, b"")
        assert "steward node" in done.err


async def test_the_daemon_tells_how_it_does(typed: Shell, town: Fleet) -> None:
    await town.ends(await town.submit(town.command("ship1"), town.command("ship2")))
    [waiting] = await town.submit(town.command("ship6"))
    health = await town.ask("health")
    this_hour = {name: sum(counts) for name, counts in health["throughput"].items()}
    assert all(len(counts) == 60 for counts in health["throughput"].values())
    assert this_hour["accepted"] >= 3
    assert min(this_hour["ended"], this_hour["delivered"], this_hour["received"]) >= 2
    assert health["queue"]["queued"] == 1
    assert 0 <= health["ages"]["queued"] < 20
    assert health["ages"]["running"] is None
    assert all(0 < seconds < 5 for _, seconds in health["rtts"])
    assert 1 <= len(health["rtts"]) <= 60
    assert health["store"]["bytes"] >= health["store"]["walBytes"] > 0
    assert {p["role"] for p in health["processes"]} > {"publisher", "subscriber"}
    daemon = health["daemon"]
    assert daemon["pid"] == town.nodes["central"].pid
    assert (daemon["rssBytes"] > 10_000_000, daemon["threads"] > 1) == (True, True)
    assert (daemon["cpuSeconds"] > 0, daemon["uptime"] > 0) == (True, True)
    assert "of memory" in (await typed("status")).out.decode()
    await town.ask("cancel", ids=[waiting])
