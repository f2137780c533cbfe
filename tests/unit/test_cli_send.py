"""``steward send`` against the real control server: what it prints, and every exit status."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from steward.errors import QueueFull
from tests.fake_daemon import FakeDaemon
from tests.unit.conftest import Steward


def test_a_failed_commands_streams_come_apart_and_it_exits_1(
    daemon: FakeDaemon, steward: Steward
) -> None:
    ran = steward("send", "ship1", "--", "sh", "-c", "echo out; echo err >&2; exit 3")
    assert ran == (1, "out\n", "err\n")


def test_a_reason_is_told_also_where_there_is_no_terminal(
    daemon: FakeDaemon, steward: Steward
) -> None:
    daemon.outcomes["ship1"] = {"state": "failed", "reason": "no such program", "confirmed": True}
    daemon.outcomes["ship1"]["result"] = {"exitCode": 127, "stdout": "", "stderr": ""}
    ran = steward("send", "ship1", "--", "x")
    assert (ran.status, ran.out) == (1, "")
    assert ran.err.startswith("steward: ship1: failed (exit 127): no such program (message ")


def test_success_exits_0(daemon: FakeDaemon, steward: Steward) -> None:
    assert steward("send", "ship1", "--", "echo", "-n", "--", "x") == (0, "-- x", "")


def test_a_name_never_seen_warns_and_queues(daemon: FakeDaemon, steward: Steward) -> None:
    ran = steward("send", "ship9", "--detach", "--", "true")
    assert ran.status == 0
    assert "warning: ship9 was never seen" in ran.err
    assert daemon.messages[ran.out.strip()]["state"] == "queued"


def test_several_nodes_have_their_name_above_each_output(
    daemon: FakeDaemon, steward: Steward
) -> None:
    ran = steward("send", "ship1,ship2", "--", "printf", "here")
    assert ran == (0, "ship1:\nhere\nship2:\nhere\n", "")


@pytest.mark.parametrize(
    ("targets", "nodes"),
    [
        ("ship*", ["ship1", "ship2", "ship3"]),
        ("env=prod", ["ship1", "ship2"]),
        ("@all,ship1", ["ship1", "ship2", "ship3"]),
        ("ship3, ship1", ["ship3", "ship1"]),
    ],
)
def test_targets_are_resolved_and_each_node_is_sent_to_once(
    daemon: FakeDaemon, steward: Steward, targets: str, nodes: list[str]
) -> None:
    assert steward("send", targets, "--", "true").status == 0
    (submitted,) = daemon.asked("submit")
    assert [message["toNode"] for message in submitted["messages"]] == nodes


@pytest.mark.parametrize("targets", ["plane*", "env=nowhere", "@none", "ship1,plane*"])
def test_a_pattern_that_matches_nothing_exits_3_and_sends_nothing(
    daemon: FakeDaemon, steward: Steward, targets: str
) -> None:
    ran = steward("send", targets, "--", "true")
    assert (ran.status, ran.out) == (3, "")
    assert "nothing matches" in ran.err
    assert not daemon.asked("submit")


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("succeeded", 0),
        ("published", 0),
        ("failed", 1),
        ("timed_out", 1),
        ("refused", 7),
        ("undelivered", 4),
        ("expired", 4),
        ("cancelled", 4),
        ("interrupted", 4),
        ("unknown", 4),
    ],
)
def test_each_state_has_its_exit_status(
    daemon: FakeDaemon, steward: Steward, state: str, status: int
) -> None:
    daemon.outcomes["ship1"] = {"state": state, "confirmed": True, "reason": "why so"}
    ran = steward("send", "ship1", "--", "true")
    assert ran.status == status
    if status:
        assert f"ship1: {state}: why so" in ran.err


def test_what_is_not_proved_is_incomplete_and_says_so(daemon: FakeDaemon, steward: Steward) -> None:
    daemon.outcomes["ship1"] = {"state": "expired", "confirmed": False}
    ran = steward("send", "ship1", "--", "true")
    assert ran.status == 4
    assert "expired (unconfirmed)" in ran.err


def test_the_worst_outcome_of_several_decides(daemon: FakeDaemon, steward: Steward) -> None:
    daemon.outcomes["ship1"] = {"state": "failed", "confirmed": True}
    assert steward("send", "ship*", "--", "true").status == 1
    daemon.outcomes["ship2"] = {"state": "undelivered", "confirmed": True}
    assert steward("send", "ship*", "--", "true").status == 4
    daemon.refusals["ship3"] = QueueFull("the queue is full", "wait")
    ran = steward("send", "ship*", "--", "true")
    assert ran.status == 7
    assert "ship3: refused: the queue is full (wait)" in ran.err


def test_a_refused_message_exits_7(daemon: FakeDaemon, steward: Steward) -> None:
    ran = steward("send", "ship1", "--method", "ShelCommand", "--", "true")
    assert (ran.status, ran.out) == (7, "")
    assert "did you mean 'ShellCommand'?" in ran.err


def test_wait_passed_exits_4_and_says_the_id(daemon: FakeDaemon, steward: Steward) -> None:
    ran = steward("send", "ship9", "--wait", "0.2", "--", "true")
    (id,) = daemon.messages
    assert (ran.status, ran.out) == (4, "")
    assert f"stopped waiting; ship9: message {id} goes on" in ran.err


def test_no_daemon_exits_5_and_names_the_remedy(steward: Steward) -> None:
    ran = steward("send", "ship1", "--", "true")
    assert ran.status == 5
    assert "steward node --node NAME --state-dir" in ran.err


@pytest.mark.parametrize(
    "argv",
    [
        ("send",),
        ("send", "ship1", "--kind", "Command", "--", "true"),
        ("send", "ship1", "--timeout", "soon", "--", "true"),
        ("send", "ship1", "--detach", "--wait", "1", "--", "true"),
        ("send", " , ", "--", "true"),
        ("send", "ship1", "--nothing"),
        ("sned", "ship1"),
    ],
)
def test_wrong_usage_exits_2(daemon: FakeDaemon, steward: Steward, argv: tuple[str, ...]) -> None:
    ran = steward(*argv)
    assert (ran.status, ran.out) == (2, "")
    assert ran.err
    assert not daemon.asked("submit")


def test_every_option_reaches_the_message(daemon: FakeDaemon, steward: Steward) -> None:
    options = "--timeout 3 --retries 2 --ttl 10m --method-timeout 1.5m --parallel"
    assert steward("send", "ship1", *options.split(), "--", "true").status == 0
    (message,) = daemon.asked("submit")[0]["messages"]
    del message["id"]
    assert message == {
        "toNode": "ship1",
        "data": ["true"],
        "commandOrEvent": "CommandACK",
        "method": "ShellCommand",
        "timeout": 3.0,
        "retries": 2,
        "ttl": 600.0,
        "methodTimeout": 90.0,
        "parallel": True,
    }


def test_an_event_has_no_output(daemon: FakeDaemon, steward: Steward) -> None:
    argv = ("send", "central", "--kind", "EventACK", "--method", "TextLogging", "--", "text\n")
    assert steward(*argv) == (0, "", "")


def test_json_is_one_array_of_messages(daemon: FakeDaemon, steward: Steward) -> None:
    ran = steward("send", "ship1,ship9", "--wait", "0.2", "-o", "json", "--", "printf", "\x9b31m")
    assert ran.status == 4
    assert "\x9b" not in ran.out
    first, second = json.loads(ran.out)
    assert (first["toNode"], first["result"]["stdout"]) == ("ship1", "\x9b31m")
    assert (second["toNode"], second["state"]) == ("ship9", "queued")


@pytest.mark.parametrize("detach", [(), ("--detach",)])
def test_jsonl_and_ids(daemon: FakeDaemon, steward: Steward, detach: tuple[str, ...]) -> None:
    ran = steward("send", "ship1,ship2", *detach, "-o", "jsonl", "--", "true")
    assert [json.loads(line)["toNode"] for line in ran.out.splitlines()] == ["ship1", "ship2"]
    daemon.messages.clear()
    ran = steward("send", "ship1,ship2", *detach, "-o", "ids", "--", "true")
    assert ran == (0, "".join(f"{id}\n" for id in daemon.messages), "")


def test_what_was_left_out_is_marked(daemon: FakeDaemon, steward: Steward) -> None:
    script = "import sys; sys.stdout.write('x' * 200_000)"
    ran = steward("send", "ship1", "--", sys.executable, "-c", script)
    (id,) = daemon.messages
    assert f"bytes left out: steward messages output {id} …]" in ran.out
    assert "left out; all: steward messages output" in ran.err


def test_the_id_in_the_note_can_be_shown(daemon: FakeDaemon, steward: Steward) -> None:
    daemon.outcomes["ship1"] = {"state": "undelivered", "confirmed": True, "reason": "no answer"}
    ran = steward("send", "ship1", "--", "true")
    found = re.search(r"\(message (\S+)\)", ran.err)
    assert found
    assert steward("messages", "show", found[1]).status == 0


def test_what_it_reads_and_that_it_is_secret_goes_with_it(
    daemon: FakeDaemon, steward: Steward, tmp_path: Path
) -> None:
    for content, field in ((b"text", {"stdin": "text"}), (b"\xff", {"stdinB64": "/w=="})):
        (tmp_path / "given").write_bytes(content)
        given = ("--stdin", str(tmp_path / "given"))
        steward("send", "ship1", "--detach", "--secret", *given, "--", "true")
        [message] = daemon.asked("submit")[-1]["messages"]
        assert message.items() >= {"secret": True, "data": ["true"], **field}.items()
    steward("send", "ship1", "--detach", "--", "true")
    [message] = daemon.asked("submit")[-1]["messages"]
    assert {"secret", "stdin", "stdinB64"}.isdisjoint(message)


def test_a_secret_ones_output_is_not_looked_for(daemon: FakeDaemon, steward: Steward) -> None:
    id = steward("send", "ship1", "--detach", "--", "true").out.strip()
    daemon.messages[id]["secret"] = True
    ran = steward("messages", "output", id)
    assert (ran.status, ran.out) == (7, "")
    assert "is not kept" in ran.err
    assert "(secret)" in steward("messages", "show", id).out
    assert "'(secret)'" not in steward("messages", "ls").out
