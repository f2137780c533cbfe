"""``steward send`` against real nodes: what is printed where, and with what status it ends."""

from __future__ import annotations

import asyncio
import json
import signal
import socket

import pytest

from steward.control.client import ControlClient
from tests.fault.fleet import Fleet
from tests.integration.shell import Shell

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_both_streams_are_printed_apart_and_a_failure_ends_with_1(typed: Shell) -> None:
    script = "echo out; echo err >&2; exit 3"
    done = await typed("send", "ship1", "--", "sh", "-c", script)
    assert done == (1, b"out\n", "err\n")


async def test_success_ends_with_0_and_the_output_is_byte_for_byte(typed: Shell) -> None:
    done = await typed("send", "ship1", "--", "printf", r"a\000\377\nb")
    assert done == (0, b"a\x00\xff\nb", "")


async def test_with_two_nodes_each_is_printed_under_its_name(typed: Shell) -> None:
    done = await typed("send", "ship1,ship2", "--", "hostname")
    host = socket.gethostname()
    blocks = sorted(done.out.decode().split("ship")[1:])
    assert blocks == [f"1:\n{host}\n", f"2:\n{host}\n"]
    assert (done.status, done.err) == (0, "")


async def test_a_glob_a_label_and_their_union_name_each_node_once(typed: Shell) -> None:
    script = 'echo "$STEWARD_NODE $STEWARD_FROM"'
    for targets in ("ship*", "kind=ship", "ship1,kind=ship"):
        done = await typed("send", targets, "--", "sh", "-c", script)
        told = sorted(line for line in done.out.decode().splitlines() if " " in line)
        assert (done.status, told) == (0, ["ship1 central", "ship2 central"])


async def test_what_matches_nothing_ends_with_3(typed: Shell) -> None:
    for target in ("boat*", "kind=boat", "@boats"):
        done = await typed("send", target, "--", "true")
        assert (done.status, done.out) == (3, b"")
        assert target in done.err


async def test_a_name_never_seen_warns_queues_and_is_left_with_4(typed: Shell) -> None:
    done = await typed("send", "ship9", "--wait", "0.3", "--", "true")
    assert done.status == 4
    assert "ship9 was never seen" in done.err
    assert "goes on" in done.err
    detached = await typed("send", "ship9", "--detach", "--", "true")
    assert detached.status == 0
    assert "ship9 was never seen" in detached.err
    [id] = detached.words()
    shown = (await typed("messages", "show", id, "-o", "json")).json()
    assert shown["state"] == "queued"


async def test_of_several_ends_the_worst_decides_the_status(typed: Shell) -> None:
    done = await typed("send", "ship1,ship9", "--wait", "0.5", "--", "false")
    assert done.status == 4, "one failed, one waits"
    shell = ("sh", "-c", 'test "$STEWARD_NODE" = ship2')
    assert (await typed("send", "ship1,ship2", "--", *shell)).status == 1


async def test_ctrl_c_stops_the_waiting_and_not_the_message(typed: Shell, town: Fleet) -> None:
    process = await typed.begin("send", "ship1", "-o", "ids", "--", "sleep", "1")
    assert process.stdout is not None
    id = (await process.stdout.readline()).decode().strip()
    process.send_signal(signal.SIGINT)
    _, err = await process.communicate()
    assert process.returncode == 130
    assert id in err.decode()
    [message] = await town.ends([id])
    assert message["state"] == "succeeded"


async def test_a_command_past_its_method_timeout_ends_with_1(typed: Shell) -> None:
    done = await typed("send", "ship1", "--method-timeout", "0.3", "--", "sleep", "60")
    assert done.status == 1
    assert "timed_out" in done.err
    done = await typed(
        "send",
        "ship1",
        "--method-timeout",
        "500ms",
        "-o",
        "json",
        "--",
        "sh",
        "-c",
        "echo so far; sleep 60",
    )
    [message] = done.json()
    assert message["state"] == "timed_out"
    assert message["result"]["stdout"] == "so far\n"
    assert message["result"]["signal"] == 15


async def test_a_program_that_is_not_there_fails_with_127(typed: Shell) -> None:
    done = await typed("send", "ship1", "-o", "json", "--", "no-such-program")
    [message] = done.json()
    assert (done.status, message["state"], message["result"]["exitCode"]) == (1, "failed", 127)
    assert "no-such-program" in message["reason"]
    done = await typed("send", "ship1", "-o", "json", "--", "/etc/hostname")
    assert done.json()[0]["result"]["exitCode"] == 126


async def test_what_is_asked_wrongly_ends_with_2_or_7(typed: Shell) -> None:
    for status, words, args in (
        (2, "No such option", ("--methot", "x")),
        (2, "not a duration", ("--ttl", "soon")),
        (2, "EventACKS", ("--kind", "EventACKS")),
        (7, "did you mean 'ShellCommand'", ("--method", "ShellComand")),
        (7, "ShellCommand is not sent as EventACK", ("--kind", "EventACK")),
        (2, "--detach waits for nothing", ("--detach", "--wait", "1")),
    ):
        done = await typed("send", "ship1", *args, "--", "true")
        assert (done.status, done.out) == (status, b""), done
        assert words in done.err
    done = await typed("send", "ship1")
    assert (done.status, "data is empty" in done.err) == (7, True), done
    done = await typed("send", "ship.1", "--", "true")
    assert (done.status, "not a node name" in done.err) == (7, True), done


async def test_a_node_sends_to_itself_and_to_another_that_is_not_central(town: Fleet) -> None:
    for sender, receiver in (("central", "central"), ("ship1", "ship1"), ("ship1", "ship2")):
        here = Shell(town.folder / sender)
        done = await here("send", receiver, "--", "sh", "-c", "echo $STEWARD_NODE $STEWARD_FROM")
        assert done == (0, f"{receiver} {sender}\n".encode(), done.err), (sender, receiver)


async def test_nack_kinds_are_published_and_may_run(typed: Shell, town: Fleet) -> None:
    mark = town.folder / "mark"
    done = await typed(
        "send", "ship1", "--kind", "CommandNACK", "-o", "json", "--", "touch", str(mark)
    )
    [message] = done.json()
    assert (done.status, message["state"], message["confirmed"]) == (0, "published", True)
    async with asyncio.timeout(10):
        while not mark.exists():
            await asyncio.sleep(0.02)
    log = town.folder / "ship1" / "textlogging" / "central.log"
    arguments = ("--kind", "EventNACK", "--method", "TextLogging", "--", "a line\n")
    assert (await typed("send", "ship1", *arguments)).status == 0
    async with asyncio.timeout(10):
        while not log.exists() or log.read_bytes() != b"a line\n":
            await asyncio.sleep(0.02)


async def test_arguments_that_the_system_cannot_pass_on_fail_with_a_reason(typed: Shell) -> None:
    """Longer than any single argument may be; accepted, as it fits a message."""
    message = {
        "toNode": "ship1", "data": ["echo", "x" * 200_000], "commandOrEvent": "CommandACK",
        "method": "ShellCommand",
    }  # fmt: skip
    done = await typed("submit", "-", stdin=json.dumps(message).encode())
    [id] = done.words()
    async with ControlClient(typed.state_dir) as client:
        answer = await client.call("wait", ids=[id], timeout=20)
    [ended] = answer["done"]
    assert (ended["state"], ended["result"]["exitCode"]) == ("failed", 126)
    assert "too long" in ended["reason"]
    assert len(ended["reason"]) < 1000


async def test_a_program_that_leaves_a_child_behind_ends_when_it_ends(typed: Shell) -> None:
    script = "sleep 20 & echo started"
    async with asyncio.timeout(10):
        done = await typed("send", "ship1", "--", "sh", "-c", script)
    assert done == (0, b"started\n", "")


async def test_a_program_gets_no_input_and_a_plain_environment(typed: Shell) -> None:
    done = await typed(
        "send", "ship1", "-o", "json", "--", "sh", "-c", "cat; env | cut -d= -f1 | sort"
    )
    [message] = done.json()
    names = message["result"]["stdout"].split()
    assert "STEWARD_MESSAGE_ID" in names
    assert {"STEWARD_FROM", "STEWARD_NODE", "HOME", "PATH"} <= set(names)
    assert "STEWARD_STATE_DIR" not in names
    assert "PYTHONPATH" not in names
