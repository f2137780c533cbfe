"""As root, with ``make test-root``: commands as other users, and a daemon that was taken over."""

from __future__ import annotations

import os
import pwd
import signal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.orders import Keys
from tests.root.privileged import OTHER, OWNER, PERMITS, Privileged, as_user, status_of

GAMES = pwd.getpwnam(OTHER)


# ---------------------------------------------------------------- as whom


def test_a_command_is_its_user_and_nobody_else(unit: Privileged) -> None:
    status = status_of(unit.run("cat", "/proc/self/status")["stdout"])
    assert status["Uid"].split() == [str(GAMES.pw_uid)] * 4
    assert status["Gid"].split() == [str(GAMES.pw_gid)] * 4
    groups = sorted(os.getgrouplist(OTHER, GAMES.pw_gid))
    assert sorted(map(int, status["Groups"].split())) == groups
    assert {status[f"Cap{kind}"] for kind in ("Inh", "Prm", "Eff", "Amb")} == {"0" * 16}
    blocked = [int(status[name], 16) for name in ("SigBlk", "SigIgn")]
    assert blocked == [0, 0]


def test_it_finds_its_users_surroundings_and_none_of_ours(unit: Privileged) -> None:
    script = "env; echo; umask; pwd; ls /proc/self/fd; cat /proc/self/oom_score_adj; ps -o sid= $$"
    env, _, rest = unit.run("sh", "-c", script)["stdout"].partition("\n\n")
    facts = dict(line.split("=", 1) for line in env.splitlines())
    assert facts["HOME"] == GAMES.pw_dir
    assert facts["USER"] == facts["LOGNAME"] == OTHER
    assert facts.keys() <= {
        *("PATH", "LANG", "HOME", "USER", "LOGNAME", "SHELL", "PWD", "OLDPWD", "_", "SHLVL"),
        *("STEWARD_MESSAGE_ID", "STEWARD_FROM", "STEWARD_NODE"),
    }
    assert rest.split()[:1] == ["0022"]
    home = GAMES.pw_dir if Path(GAMES.pw_dir).is_dir() else "/"
    assert rest.split()[1:7] == [home, "0", "1", "2", "3", "0"]  # 3: ls itself


def test_without_a_user_in_the_permit_it_is_the_state_folders_owner(unit: Privileged) -> None:
    assert unit.run("sh", "-c", "# as owner\nid -un")["stdout"] == f"{OWNER}\n"


def test_it_cannot_read_the_state_folder_but_its_own_output(unit: Privileged) -> None:
    (unit.state / "secret").write_text("x")
    record = unit.run("sh", "-c", f"cat {unit.state}/secret; echo again > /dev/stdout")
    assert record["stdout"] == "again\n"
    assert "Permission denied" in record["stderr"]
    assert as_user(OWNER, lambda: (unit.state / "runs" / f"{1:032x}" / "stdout").read_text())


def test_stdin_reaches_it_and_can_be_opened_anew(unit: Privileged) -> None:
    record = unit.run("sh", "-c", "cat; cat < /dev/stdin", stdin="word\n")
    assert record["stdout"] in ("word\n", "word\nword\n")
    assert record["stderr"] == ""


def test_what_cannot_be_started_says_why(unit: Privileged) -> None:
    assert unit.run("no-such-program")["exitCode"] == 127
    record = unit.run("/etc/passwd")
    assert (record["exitCode"], "not executable" in record["reason"]) == (126, True)
    secret = unit.folder / "root-only"
    secret.write_text("#!/bin/sh\n")
    secret.chmod(0o700)
    assert unit.run(str(secret))["exitCode"] == 126


# ---------------------------------------------------------------- bounds


def limited(unit: Privileged, limits: str) -> None:
    path = unit.folder / "etc" / "node.toml"
    path.write_text(PERMITS + f"limits = {{ {limits} }}\n")


def test_bounds_hold(unit: Privileged) -> None:
    limited(unit, 'memory="64MiB", processes=20, files=16, cpu="1s", file-size="1MiB"')
    shown = unit.run("sh", "-c", "ulimit -v; ulimit -n; ulimit -t; ulimit -f; cat /proc/$$/limits")
    assert shown["stdout"].splitlines()[:4] == ["65536", "16", "1", "2048"]
    assert "Max processes             20 " in shown["stdout"]
    assert unit.run("sh", "-c", "head -c 2000000 /dev/zero > /dev/null; exec 20>&1; echo no")[
        "exitCode"
    ]
    assert unit.run("head", "-c", "200M", "/dev/zero")["stdoutSize"] <= 1 << 20
    record = unit.run("sh", "-c", "while :; do :; done")
    assert record["signal"] in (signal.SIGXCPU, signal.SIGKILL)
    record = unit.run("sh", "-c", "x=$(head -c 100000000 /dev/zero | tr '\\0' x); echo ${#x}")
    assert record["stdout"] != "100000000\n"


def test_a_bound_of_one_command_is_none_of_the_next_ones(unit: Privileged) -> None:
    limited(unit, "files=16")
    unit.run("true")
    (unit.folder / "etc" / "node.toml").write_text(PERMITS)
    assert int(unit.run("sh", "-c", "ulimit -n")["stdout"]) > 16


# ---------------------------------------------------------------- a daemon that was taken over


def test_the_state_folders_owner_makes_it_run_nothing_unsigned(unit: Privileged) -> None:
    proof = unit.folder / "proof"
    argv = ["touch", str(proof)]
    signed = unit.keys.order("true")
    foreign = Keys().order(*argv)
    requests: list[dict[str, Any]] = [
        {"argv": argv, "env": {"PATH": "/bin"}, "deadline": None},
        {"argv": argv, "env": {}, "user": "root"},
        {"order": foreign}, {"order": {}}, {"order": None}, {"order": []},
        {"order": signed | {"body": foreign["body"]}},
        {"order": foreign | {"statements": Keys().said}},
        {"order": unit.keys.order(*argv, to="ship3")},
    ]  # fmt: skip
    for request in requests:
        key = unit.key()
        told = as_user(OWNER, partial(unit.ask, {"op": "start", "key": key} | request))
        assert "refused" in told or "error" in told, told
        assert not (unit.state / "runs" / key).exists()
    assert not proof.exists()


def test_an_order_is_not_repeated_for_it(unit: Privileged) -> None:
    order = unit.keys.order("true")
    first, second = unit.key(), unit.key()
    assert "at" in as_user(OWNER, lambda: unit.ask({"op": "start", "key": first, "order": order}))
    assert as_user(OWNER, lambda: unit.ask({"op": "start", "key": first, "order": order})) == {
        "key": first, "error": "exists",
    }  # fmt: skip
    unit.ended(first)

    def forget() -> Any:
        os.rename(unit.state / "runs" / first, unit.state / "gone")
        return [
            unit.ask({"op": "start", "key": key, "order": order}).get("refused")
            for key in (first, second)
        ]

    for _ in range(2):
        told = as_user(OWNER, forget)
        assert all("carried out before" in one for one in told), told
        unit.kill()
        unit.start()
        os.rename(unit.state / "gone", unit.state / "runs" / first)


def test_it_cannot_read_or_write_what_the_runner_remembers(unit: Privileged) -> None:
    unit.run("true")
    assert "PermissionError" in as_user(OWNER, lambda: os.listdir(unit.folder / "book"))
    assert "PermissionError" in as_user(OWNER, lambda: os.kill(unit.pid, signal.SIGTERM))
    assert "PermissionError" in as_user(OWNER, lambda: os.listdir(f"/proc/{unit.pid}/fd"))


def test_other_users_cannot_ask_it(unit: Privileged) -> None:
    assert "PermissionError" in as_user(OTHER, lambda: unit.ask({"op": "list"}))
    unit.socket.chmod(0o666)
    refused = as_user(OTHER, lambda: unit.ask({"op": "list"}))
    assert "Error" in str(refused), refused
    assert as_user(OWNER, lambda: unit.ask({"op": "list"}))["running"] == []


def test_nothing_that_was_planted_is_followed(unit: Privileged) -> None:
    target = unit.folder / "target"
    target.mkdir()
    (target / "file").write_text("mine")
    keys = [unit.key() for _ in range(5)]
    runs = unit.state / "runs"

    def plant() -> None:
        (runs / keys[0]).symlink_to(target)
        for key, name in zip(keys[1:3], ("stdout", "exit.new"), strict=True):
            (runs / key).mkdir()
            (runs / key / name).symlink_to(target / "file")
        for key, name in zip(keys[3:], ("stderr", "exit.new"), strict=True):
            (runs / key).mkdir()
            os.mkfifo(runs / key / name)

    as_user(OWNER, plant)
    for key in keys:
        order = unit.keys.order("echo", "x", id=f"m-{key}")
        unit.ask({"op": "start", "key": key, "order": order})
    assert unit.run("true")["exitCode"] == 0
    assert [path.name for path in target.iterdir()] == ["file"]
    assert (target / "file").read_text() == "mine"
    assert not (runs / keys[1] / "exit").exists() or unit.ended(keys[1])["exitCode"] == 126


def test_a_planted_folder_for_runs_keeps_it_from_starting(unit: Privileged) -> None:
    unit.kill()
    os.rename(unit.state / "runs", unit.state / "away")
    (unit.state / "runs").symlink_to(unit.folder / "etc")
    with pytest.raises(AssertionError):
        unit.start()
    assert not list((unit.folder / "etc").glob("0*"))
