"""The example files: each is what it says, and would be accepted as it stands."""

from __future__ import annotations

import importlib.resources
import json
from pathlib import Path

from node.methods import registry
from steward.message import Defaults, Kind, Message, check

EXAMPLES = Path(str(importlib.resources.files("node"))) / "examples"
KINDS = {name: method.kinds for name, method in registry().items()}
LISTING = ("bash", "-c", "ls -l ../")


def _accepted(name: str) -> list[Message]:
    found = json.loads((EXAMPLES / name).read_text(encoding="utf-8"))
    return [check(raw, Defaults(timeout=10.0), KINDS) for raw in found]


def test_no_example_is_left_out_here() -> None:
    assert {path.name for path in EXAMPLES.iterdir()} == {
        "list-folder.json",
        "list-folder-on-two.json",
        "three-attempts.json",
        "log-text.json",
    }


def test_a_command_to_one_ship() -> None:
    (message,) = _accepted("list-folder.json")
    assert (message.to, message.kind, message.method) == ("ship1", Kind.COMMAND_ACK, "ShellCommand")
    assert message.data == LISTING
    assert (message.timeout, message.retries) == (10.0, 0)


def test_two_commands_in_one_array() -> None:
    messages = _accepted("list-folder-on-two.json")
    assert [message.to for message in messages] == ["ship1", "ship2"]
    assert all(message.data == LISTING for message in messages)


def test_a_command_that_is_given_up_after_three_attempts_of_three_seconds() -> None:
    (message,) = _accepted("three-attempts.json")
    assert (message.timeout, message.retries) == (3.0, 3)


def test_a_line_for_centrals_log() -> None:
    (message,) = _accepted("log-text.json")
    assert (message.to, message.kind, message.method) == ("central", Kind.EVENT_ACK, "TextLogging")
    assert message.data == ("some message\n",)
