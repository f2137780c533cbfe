"""Permits in real daemons: read again on SIGHUP, judged on arrival and again before a start."""

from __future__ import annotations

import asyncio
import os
import pwd
import signal
from pathlib import Path
from typing import Any

import pytest

from node.daemon import Daemon
from node.world import NodeProcess
from steward.config import load
from steward.control.client import ControlClient
from tests.conftest import WaitFor
from tests.fault.fleet import Fleet
from tests.integration.shell import Shell

ANY = 'from = ["central"]\nmethods = ["ShellCommand"]\n'


class Ship:
    """ship1, whose permits are written here."""

    def __init__(self, world: Fleet, wait_for: WaitFor) -> None:
        self.world = world
        self.config = world.folder / "ship1.toml"
        self.folder = world.folder / "ship1"
        self._wait_for = wait_for

    def write(self, *entries: str) -> None:
        self.config.write_text("".join(f"[[permit]]\n{entry}\n" for entry in entries))

    async def start(self, *entries: str) -> NodeProcess:
        self.write(*entries)
        await self.world.start("central")
        self.process = await self.world.start("ship1", "--config", str(self.config))
        return self.process

    async def permits(self) -> dict[str, Any]:
        async with ControlClient(self.folder) as client:
            told: dict[str, Any] = (await client.call("status"))["permits"]
            return told

    async def reads_again(self, entries: int, problem: str = "") -> None:
        """SIGHUP, and wait until its file is in force, or found wrong."""
        os.kill(self.process.pid, signal.SIGHUP)

        async def done() -> bool:
            told = await self.permits()
            return told["entries"] == entries and (
                problem in told["problem"] if problem else not told["problem"]
            )

        await self._wait_for(done)


@pytest.fixture
def ship(world: Fleet, wait_for: WaitFor) -> Ship:
    return Ship(world, wait_for)


async def test_permits_are_read_again_on_sighup(ship: Ship, steward: Shell) -> None:
    await ship.start(ANY)
    assert (await steward("send", "ship1", "--", "true")).status == 0
    ship.write(ANY + 'arguments = [["uptime"], ["echo", "*"]]\n', 'from = "x"\nmethods = "Ping"\n')
    await ship.reads_again(2)
    done = await steward("send", "ship1", "--", "true")
    assert done.status == 7
    assert "not with these arguments: data[0] does not match 'uptime'" in done.err
    assert (await steward("send", "ship1", "--", "echo", "a b\nc")).status == 0


async def test_an_error_in_the_file_keeps_the_permits_of_before_and_is_told_until_it_is_mended(
    ship: Ship, steward: Shell
) -> None:
    await ship.start(ANY)
    here = Shell(ship.folder)
    ship.write(ANY + 'longest = "soon"\n')
    await ship.reads_again(1, "permit[1].longest: 'soon' is not a duration")
    assert (await steward("send", "ship1", "--", "true")).status == 0
    error = await ship.world.error_about("permit[1].longest")
    assert (error["node"], error["code"]) == ("ship1", "config")
    assert "the permits of before hold (1)" in error["text"]
    assert "'soon' is not a duration" in (await here("status")).out.decode()
    doctor = await here("doctor")
    assert doctor.status == 1
    assert "the permits of before hold" in doctor.out.decode()
    ship.config.write_text("[[permit]\n")
    await ship.reads_again(1, "not TOML")
    ship.config.unlink()
    await ship.reads_again(1, "cannot be read")
    ship.write(ANY.replace("ShellCommand", "ShelCommand"))
    await ship.reads_again(1, "unknown method 'ShelCommand'")
    ship.write(ANY, ANY)
    await ship.reads_again(2)
    assert "soon" not in (await here("status")).out.decode()


async def test_what_waits_is_judged_anew_right_before_its_start(
    ship: Ship, world: Fleet, tmp_path: Path
) -> None:
    await ship.start(ANY)
    go = tmp_path / "go"
    [first] = await world.submit(
        world.command("ship1", before=f"while ! test -e {go}; do sleep 0.05; done; ")
    )
    [second] = await world.submit(world.command("ship1"))
    [asked] = await world.submit(
        {"toNode": "ship1", "commandOrEvent": "CommandACK", "method": "ListProcesses"}
    )
    assert (await world.reaches(asked, "refused"))["reason"].startswith("no permit for central")
    await world.reaches(first, "running")
    await world.reaches(second, "delivered")
    ship.write(ANY + 'arguments = [["uptime"]]\n')
    await ship.reads_again(1)
    go.touch()
    ended = await world.ends([first, second])
    assert [m["state"] for m in ended] == ["succeeded", "refused"]
    assert "data[0] does not match 'uptime'" in ended[1]["reason"]
    assert world.ran() == [first]


async def test_a_restart_starts_nothing_that_is_not_permitted_any_more(
    ship: Ship, world: Fleet, tmp_path: Path
) -> None:
    """What runs goes on: it was permitted when it started."""
    process = await ship.start(ANY)
    go = tmp_path / "go"
    wait = f"while ! test -e {go}; do sleep 0.05; done; "
    [first] = await world.submit(world.command("ship1", before=wait))
    [second] = await world.submit(world.command("ship1"))
    await world.reaches(first, "running")
    await world.reaches(second, "delivered")
    await process.kill()
    ship.write(ANY + 'operators = ["nobody-here"]\n')
    await process.start()
    go.touch()
    ended = await world.ends([first, second])
    assert [m["state"] for m in ended] == ["succeeded", "refused"]
    assert world.ran() == [first]


async def test_a_rate_refuses_and_says_when_there_will_be_room(ship: Ship, steward: Shell) -> None:
    process = await ship.start(ANY + 'rate = "2/h"\n')
    for wanted in (0, 0, 7, 7):
        done = await steward("send", "ship1", "--", "true")
        assert done.status == wanted, done.err
    assert "2/h are used up, there will be room in 3," in done.err
    explained = await Shell(ship.folder)("doctor", "--explain", "central", "ShellCommand", "true")
    assert explained.status == 7
    assert "none left for" in explained.out.decode()
    ship.write(ANY + 'rate = "2/h"\nlongest = 60\n')
    await ship.reads_again(1)
    assert (await steward("send", "ship1", "--", "true")).status == 7, "it says the same rate"
    await process.stop()
    await process.start()
    assert (await steward("send", "ship1", "--", "true")).status == 0, "a restart begins anew"


async def test_the_longest_time_ends_a_command_that_asked_for_more(
    ship: Ship, world: Fleet
) -> None:
    await ship.start(ANY + 'longest = "500ms"\n')
    more = {"methodTimeout": 3600}
    ids = await world.submit(*(world.shell("ship1", "sleep 60", **m) for m in ({}, more)))
    assert [m["state"] for m in await world.ends(ids)] == ["timed_out", "timed_out"]


async def test_an_operator_is_who_the_socket_says_that_he_is(ship: Ship, steward: Shell) -> None:
    await ship.start(ANY + f'operators = ["{os.geteuid()}"]\n')
    assert (await steward("send", "ship1", "--", "true")).status == 0
    ship.write(ANY + 'operators = ["somebody-else"]\n')
    await ship.reads_again(1)
    done = await steward("send", "ship1", "--", "true")
    assert done.status == 7
    assert f"only to somebody-else, not to {_me()} (uid {os.geteuid()})" in done.err
    explain = ("doctor", "--operator", "somebody-else", "--explain", "central", "ShellCommand")
    assert (await Shell(ship.folder)(*explain, "true")).status == 0


async def test_limits_and_the_own_user_hold_and_another_user_is_never_made_up(
    ship: Ship, steward: Shell
) -> None:
    await ship.start(ANY + f'user = "{_me()}"\nlimits = {{ files = 77 }}\n')
    done = await steward("send", "ship1", "--", "sh", "-c", "ulimit -n; id -un")
    assert done.words() == ["77", _me()]
    ship.write(ANY + 'user = "nobody"\n')
    await ship.reads_again(1)
    done = await steward("send", "ship1", "--", "id", "-un")
    assert (done.status, done.out) == (7, b"")
    assert "the permit names the user 'nobody'" in done.err


async def test_another_node_than_central_is_permitted_like_any_sender(
    ship: Ship, world: Fleet
) -> None:
    await ship.start('from = ["ship2"]\nmethods = ["ShellCommand"]\narguments = [["uptime"]]\n')
    for name in ("ship2", "ship3"):
        await world.start(name)
    allowed = await Shell(world.folder / "ship2")("send", "ship1", "--", "uptime")
    assert allowed.status == 0, allowed.err
    assert (await Shell(world.folder / "ship2")("send", "ship1", "--", "id")).status == 7
    stranger = await Shell(world.folder / "ship3")("send", "ship1", "--", "uptime")
    assert (stranger.status, "no permit names the sender ship3" in stranger.err) == (7, True)


async def test_groups_are_read_again_too(world: Fleet, steward: Shell, wait_for: WaitFor) -> None:
    config = world.folder / "central.toml"
    config.write_text('[groups]\nwest = ["central"]\n')
    central = await world.start("central", "--config", str(config))
    assert (await steward("send", "@east", "--", "true")).status == 3
    config.write_text('[groups]\neast = ["central"]\n')
    os.kill(central.pid, signal.SIGHUP)

    async def known() -> bool:
        return (await steward("send", "@east", "--", "true")).status == 0

    await wait_for(known)


async def test_a_sighup_that_comes_while_it_starts_is_not_lost(
    tmp_path: Path, wait_for: WaitFor
) -> None:
    config = tmp_path / "ship1.toml"
    config.write_text(f"[[permit]]\n{ANY}")
    flags = {"node": "ship1", "state-dir": tmp_path / "state", "prom-host-and-port": "off"}
    daemon = Daemon(load({**flags, "config": config, "broker-address": "127.0.0.1:1"}, {}))
    config.write_text(f"[[permit]]\n{ANY}" * 3)
    daemon.reload()
    async with asyncio.TaskGroup() as group:
        group.create_task(daemon.run())
        await daemon.ready.wait()

        async def read() -> bool:
            async with ControlClient(tmp_path / "state") as client:
                return bool((await client.call("status"))["permits"]["entries"] == 3)

        await wait_for(read)
        daemon.stop()


def _me() -> str:
    return pwd.getpwuid(os.geteuid()).pw_name
