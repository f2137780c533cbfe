"""Composing: what is typed becomes messages, and a command line that does exactly the same."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steward.cli import send as cli
from steward.errors import InvalidMessage
from steward.message import Defaults, Kind, check
from tui import draft
from tui.draft import Draft

names = st.from_regex(r"[A-Za-z0-9_-]{1,8}", fullmatch=True)
targets = st.one_of(names, st.sampled_from(["ship*", "env=prod", "@fleet", "s[1-3]", "--", "-x"]))
words = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8))
durations = st.sampled_from(["", "5", "1.5", "90s", "10m", "2h", "7d", " 3 "])


@st.composite
def drafts(make: st.DrawFn) -> Draft:
    """Whatever can be sent."""
    method = make(st.sampled_from(list(draft.METHODS)))
    texts: dict[str, st.SearchStrategy[str]] = {
        "ShellCommand": words.filter(bool).map(shlex.join),
        "TextLogging": st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1),
        "ListProcesses": st.sampled_from(["", "publisher ship1.CommandACK.ShellCommand"]),
        "Ping": st.just(""),
    }
    return Draft(
        to=",".join(make(st.lists(targets, min_size=1, max_size=4))),
        method=method,
        text=make(texts[method]),
        kind=make(st.sampled_from(["", *draft.METHODS[method].kinds])),
        timeout=make(durations),
        retries=make(st.sampled_from(["", "0", "3"])),
        ttl=make(durations),
        method_timeout=make(durations),
        parallel=make(st.booleans()),
    )


def parsed(words: Sequence[str]) -> tuple[str, dict[str, Any], str]:
    """(nodes, message, state folder): what the real command makes of its arguments."""
    context = cli.send.make_context("send", list(words))
    given_args = dict(context.params)
    nodes, args = given_args.pop("nodes"), given_args.pop("args")
    return nodes, cli._message(args, given_args), str(given_args["state_dir"])


@settings(deadline=None)
@given(drafts())
def test_the_command_line_says_exactly_the_same(given_draft: Draft) -> None:
    (message,) = draft.messages(given_draft, ["a"])
    line = draft.command_line(given_draft, ("--state-dir", "/srv/a b"))
    steward, send, *arguments = in_a_shell([line])[0]
    assert (steward, send) == ("steward", "send")
    nodes, sent, folder = parsed(arguments)
    assert nodes.split(",") == given_draft.targets
    assert {"toNode": "a", **sent} == message
    assert folder == "/srv/a b"


def in_a_shell(lines: Sequence[str]) -> list[list[str]]:
    """The words that a real shell makes of each line."""
    script = "".join(f"printf '%s\\0' {line}; printf '\\1\\0'\n" for line in lines)
    done = subprocess.run(["bash", "-c", script], capture_output=True, check=True)
    found = done.stdout.decode().split("\0")[:-1]
    out: list[list[str]] = [[]]
    for word in found:
        if word == "\1":
            out.append([])
        else:
            out[-1].append(word)
    return out[:-1]


@given(words.filter(bool))
def test_a_line_that_shows_everything_splits_back_into_the_data(typed: list[str]) -> None:
    if all(draft.quoted(word) == shlex.quote(word) for word in typed):
        line = draft.command_line(Draft(to="ship1", text=shlex.join(typed)))
        assert shlex.split(line)[4:] == typed


def test_what_cannot_be_seen_is_written_as_a_number() -> None:
    assert draft.quoted("a b") == "'a b'"
    assert draft.quoted("it's\tdone\n") == r"$'it\'s\tdone\n'"
    assert draft.quoted("\x1b[2J\u202e") == r"$'\033[2J\342\200\256'"


def test_a_command_is_split_as_a_shell_splits() -> None:
    assert draft.data(Draft(text="sh -c 'echo a; exit 3' \"b c\"")) == [
        "sh",
        "-c",
        "echo a; exit 3",
        "b c",
    ]


def test_each_method_has_its_own_field() -> None:
    assert draft.data(Draft(method="TextLogging", text="refuelled, 3 t")) == ["refuelled, 3 t\n"]
    assert draft.data(Draft(method="ListProcesses")) == []
    assert draft.data(Draft(method="ListProcesses", text=" a b ")) == ["start", "a b"]
    assert draft.data(Draft(method="Ping", text="left over")) == []


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("echo 'oops", "close the quote"),
        ("echo \\", "nothing follows the last"),
        ("  ", "no command yet"),
        ("a\0b", "NUL"),
        ("a\ud800b", "half a character"),
    ],
)
def test_what_is_no_command_says_what_is_missing(typed: str, said: str) -> None:
    with pytest.raises(InvalidMessage, match=said):
        draft.data(Draft(text=typed))


@pytest.mark.parametrize(
    ("typed", "sign"),
    [("df -h | sort", "'|'"), ("echo $HOME", "'$'"), ("a && b", "'&&'"), ("x 2> y", "'>'")],
)
def test_signs_that_no_shell_will_read_are_pointed_out(typed: str, sign: str) -> None:
    assert draft.no_shell(Draft(text=typed)).startswith(f"no shell reads {sign}")


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


@given(drafts())
def test_what_is_composed_is_what_the_daemon_takes(given_draft: Draft) -> None:
    methods = {name: frozenset(map(Kind, m.kinds)) for name, m in draft.METHODS.items()}
    (message,) = draft.messages(given_draft, ["ship1"])
    assert check(message, Defaults(), methods).to == "ship1"


@pytest.mark.parametrize("field", ["timeout", "retries", "ttl", "method_timeout"])
def test_an_option_that_is_none_names_itself(field: str) -> None:
    with pytest.raises(InvalidMessage, match=field.replace("_", " ")):
        draft.options(replace(Draft(), **{field: "soon"}))  # type: ignore[arg-type]  # all are text
