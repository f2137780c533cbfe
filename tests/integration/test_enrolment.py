"""How nodes come to belong, and cease to, with real daemons, a real broker, TLS and keys."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conftest import WaitFor
from tests.integration.fleet_with_keys import KeyedFleet, keyed_fleet

pytestmark = pytest.mark.timeout(150)


@pytest.fixture
async def yard(tmp_path: Path) -> AsyncIterator[KeyedFleet]:
    async with keyed_fleet(tmp_path) as made:
        yield made


async def test_from_nothing_to_a_command_on_an_accepted_node(yard: KeyedFleet) -> None:
    fingerprint = await yard.begin()
    again = await yard.central("keys", "init")
    assert (again.status, "never" not in again.err) == (7, True), again.err
    assert fingerprint in again.err
    file = yard.folder / "token"
    done = await yard.central("keys", "token", "--to", str(file))
    assert (done.status, file.stat().st_mode & 0o777) == (0, 0o600)
    assert (await yard.central("keys", "token", "--to", str(file))).status == 2
    joined = await yard.beside("ship1")("keys", "join", str(file), "-o", "json")
    assert joined.json()["centralFingerprint"] == fingerprint
    await yard.start("ship1")
    one = await yard.waits("ship1")
    assert one["fingerprint"] == joined.json()["fingerprint"]
    assert (one["state"], one["conflict"]) == ("pending", False)
    told = await yard.status("ship1")
    assert told["trusted"]
    assert one["fingerprint"] in told["standing"]
    assert not told["broker"]["connected"]

    # While it waits it takes messages, which go as soon as it belongs.
    kept = await yard.beside("ship1")(
        *("send", "central", "--detach", "--method", "TextLogging", "--kind", "EventACK"),
        *("--", "written early\n"),
    )
    assert kept.status == 0, kept.err

    wrong = await yard.central("nodes", "accept", "ship1", "--fingerprint", fingerprint)
    assert (wrong.status, "not" in wrong.err) == (7, True), wrong.err
    assert (await yard.central("nodes", "accept", "ship1")).status == 2, "nobody to be asked"
    assert (await yard.central("nodes", "accept", "ship2", "-y")).status == 3
    done = await yard.central("nodes", "accept", "ship1", "--fingerprint", one["fingerprint"])
    assert done.status == 0, done.err
    await yard.runs_a_command("ship1")
    assert await yard.pending() == []
    assert (await yard.status("ship1"))["standing"] == ""
    shown = (await yard.keys())["ship1"]
    assert [(k["state"], k["serial"]) for k in shown] == [("accepted", 1)]
    log = yard.folder / "central" / "textlogging" / "ship1.log"
    until = time.monotonic() + 20
    while not log.exists() or log.read_text() != "written early\n":
        assert time.monotonic() < until
        await asyncio.sleep(0.1)


async def test_a_node_that_is_refused_stays_out_until_it_is_accepted(
    yard: KeyedFleet, wait_for: WaitFor
) -> None:
    await yard.begin()
    fingerprint = await yard.introduce("ship1")
    assert (await yard.central("nodes", "refuse", "ship1")).status == 0
    [one] = await yard.pending()
    assert one["state"] == "refused"

    async def hears_of_it() -> bool:
        return "refused" in (await yard.status("ship1"))["standing"]

    await wait_for(hears_of_it)
    sent = await yard.central("send", "ship1", "--wait", "2", "--", "true")
    assert sent.status == 4
    done = await yard.central("nodes", "accept", "ship1", "--fingerprint", fingerprint.lower())
    assert done.status == 0, done.err
    await yard.runs_a_command("ship1")


async def test_a_name_that_comes_back_with_another_key_is_an_alarm_and_no_update(
    yard: KeyedFleet, wait_for: WaitFor
) -> None:
    await yard.begin()
    first = await yard.admit("ship1")
    await yard.admit("ship2")
    await yard.nodes["ship1"].stop()
    shutil.rmtree(yard.folder / "ship1")
    second = await yard.introduce("ship1")
    one = await yard.waits("ship1")
    assert (one["conflict"], one["known"], one["fingerprint"]) == (True, first, second)
    errors = (await yard.central("errors", "ls", "-o", "json")).json()
    assert "trust_conflict" in {error["code"] for error in errors}
    shown = await yard.central("nodes", "pending")
    assert "!" in shown.out.decode()
    assert "--replace" in shown.err
    done = await yard.central("nodes", "accept", "ship1", "--fingerprint", second)
    assert (done.status, "--replace" in done.err) == (7, True), done.err
    assert (await yard.keys())["ship1"][0]["fingerprint"] == first
    done = await yard.central("nodes", "accept", "ship1", "--fingerprint", second, "--replace")
    assert done.status == 0, done.err
    await yard.runs_a_command("ship1", has_new_store=True)
    assert [k["fingerprint"] for k in (await yard.keys())["ship1"]] == [second]
    await wait_for(lambda: yard.knows_end_of("ship2", "ship1"), 20)


async def test_a_revocation_reaches_who_was_away_and_holds_over_restarts(
    yard: KeyedFleet, wait_for: WaitFor
) -> None:
    await yard.begin()
    await yard.admit("ship1")
    await yard.admit("ship2")
    copied = yard.folder / "copy"
    await yard.nodes["ship1"].stop()
    shutil.copytree(yard.folder / "ship1", copied, ignore=shutil.ignore_patterns("*.sock"))
    done = await yard.central("keys", "revoke", "ship2", "--reason", "sold")
    assert done.status == 0, done.err
    assert (await yard.central("keys", "revoke", "ship2")).status == 3

    async def hears_of_it() -> bool:
        return "revoked" in (await yard.status("ship2"))["standing"]

    await yard.token()  # opens the door for who has to ask anew
    await wait_for(hears_of_it, 100)  # three tries to connect, then the other way in
    [again] = await yard.pending()
    assert (again["name"], again["revoked"], again["conflict"]) == ("ship2", True, False)
    assert (await yard.central("keys", "revoke", "central")).status == 7

    await yard.nodes["central"].stop()
    await yard.start("central")
    assert (await yard.keys())["ship2"][0]["state"] == "revoked"
    await yard.start("ship1")

    await wait_for(lambda: yard.knows_end_of("ship1", "ship2"), 20)
    # An older copy of ship1 has never heard of it, and says so in its hello.
    await yard.nodes["ship1"].stop()
    shutil.rmtree(yard.folder / "ship1")
    shutil.copytree(copied, yard.folder / "ship1")
    await yard.start("ship1", "--restored")
    await wait_for(lambda: yard.knows_end_of("ship1", "ship2"), 30)
    await yard.runs_a_command("ship1", has_new_store=True)


async def test_a_node_changes_its_keys(yard: KeyedFleet, wait_for: WaitFor) -> None:
    await yard.begin()
    first = await yard.admit("ship1")
    done = await yard.beside("ship1")("keys", "rotate", "--overlap", "8")
    assert (done.status, "an hour at least" in done.err) == (2, True), done.err
    done = await yard.beside("ship1")("keys", "rotate", "--overlap", "1h", "-o", "json")
    assert done.status == 0, done.err
    second = done.json()["fingerprint"]
    assert second != first

    async def both() -> bool:
        shown = (await yard.keys())["ship1"]
        return [k["fingerprint"] for k in shown] == [second, first]

    await wait_for(both, 20)
    await yard.runs_a_command("ship1")
    own = (await yard.beside("ship1")("keys", "show", "-o", "json")).json()
    assert own["fingerprint"] == second

    assert [k["until"] is None for k in (await yard.keys())["ship1"]] == [True, False]
    await yard.nodes["ship1"].stop()
    await yard.start("ship1")
    await yard.runs_a_command("ship1")


async def test_central_changes_its_keys_and_who_was_away_follows(
    yard: KeyedFleet, wait_for: WaitFor
) -> None:
    first = await yard.begin()
    await yard.admit("ship1")
    await yard.admit("ship2")
    await yard.nodes["ship2"].stop()
    done = await yard.central("keys", "rotate", "--overlap", "6", "-o", "json")
    assert done.status == 0, done.err
    second = done.json()["fingerprint"]
    await yard.runs_a_command("ship1")

    async def alone() -> bool:
        return [k["fingerprint"] for k in (await yard.keys())["central"]] == [second]

    await wait_for(alone, 40)
    await yard.runs_a_command("ship1")
    await yard.start("ship2")
    await yard.runs_a_command("ship2")
    assert (await yard.keys("ship2"))["central"][0]["fingerprint"] == second
    # All of it holds over a restart of everything; and newcomers start from the new key.
    for name in ("ship1", "ship2", "central"):
        await yard.nodes[name].stop()
    await yard.end_broker()
    await yard.start_broker()
    for name in ("central", "ship1", "ship2"):
        await yard.start(name)
    for name in ("ship1", "ship2"):
        await yard.runs_a_command(name)
    old = yard.folder / "central/keys/broker.nk.old"
    await wait_for(lambda: not old.exists())
    await yard.admit("ship3")
    told = (await yard.beside("ship3")("keys", "show", "-o", "json")).json()
    assert told["centralFingerprint"] == second != first


async def test_a_route_lets_one_node_send_to_another(yard: KeyedFleet) -> None:
    await yard.begin()
    await yard.admit("ship1")
    await yard.admit("ship2")
    ask = ("send", "ship2", "--method", "Ping", "--kind", "EventACK", "--wait", "4")
    before = await yard.beside("ship1")(*ask)
    assert before.status == 4, before.err
    done = await yard.central("keys", "trust", "ship1", "--to", "ship2", "-o", "json")
    assert (done.status, done.json()["to"]) == (0, ["ship2"])
    after = await yard.beside("ship1")(*ask[:-1], "25")
    assert after.status == 0, after.err + yard.log("ship2")
    done = await yard.central("keys", "trust", "ship1", "--to", "ship2", "--end", "-o", "json")
    assert (done.status, done.json()["to"]) == (0, [])


async def test_a_key_that_was_carried_by_hand_is_accepted_before_its_node_comes(
    yard: KeyedFleet,
) -> None:
    await yard.begin()
    ship = yard.beside("ship1")
    assert (await ship("keys", "show")).status == 7
    token = await yard.token()
    joined = await ship("keys", "join", "-", "-o", "json", stdin=token)
    (yard.folder / "key.json").write_bytes((await ship("keys", "show", "-o", "json")).out)
    fingerprint = joined.json()["fingerprint"]
    trust = ("keys", "trust", str(yard.folder / "key.json"), "--fingerprint")
    assert (await yard.central(*trust, fingerprint)).status == 2, "whose is it?"
    assert (await yard.central(*trust, "AAAA-BBBB", "--name", "ship1")).status == 7
    done = await yard.central(*trust, fingerprint, "--name", "ship1")
    assert done.status == 0, done.err
    await yard.start("ship1")
    await yard.runs_a_command("ship1")


async def test_no_token_no_entry(yard: KeyedFleet, wait_for: WaitFor) -> None:
    await yard.begin()
    ship = yard.beside("ship1")
    token = (await yard.token("--valid", "1")).decode().strip()
    given = await ship("keys", "join", token)
    assert (given.status, token[:40] not in given.err) == (2, True)
    assert (await ship("keys", "join", "-", stdin=token[:-20].encode())).status == 7
    await asyncio.sleep(1.1)
    late = await ship("keys", "join", "-", stdin=token.encode())
    assert (late.status, "expired" in late.err) == (7, True), late.err
    assert (await ship("nodes", "pending")).status == 5

    def door_is_shut() -> bool:
        return "who joins" not in (yard.folder / "central/broker/nodes.conf").read_text()

    await wait_for(door_is_shut)
