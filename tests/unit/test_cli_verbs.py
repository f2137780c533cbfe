"""Every verb but ``send`` against the real control server: forms of output, exit statuses."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from steward.cli import views
from steward.cli.pull import CHUNK
from steward.errors import QueueFull
from tests.fake_daemon import FakeDaemon
from tests.unit.conftest import Steward


def send(steward: Steward, *argv: str) -> str:
    """Send something, and return its id."""
    ran = steward("send", "-o", "ids", *argv)
    return ran.out.strip()


def stdin(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))


GOOD = {"toNode": "ship1", "data": ["true"], "commandOrEvent": "CommandACK"}
GOOD["method"] = "ShellCommand"


def test_every_verb_that_talks_exits_5_without_a_daemon(steward: Steward) -> None:
    commands = (
        *("messages ls", "messages show x", "messages cancel x", "messages retry x"),
        *("messages output x", "nodes ls", "nodes show x", "nodes hold x", "nodes release --all"),
        *("nodes clear x", "nodes forget x", "errors ls", "errors tail", "processes", "status"),
    )
    for argv in commands:
        ran = steward(*argv.split())
        assert (ran.status, ran.out) == (5, ""), argv
        assert "no daemon answers" in ran.err


def test_an_unknown_id_exits_3(daemon: FakeDaemon, steward: Steward) -> None:
    for verb in ("show", "cancel", "retry", "output"):
        ran = steward("messages", verb, "nothing")
        assert (ran.status, ran.out) == (3, ""), verb
        assert "no message nothing" in ran.err
    assert steward("nodes", "show", "ship9").status == 3


# submit and replay


def test_submit_prints_the_ids_in_order(
    daemon: FakeDaemon, steward: Steward, tmp_path: Path
) -> None:
    file = tmp_path / "messages.json"
    file.write_text(json.dumps([GOOD, GOOD]) + "\n" + json.dumps(GOOD))
    ran = steward("submit", str(file))
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.split() == list(daemon.messages)


def test_submit_reads_standard_input(
    daemon: FakeDaemon, steward: Steward, monkeypatch: pytest.MonkeyPatch
) -> None:
    stdin(monkeypatch, json.dumps([GOOD]))
    assert steward("submit", "-").status == 0
    assert len(daemon.messages) == 1


def test_a_refused_element_exits_7_and_the_others_are_accepted(
    daemon: FakeDaemon, steward: Steward, tmp_path: Path
) -> None:
    file = tmp_path / "messages.json"
    file.write_text(json.dumps([GOOD, {**GOOD, "toNod": "x"}, 7]))
    ran = steward("submit", str(file), "-o", "json")
    assert ran.status == 7
    told = json.loads(ran.out)
    assert [one["index"] for one in told["accepted"]] == [0]
    assert [one["index"] for one in told["refused"]] == [1, 2]
    assert "element 1 refused: unknown key 'toNod' (did you mean 'toNode'?)" in ran.err
    lines = steward("submit", str(file), "-o", "jsonl").out.splitlines()
    assert ["id" in json.loads(line) for line in lines] == [True, False, False]


@pytest.mark.parametrize(
    ("text", "status", "said"),
    [
        ('[{"toNode": "ship1",\n oops}]', 7, "line 2, column 2"),
        ("", 7, "there is no message in it"),
        ("[NaN]", 7, "NaN is not JSON"),
        ("[" * 100_000, 7, "line 1"),
    ],
)
def test_what_is_no_json_exits_7_and_submits_nothing(
    daemon: FakeDaemon, steward: Steward, tmp_path: Path, text: str, status: int, said: str
) -> None:
    file = tmp_path / "messages.json"
    file.write_text(text)
    ran = steward("submit", str(file))
    assert ran.status == status
    assert said in ran.err
    assert not daemon.messages


def test_a_file_that_is_not_there_exits_2(daemon: FakeDaemon, steward: Steward) -> None:
    assert steward("submit", "/nowhere/at/all").status == 2


def test_many_messages_are_handed_in_in_parts_as_one_job(
    daemon: FakeDaemon, steward: Steward, tmp_path: Path
) -> None:
    event = {"toNode": "central", "data": ["x"], "commandOrEvent": "EventACK"}
    event["method"] = "TextLogging"
    file = tmp_path / "messages.json"
    file.write_text(json.dumps([event] * 2500 + [GOOD | {"method": "x"}]))
    ran = steward("submit", str(file))
    assert ran.status == 7
    assert "element 2500 refused" in ran.err
    assert len(ran.out.split()) == 2500
    assert [len(call["messages"]) for call in daemon.asked("submit")] == [1000, 1000, 501]
    assert len({call["job"] for call in daemon.asked("submit")}) == 1


def test_replay_makes_new_messages(daemon: FakeDaemon, steward: Steward, tmp_path: Path) -> None:
    file = tmp_path / "messages.jsonl"
    lines = [{"event": event, "id": "old", **GOOD} for event in ("accepted", "final") * 3]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    ran = steward("messages", "replay", str(file))
    assert ran.status == 0
    assert len(set(ran.out.split())) == 3
    assert "old" not in daemon.messages
    file.write_text('{"event": "final"}')
    assert steward("messages", "replay", str(file)).status == 7


# messages


def test_messages_ls_in_every_form(daemon: FakeDaemon, steward: Steward) -> None:
    ids = [send(steward, "ship1", "--", "sh", "-c", f"exit {n}") for n in range(3)]
    newest = list(reversed(ids))
    listed = json.loads(steward("messages", "ls", "-o", "json").out)
    assert [message["id"] for message in listed] == newest
    lines = steward("messages", "ls", "-o", "jsonl").out.splitlines()
    assert [json.loads(line)["id"] for line in lines] == newest
    assert steward("messages", "ls", "-o", "ids").out.split() == newest
    ran = steward("messages", "ls")
    header, first, *_rest = ran.out.splitlines()
    assert header.split() == ["ID", "NODE", "STATE", "AGE", "WHAT"]
    assert "failed (exit 2)" in first
    assert "sh -c 'exit 2'" in first
    columns = [line.index("sh -c") for line in ran.out.splitlines()[1:]]
    assert columns == [header.index("WHAT")] * 3


def test_messages_ls_hands_its_filters_on_and_pages(daemon: FakeDaemon, steward: Steward) -> None:
    for _ in range(3):
        send(steward, "ship1", "--", "true")
    argv = "--state failed --state succeeded --node ship1 --job j --text t --problems --all"
    assert steward("messages", "ls", *argv.split(), "--limit", "2").status == 0
    assert daemon.asked("messages")[-1] == {
        "state": ["failed", "succeeded"],
        "node": ["ship1"],
        "job": "j",
        "text": "t",
        "problems": True,
        "all": True,
        "limit": 2,
        "sort": "-accepted",
    }
    ran = steward("messages", "ls", "--limit", "2")
    assert "--cursor 2" in ran.err
    ran = steward("messages", "ls", "--cursor", "2", "-o", "ids")
    assert len(ran.out.split()) == 1
    assert steward("messages", "ls", "--state", "lost").status == 2


def test_an_empty_list_exits_0_and_is_an_empty_array(daemon: FakeDaemon, steward: Steward) -> None:
    assert steward("messages", "ls") == (0, "", "steward: no messages\n")
    assert json.loads(steward("messages", "ls", "-o", "json").out) == []


def test_show_draws_the_timeline_and_the_output(daemon: FakeDaemon, steward: Steward) -> None:
    id = send(steward, "ship1", "--", "sh", "-c", "echo out; echo err >&2; exit 3")
    daemon.messages[id]["times"] = {
        "accepted": "2026-01-02T03:04:05.000Z",
        "sent": "2026-01-02T03:04:05.250Z",
        "ended": "2026-01-02T03:04:07.500Z",
    }
    ran = steward("messages", "show", id)
    assert ran.status == 0
    for piece in (
        f"{id}  ship1  failed (exit 3)",
        "CommandACK sh -c 'echo out; echo err >&2; exit 3'",
        "+0.250 s",
        "+2.500 s",
        "exit code 3",
        "stdout:\n  out\nstderr:\n  err\n",
    ):
        assert piece in ran.out
    assert json.loads(steward("messages", "show", id, "-o", "json").out)["id"] == id
    both = json.loads(steward("messages", "show", id, id, id[:0] + id, "-o", "json").out)
    assert [message["id"] for message in both] == [id]


def test_what_a_node_says_cannot_command_the_terminal(daemon: FakeDaemon, steward: Steward) -> None:
    id = send(steward, "ship1", "--", "printf", "\x1b]0;title\x07\u202e[/red]\x9b")
    daemon.messages[id]["reason"] = "\x1b[2J"
    daemon.nodes["ship1"]["version"] = "\x1b[31m"
    for argv in (("messages", "show", id), ("messages", "ls"), ("nodes", "ls")):
        for form in ("table", "json"):
            ran = steward(*argv, "-o", form)
            assert not set(ran.out) & set("\x1b\x07\u202e\x9b"), argv
            assert ran.status == 0
    assert "[/red]" in steward("messages", "show", id).out


def test_cancel_and_retry(daemon: FakeDaemon, steward: Steward) -> None:
    id = steward("send", "ship9", "--detach", "--", "true").out.strip()
    ran = steward("messages", "cancel", id)
    assert ran.status == 0
    assert ran.out.split()[-2:] == [id, "cancelled"]
    assert steward("messages", "cancel", id).status == 0
    over = send(steward, "ship1", "--", "true")
    ran = steward("messages", "cancel", id, over)
    assert ran.status == 7
    assert "already succeeded" in ran.out
    new = steward("messages", "retry", id, "-o", "ids").out.strip()
    assert daemon.messages[new]["retryOf"] == id
    daemon.refusals["ship9"] = QueueFull("full", "wait")
    ran = steward("messages", "retry", over, id)
    assert ran.status == 7
    assert f"{id} refused: full (wait)" in ran.err
    assert over in ran.out


def test_ids_come_from_standard_input(
    daemon: FakeDaemon, steward: Steward, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = steward("send", "ship8,ship9", "--detach", "-o", "ids", "--", "true").out
    stdin(monkeypatch, ids)
    assert steward("messages", "cancel", "-").status == 0
    assert {message["state"] for message in daemon.messages.values()} == {"cancelled"}
    assert steward("messages", "cancel").status == 2


# messages output

BIG = 5 * CHUNK + 77


def big(steward: Steward) -> tuple[str, bytes]:
    """A message whose output is cut, and what it was."""
    script = f"import random, sys; sys.stdout.buffer.write(random.Random(7).randbytes({BIG}))"
    id = send(steward, "ship1", "--", sys.executable, "-c", script)
    import random

    return id, random.Random(7).randbytes(BIG)


def pulled(folder: Path, *argv: str) -> subprocess.CompletedProcess[bytes]:
    root = str(Path(__file__).parents[2])
    env = {**os.environ, "STEWARD_STATE_DIR": str(folder), "PYTHONPATH": root}
    command = [sys.executable, "-m", "steward.cli", "messages", "output", *argv]
    return subprocess.run(command, env=env, capture_output=True, check=False)


def test_output_is_whole_and_byte_exact(
    daemon: FakeDaemon, steward: Steward, tmp_path: Path
) -> None:
    id, data = big(steward)
    ran = pulled(tmp_path, id)
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert hashlib.sha256(ran.stdout).digest() == hashlib.sha256(data).digest()


def test_output_goes_on_where_it_was_cut_off(
    daemon: FakeDaemon, steward: Steward, tmp_path: Path
) -> None:
    id, data = big(steward)
    daemon.chunk_limit = 2
    to = tmp_path / "output"
    ran = steward("messages", "output", id, "--to", str(to))
    assert ran.status == 4
    assert "did not send the rest: undelivered: no link" in ran.err
    have = (tmp_path / "output.part").stat().st_size
    assert have > 2 * CHUNK
    assert not to.exists()
    daemon.chunk_limit = None
    daemon.calls.clear()
    ran = steward("messages", "output", id, "--to", str(to))
    assert ran.status == 0
    assert f"{have:,} of {BIG:,} bytes" in ran.err
    assert to.read_bytes() == data
    assert not (tmp_path / "output.part").exists()
    first = daemon.asked("submit")[0]["messages"][0]
    assert int(first["data"][2]) == have


def test_output_that_is_not_what_was_announced_is_not_taken(
    daemon: FakeDaemon, steward: Steward, tmp_path: Path
) -> None:
    id, _data = big(steward)
    daemon.outputs[id, "stdout"] = bytes(BIG)
    to = tmp_path / "output"
    ran = steward("messages", "output", id, "--to", str(to))
    assert ran.status == 1
    assert "is not what was announced" in ran.err
    assert not to.exists()
    assert not (tmp_path / "output.part").exists()
    daemon.outputs[id, "stdout"] = b"short"
    assert pulled(tmp_path, id).returncode == 1


def test_output_of_both_streams_and_of_one(daemon: FakeDaemon, steward: Steward) -> None:
    id = send(steward, "ship1", "--", "sh", "-c", "echo out; echo err >&2; exit 3")
    assert steward("messages", "output", id) == (0, "out\n", "err\n")
    assert steward("messages", "output", id, "--stream", "stderr") == (0, "err\n", "")
    told = json.loads(steward("messages", "output", id, "-o", "json").out)
    assert told == {"id": id, "stdout": "out\n", "stderr": "err\n"}


def test_output_of_what_has_none_exits_as_the_message(daemon: FakeDaemon, steward: Steward) -> None:
    for state, status in (("queued", 4), ("refused", 7), ("undelivered", 4)):
        daemon.outcomes["ship1"] = {"state": state, "confirmed": True}
        id = steward("send", "ship1", "--detach", "--", "true").out.strip()
        assert steward("messages", "output", id).status == status


# nodes, errors, processes, status


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


# version, completion, help


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
