"""Every verb but ``send`` against the real control server: forms of output, exit statuses."""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from steward.cli import views
from tests.fake_daemon import FakeDaemon
from tests.unit.conftest import Steward


def test_every_verb_that_talks_exits_5_without_a_daemon(steward: Steward) -> None:
    commands = (
        *("messages ls", "messages show x", "messages cancel x", "messages retry x"),
        *("messages output x", "nodes ls", "nodes show x", "nodes hold x", "nodes release --all"),
        *("nodes clear x", "nodes forget x", "errors ls", "errors tail", "processes", "status"),
        *("jobs ls", "jobs show x", "nodes ping x"),
    )
    for argv in commands:
        ran = steward(*argv.split())
        assert (ran.status, ran.out) == (5, ""), argv
        assert "no daemon answers" in ran.err


def test_a_group_without_a_verb_lists_its_verbs_a_line_each(steward: Steward) -> None:
    ran = steward("nodes")
    assert (ran.status, ran.out) == (2, "")
    assert "\n  hold " in ran.err


def test_an_unknown_id_exits_3(daemon: FakeDaemon, steward: Steward) -> None:
    for verb in ("show", "cancel", "retry", "output"):
        ran = steward("messages", verb, "nothing")
        assert (ran.status, ran.out) == (3, ""), verb
        assert "no message nothing" in ran.err
    assert steward("nodes", "show", "ship9").status == 3


def test_nodes_ls_and_show(daemon: FakeDaemon, steward: Steward) -> None:
    daemon.nodes["ship1"] |= {"queued": 3, "held": True, "lastSeen": "2026-01-01T00:00:00Z"}
    ran = steward("nodes", "ls")
    assert ran.status == 0
    (line,) = [line for line in ran.out.splitlines() if "ship1" in line]
    assert line.startswith("‖  ship1    online, held")
    assert steward("nodes", "ls", "env=prod", "-o", "ids").out.split() == ["ship1", "ship2"]
    assert steward("nodes", "ls", "plane*").status == 3
    assert len(json.loads(steward("nodes", "ls", "-o", "json").out)) == 4
    ran = steward("nodes", "show", "ship1")
    assert "3 queued" in ran.out
    assert json.loads(steward("nodes", "show", "ship1", "-o", "json").out)["name"] == "ship1"


@pytest.mark.parametrize("verb", ["hold", "release", "clear", "forget"])
def test_queues_are_held_released_cleared_forgotten(
    daemon: FakeDaemon, steward: Steward, verb: str
) -> None:
    ran = steward("nodes", verb, "ship1,ship2")
    assert ran.status == 0
    assert "ship1, ship2; 3 messages" in ran.out
    assert daemon.asked(verb) == [{"nodes": ["ship1", "ship2"]}]
    told = json.loads(steward("nodes", verb, "--all", "-o", "json").out)
    assert daemon.asked(verb)[-1] == {"all": True}
    assert told["messages"] == 3
    assert steward("nodes", verb).status == 2
    assert steward("nodes", verb, "--all", "ship1").status == 2
    assert steward("nodes", verb, "plane*").status == 3


def test_errors_ls(daemon: FakeDaemon, steward: Steward) -> None:
    assert steward("errors", "ls") == (0, "", "steward: no errors\n")
    for n in range(3):
        daemon.add_error(f"disk [/dev/sda{n}] full", count=n + 1, hint="make room")
    ran = steward("errors", "ls", "--limit", "2", "--node", "ship1")
    assert "×3" in ran.out
    assert "disk [/dev/sda2] full (make room)" in ran.out
    assert "--cursor 2" in ran.err
    assert daemon.asked("errors")[-1] == {"node": "ship1", "limit": 2}
    assert steward("errors", "ls", "-o", "ids").out.split() == ["3", "2", "1"]


def test_errors_tail_shows_the_last_and_each_new_one_until_the_daemon_goes(
    tmp_path: Path, steward: Steward
) -> None:
    daemon = FakeDaemon(tmp_path).__enter__()
    for n in range(5):
        daemon.add_error(f"old {n}")

    def later() -> None:
        deadline = time.monotonic() + 10
        while not daemon.asked("errors") and time.monotonic() < deadline:
            time.sleep(0.01)
        daemon.add_error("new 0")
        while len(daemon.asked("errors")) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        daemon.__exit__(None, None, None)

    thread = threading.Thread(target=later)
    thread.start()
    ran = steward("errors", "tail", "-n", "2", "-o", "jsonl")
    thread.join()
    texts = [json.loads(line)["text"] for line in ran.out.splitlines()]
    assert texts == ["old 3", "old 4", "new 0"]
    assert ran.status == 5
    # One page for the beginning, one for each notification.
    assert len(daemon.asked("errors")) == 2


def test_processes_here_and_elsewhere(daemon: FakeDaemon, steward: Steward) -> None:
    ran = steward("processes")
    assert "publish.ship1" in ran.out
    assert steward("processes", "central", "-o", "ids").out == "publish.ship1\n"
    assert steward("processes", "ship1", "-o", "ids").out == "remote\n"
    ran = steward("processes", "central", "--start", "publish.ship1")
    assert daemon.asked("startProcess") == [{"name": "publish.ship1"}]
    assert steward("processes", "ship1", "--start", "x").status == 0
    assert daemon.asked("submit")[-1]["messages"][0]["data"] == ["start", "x"]
    ran = steward("processes", "ship9", "--wait", "0.2")
    assert ran.status == 4
    assert "ship9 did not answer: queued" in ran.err


def test_status(daemon: FakeDaemon, steward: Steward) -> None:
    ran = steward("status")
    assert ran.status == 0
    for piece in ("central", "connected", "2 queued, 1 delivered", "the clock is wrong", "open"):
        assert piece in ran.out
    assert json.loads(steward("status", "-o", "json").out)["processes"] == 7


def test_version_needs_no_daemon(steward: Steward) -> None:
    from steward import __version__

    assert steward("version").out.startswith(f"steward {__version__} (")
    assert json.loads(steward("version", "-o", "json").out)["version"] == __version__
    assert steward("--version") == (0, f"steward {__version__}\n", "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(steward: Steward, shell: str) -> None:
    ran = steward("completion", shell)
    assert ran.status == 0
    assert "_STEWARD_COMPLETE" in ran.out


def test_help_names_every_verb_without_importing_any(steward: Steward) -> None:
    before = set(sys.modules)
    ran = steward("--help")
    assert ran.status == 0
    for verb in ("node", "send", "submit", "messages", "status", "console", "demo"):
        assert f"\n  {verb} " in ran.out
    assert not {name for name in set(sys.modules) - before if name.startswith(("node", "tui"))}


def test_a_verb_whose_extra_is_missing_says_how_to_get_it(
    steward: Steward, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] in ("tui", "textual")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "textual", None)
    monkeypatch.setitem(sys.modules, "tui", None)
    ran = steward("console")
    assert ran.status == 2
    assert "pip install 'steward[console]'" in ran.err


def test_ages_and_sizes_read_calmly() -> None:
    shown: list[Any] = [views.seconds(s) for s in (None, 0, 0.25, 3, 75, 7300, 200_000)]
    assert shown == ["", "0 s", "250 ms", "3 s", "1 min", "2 h", "2 d"]
    assert [views.size(b) for b in (0, 1023, 1024, 5 * 2**20, 3 * 2**50)] == [
        "0 B",
        "1023 B",
        "1.0 KiB",
        "5.0 MiB",
        "3072.0 TiB",
    ]
