"""Permits once there are keys: nothing is allowed that no entry allows, also between ships."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from steward.handoff.state import Now
from steward.key_files import TrustFile, load_or_make, public_nkey, write_trust
from steward.statements import Certificate, Statement, issue, read
from steward.store import Store, Tables
from steward.subjects import NodeName
from tests.fault.fleet import Fleet
from tests.integration.shell import Shell

CENTRAL = NodeName("central")


async def trusting(world: Fleet, *ships: str) -> None:
    """Keys for central and the ships, each of which knows its certificate."""
    root = load_or_make(world.folder / CENTRAL).signing
    for name in (CENTRAL, *map(NodeName, ships)):
        keys = load_or_make(world.folder / name)
        write_trust(world.folder / name, TrustFile(central=CENTRAL, key=root.public))
        if name != CENTRAL:
            broker = public_nkey(keys.broker_seed)
            signed = issue(Certificate(name, keys.signing.public, broker, 1, 1.0), root)
            said = read(signed, root.public)
            store = await Store.open(world.folder / name, name, ballast=0)
            now = store.clock.now()
            await store.write(partial(_keep, said, signed, now))
            await store.close()


def _keep(said: Statement, signed: bytes, now: Now, tables: Tables) -> None:
    tables.trust.keep(said, signed, now)


def config(folder: Path, name: str, text: str) -> tuple[str, str]:
    path = folder / f"{name}.toml"
    path.write_text(text)
    return "--config", str(path)


async def test_with_keys_and_no_permits_a_node_does_nothing_and_says_why(
    world: Fleet, steward: Shell
) -> None:
    await trusting(world, "ship1")
    await world.start("central")
    await world.start("ship1")
    done = await steward("send", "ship1", "--", "true")
    assert (done.status, "has keys and no permits" in done.err) == (7, True), done.err
    assert (await steward("nodes", "ping", "ship1")).status == 0
    error = await world.error_about("not_permitted")
    assert error["node"] == "ship1"
    here = Shell(world.folder / "ship1")
    assert "none: nothing is allowed" in (await here("status")).out.decode()
    assert "does nothing for anybody" in (await here("doctor")).out.decode()
    explained = await here("doctor", "--explain", "central", "ShellCommand", "true")
    assert explained.status == 7
    assert "key:" in explained.out.decode()


async def test_a_ship_is_permitted_at_another_one_and_what_it_asked_for_comes_back(
    world: Fleet, steward: Shell
) -> None:
    """Its results, its output and its cancel need no permit."""
    await trusting(world, "ship1", "ship2")
    await world.start("central")
    only = '[[permit]]\nfrom = ["ship2"]\nmethods = ["ShellCommand"]\n'
    some = only + 'arguments = [["seq", "*"], ["sleep", "*"]]\nrate = "10/h"\n'
    await world.start("ship1", *config(world.folder, "ship1", some))
    await world.start("ship2")
    ship2 = Shell(world.folder / "ship2")
    [id] = (await ship2("send", "ship1", "--detach", "--", "seq", "100000")).words()
    assert (await ship2("send", "ship1", "--", "seq", "1")).status == 0
    assert len((await ship2("messages", "output", id)).words()) == 100_000
    assert (await ship2("send", "ship1", "--", "id")).status == 7
    assert (await steward("send", "ship1", "--", "seq", "1")).status == 7
    assert (await ship2("send", "central", "--", "true")).status == 7
    explained = await Shell(world.folder / "ship1")(
        "doctor", "--explain", "ship2", "ShellCommand", "seq", "1"
    )
    assert explained.status == 0
    assert "serial 1" in explained.out.decode()
    assert "8 left" in explained.out.decode()
