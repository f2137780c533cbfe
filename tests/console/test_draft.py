"""Composing: what is typed becomes messages, a command line, and a question of the right size."""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steward.errors import InvalidMessage
from steward.message import Defaults, Kind, check
from tests.console.world import node
from tui import draft, preview, rows
from tui.draft import Draft, Stake
from tui.ink import plain
from tui.rows import NodeRow, Resolved


def known(*nodes: dict[str, object]) -> dict[str, NodeRow]:
    found = (rows.read(NodeRow, one) for one in nodes)
    return {row.name: row for row in found}


def test_a_command_is_split_as_a_shell_splits() -> None:
    assert draft.data(Draft(text="sh -c 'echo a; exit 3' \"b c\"")) == [
        "sh",
        "-c",
        "echo a; exit 3",
        "b c",
    ]


def test_an_open_quote_and_no_command_say_what_is_missing() -> None:
    with pytest.raises(InvalidMessage, match="close the quote"):
        draft.data(Draft(text="echo 'oops"))
    with pytest.raises(InvalidMessage, match="no command yet"):
        draft.data(Draft(text="  "))


@pytest.mark.parametrize(
    ("typed", "sign"),
    [("df -h | sort", "'|'"), ("echo $HOME", r"'\$'"), ("a && b", "'&&'"), ("x 2> y", "'>'")],
)
def test_signs_that_no_shell_will_read_are_pointed_out(typed: str, sign: str) -> None:
    assert draft.no_shell(Draft(text=typed)).startswith("no shell reads ")


@pytest.mark.parametrize("typed", ["df -h", "sh -c 'a | b'", "/bin/bash -c 'echo $HOME'", "'"])
def test_and_nothing_else_is(typed: str) -> None:
    assert draft.no_shell(Draft(text=typed)) == ""


def test_only_options_that_were_set_travel() -> None:
    given_draft = Draft(text="uptime", timeout="90s", retries="3", ttl="10m", parallel=True)
    (message,) = draft.messages(given_draft, ["ship1"])
    assert message == {
        "toNode": "ship1",
        "data": ["uptime"],
        "commandOrEvent": "CommandACK",
        "method": "ShellCommand",
        "timeout": 90.0,
        "retries": 3,
        "ttl": 600.0,
        "parallel": True,
    }


def test_what_is_composed_is_what_the_daemon_takes() -> None:
    methods = {name: frozenset({Kind(kind)}) for name, kind in draft.METHODS.items()}
    for method in draft.METHODS:
        (message,) = draft.messages(Draft(method=method, text="a b"), ["ship1"])
        assert check(message, Defaults(), methods).to == "ship1"


@pytest.mark.parametrize("field", ["timeout", "retries", "ttl", "method_timeout"])
def test_an_option_that_is_none_names_itself(field: str) -> None:
    with pytest.raises(InvalidMessage, match=field.replace("_", " ")):
        draft.options(replace(Draft(), **{field: "soon"}))  # type: ignore[arg-type]  # all are text


def test_the_command_line_says_the_same() -> None:
    line = draft.command_line(
        Draft(to="ship1, ship2", text="echo 'a b'", timeout="5", method_timeout="30s")
    )
    assert line == "steward send ship1,ship2 --timeout 5 --method-timeout 30s -- echo 'a b'"


@given(st.lists(st.text(alphabet=st.characters(codec="utf-8")), min_size=1))
def test_the_command_line_splits_back_into_the_data(words: list[str]) -> None:
    line = draft.command_line(Draft(to="ship1", text=shlex.join(words)))
    assert shlex.split(line)[4:] == words


def test_the_question_grows_with_what_is_at_stake() -> None:
    nodes = known(*(node(f"ship{n}") for n in range(20)), node("prod1", labels={"env": "prod"}))
    nodes |= known(node("away", "offline"))

    def stake(*names: str) -> Stake:
        return draft.stake(Resolved(nodes=list(names)), nodes)

    assert stake("ship1") is Stake.NONE
    assert stake("away") is Stake.YES
    assert stake("never-seen") is Stake.YES
    assert stake(*(f"ship{n}" for n in range(10))) is Stake.YES
    assert stake(*(f"ship{n}" for n in range(11))) is Stake.COUNT
    assert stake("prod1") is Stake.COUNT
    assert draft.wide_stake(1) is Stake.YES


def test_the_preview_names_the_nodes_the_data_and_the_equivalent_line() -> None:
    nodes = known(node("ship1"), node("ship2", "offline"))
    resolved = Resolved(nodes=["ship1", "ship2"], unseen=["ship9"])
    typed = Draft(to="ship* ship9", text="df -h | sort")
    text = "\n".join(plain(one) for one in preview.lines(typed, resolved, nodes, 76))
    for expected in (
        "3 of 2 nodes, 2 not online",
        "● ship1",
        "○ ship2",
        "ship9 was never seen",
        '["df", "-h", "|", "sort"]',
        "no shell reads '|'",
        "steward send 'ship*,ship9' -- df -h '|' sort",
        "asks once more",
    ):
        assert expected in text
