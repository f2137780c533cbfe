"""Names that others choose are parts of a path only once they are known to be plain names."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.claimed_file import stamp
from node.methods import read_run
from node.runner_requests import Refusal, checked_key
from node.runs import key
from steward import frames
from steward.errors import FrameError, InvalidMessage, Refused, StewardError
from steward.frames import Notice
from steward.message import Body, Defaults, Kind, MessageId, check
from steward.subjects import NodeName, Subject, node_name

NAMES = [
    "..", ".", "../x", "a/b", "/etc/passwd", "a\0b", "", "a\n", "\n", "a b", "..\\x", "ä",
    "ship1\n", "ship1/../../x", "*", ">", "a.b", "x" * 65, "%2e%2e", "~root", "$HOME", "-rf\t",
    "\u2024\u2024/x",
]  # fmt: skip
LONG = "0" * 16
METHODS = {"ShellCommand": frozenset({Kind.COMMAND_ACK})}


@pytest.mark.parametrize("name", NAMES)
def test_they_are_no_nodes_names(name: str) -> None:
    with pytest.raises(StewardError):
        node_name(name)


@given(st.text(max_size=70))
def test_what_is_a_nodes_name_is_one_plain_part_of_a_path(name: str) -> None:
    try:
        node_name(name)
    except StewardError:
        return
    assert Path("/top", f"{name}.log").parent == Path("/top")
    assert name.isascii()
    assert name.replace("-", "x").replace("_", "x").isalnum()


@pytest.mark.parametrize("name", NAMES)
def test_a_letter_from_one_is_no_letter(name: str) -> None:
    good = Notice(
        frm=NodeName("ship1"), store=LONG, start=LONG, to=NodeName("central"),
        subject=Subject("central.EventNACK.TextLogging"), clock=1.0, id=MessageId("a"),
    )  # fmt: skip
    envelope = msgspec.json.decode(frames.encode(good))
    assert frames.decode(json.dumps(envelope).encode()).frm == "ship1"
    envelope["body"]["from"] = name
    with pytest.raises(FrameError):
        frames.decode(json.dumps(envelope).encode())


@pytest.mark.parametrize("name", [name for name in NAMES if name])
def test_they_are_no_ids(name: str) -> None:
    raw = {"toNode": "s", "commandOrEvent": "CommandACK", "method": "ShellCommand", "id": name}
    with pytest.raises(InvalidMessage):
        check(raw, Defaults(), METHODS)


@given(st.text(), st.text(), st.text(), st.integers(0, 2**62), st.text())
def test_a_runs_folder_is_named_by_a_hash(a: str, b: str, c: str, seq: int, id: str) -> None:
    try:
        name = key(a, b, c, seq, id)
    except UnicodeEncodeError:
        return
    assert checked_key(name) == name


@pytest.mark.parametrize(
    "name", [*NAMES, "0" * 15, "0" * 65, "A" * 32, "0" * 16 + "/../" + "0" * 16]
)
def test_the_runner_takes_no_other_name(name: str) -> None:
    with pytest.raises(Refusal):
        checked_key(name)


@pytest.mark.parametrize("stream", ["../exit", "claim", "/etc/passwd", "stdout/../exit", "exit"])
def test_an_output_is_one_of_two(stream: str) -> None:
    with pytest.raises(Refused):
        read_run.check(Body(data=("id", stream, "0", "1")))


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_bears_one_is_no_claimed_file(name: str) -> None:
    assert stamp(Path(f"inmsg-{name}.claimed")) == 0
