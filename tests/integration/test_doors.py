"""What lies in a state folder, who may reach it, and what is refused there."""

from __future__ import annotations

import json
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from node.daemon import Daemon
from steward.config import load
from steward.control import doors
from steward.control.address import caller
from steward.control.client import ControlClient
from steward.control.server import ControlServer
from steward.errors import ConfigError, NoDaemon, StateFolderInUse
from tests.conftest import WaitFor
from tests.fault.fleet import Fleet

FOR_THE_GROUP = {"steward.sock": 0o660, "inmsg.txt": 0o660}


def started_by_others(folder: Path) -> Daemon:
    flags = {"node": "n", "state-dir": str(folder), "prom-host-and-port": "off"}
    return Daemon(load(flags, {}))


@pytest.mark.parametrize(("mode", "who"), [(0o777, "everybody"), (0o1777, "everybody")])
async def test_a_folder_that_others_may_write_in_is_not_used(
    tmp_path: Path, mode: int, who: str
) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    folder.chmod(mode)
    with pytest.raises(ConfigError, match=f"{who} may write in .*state") as refused:
        await started_by_others(folder).run()
    assert "chmod go-w" in refused.value.hint
    assert list(folder.iterdir()) == []


def test_one_that_is_not_there_yet_or_our_own_is_fine(tmp_path: Path) -> None:
    doors.refuse_unsafe(tmp_path / "none")
    for mode in (0o700, 0o750, 0o755, 0o770):
        tmp_path.chmod(mode)
        doors.refuse_unsafe(tmp_path)


@pytest.mark.parametrize(
    "make",
    [
        lambda path: path.symlink_to("elsewhere"),
        lambda path: path.symlink_to("nothing"),
        lambda path: path.write_text(""),
        lambda path: path.mkdir(),
    ],
)
async def test_what_stands_in_the_sockets_place_is_not_touched(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    path = tmp_path / "steward.sock"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(tmp_path / "elsewhere"))
        make(path)
        before = path.lstat()
        with pytest.raises(StateFolderInUse, match="is not a socket"):
            async with ControlServer(path, {}):
                pass
        assert path.lstat() == before
        assert (tmp_path / "elsewhere").exists()


async def test_the_group_is_the_sockets_and_may_pass_the_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o770)
    async with ControlServer(tmp_path / "steward.sock", {}, group=os.getgid()):
        found = (tmp_path / "steward.sock").stat()
        assert (found.st_gid, stat.S_IMODE(found.st_mode)) == (os.getgid(), 0o660)
        assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o750


async def test_a_caller_whom_the_kernel_names_a_stranger_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doors, "may_call", lambda *_: False)
    async with ControlServer(tmp_path / "steward.sock", {}):
        for _ in range(3):
            async with ControlClient(tmp_path) as client:
                with pytest.raises(NoDaemon, match="may not use"):
                    await client.call("status")


def test_the_kernel_says_which_groups_a_caller_has() -> None:
    one, other = socket.socketpair(socket.AF_UNIX)
    with one, other:
        assert doors.groups(one, caller(one)) == {os.getegid(), *os.getgroups()}
        assert doors.may_call(one, caller(one), -1)


@pytest.mark.parametrize(
    ("key", "read"), [("socket-group", doors.group_of), ("intake-owners", doors.user_of)]
)
def test_names_and_numbers_are_looked_up(key: str, read: Callable[[str], int]) -> None:
    assert (read("root"), read("1234")) == (0, 1234)
    with pytest.raises(ConfigError, match=f"{key}: no .* 'nobody-has-this'"):
        read("nobody-has-this")


async def test_all_that_a_daemon_keeps_is_its_users_alone(world: Fleet, wait_for: WaitFor) -> None:
    await world.start("central")
    await world.start("ship1")
    folder = world.folder / "central"
    one = world.shell("ship1", "echo out")
    logging = {"commandOrEvent": "EventACK", "method": "TextLogging", "toNode": "central"}
    with (folder / "inmsg.txt").open("a") as file:
        file.write("garbage\n" + json.dumps([one, {**logging, "data": ["a line\n"]}]))
    (id,) = await world.submit(one)
    await world.ends([id])
    names = ("rejected/*.jsonl", "textlogging/*.log", "messages.jsonl")
    await wait_for(lambda: all(list(folder.glob(name)) for name in names))
    for state in (folder, world.folder / "ship1"):
        for path in state.rglob("*"):
            if path.name == "log" or path.suffix == ".claimed":  # the test's own; on its way
                continue
            mode = stat.S_IMODE(path.lstat().st_mode)
            assert mode & 0o077 == FOR_THE_GROUP.get(path.name, 0) & 0o077, f"{path} {mode:o}"


async def test_a_cancel_says_who_has_cancelled(world: Fleet) -> None:
    await world.start("central")
    await world.start("ship1")
    await world.sees("ship1", "online")
    (id, cleared) = await world.submit(
        world.shell("ship1", "sleep 60"), world.shell("ship1", "true")
    )
    await world.reaches(id, "running")
    await world.reaches(cleared, "delivered")
    await world.ask("cancel", ids=[id])
    await world.ask("clear", nodes=["ship1"])
    await world.ends([id, cleared])
    found = (await world.ask("messages", method=["Cancel"]))["messages"]
    assert found
    assert {one["uid"] for one in found} == {os.getuid()}
    assert {one["operator"] for one in found} == {doors.user(os.getuid())}
