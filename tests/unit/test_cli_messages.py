"""``steward submit`` and ``steward messages`` against the real control server."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

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


def test_one_warning_for_many_messages_to_a_name_never_heard_of(
    daemon: FakeDaemon, steward: Steward, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def submit(params: dict[str, Any]) -> dict[str, Any]:
        facts = {"id": "x", "warning": "nobody knows ship9"}
        return {"accepted": [{"index": i, **facts} for i in range(3)], "refused": []}

    monkeypatch.setattr(daemon, "do_submit", submit)
    file = tmp_path / "messages.json"
    file.write_text(json.dumps([GOOD] * 3))
    ran = steward("submit", str(file))
    assert ran.status == 0
    assert ran.err == "steward: warning: nobody knows ship9 (3 messages)\n"


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
