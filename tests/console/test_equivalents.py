"""Rows as command lines: a shell reads out of them exactly what was sent."""

from __future__ import annotations

import shutil
import subprocess
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steward.cli.send import send as send_command
from steward.text import safe
from tests.console.world import error, message, node
from tui import equivalents, rows

BASH = shutil.which("bash")


def row(**more: Any) -> rows.MessageRow:
    one = message(0, "ship1", "failed", ["uname", "-a"])
    return rows.read(rows.MessageRow, one | more)


def test_a_message_is_sent_again_with_all_that_it_had() -> None:
    one = row(retries=5, ttl=7200.0, methodTimeout=1.5, parallel=True, timeout=3.0)
    assert equivalents.send(one) == (
        "steward send ship1 --timeout 3 --retries 5 --ttl 7200 --method-timeout 1.5 --parallel"
        " -- uname -a"
    )
    logged = row(method="TextLogging", commandOrEvent="EventACK", timeout=None, data=["it's\n"])
    assert equivalents.send(logged) == (
        "steward send ship1 --kind EventACK --method TextLogging -- $'it\\'s\\x0a'"
    )
    where = ("--state-dir", "/srv/s t")
    assert "--state-dir '/srv/s t'" in equivalents.send(one, where)


def test_its_flags_are_those_that_send_takes() -> None:
    one = row(retries=1, ttl=1.0, methodTimeout=1.0, parallel=True, commandOrEvent="EventACK",
              method="Cancel")  # fmt: skip
    known = {flag for option in send_command.params for flag in option.opts}
    assert {w for w in equivalents.send(one).split(" -- ")[0].split() if w[:2] == "--"} <= known


def test_messages_that_differ_in_their_node_alone_share_a_line() -> None:
    one, two = row(), rows.read(rows.MessageRow, message(1, "ship2", "failed", ["uname", "-a"]))
    other = rows.read(rows.MessageRow, message(2, "ship2", "failed", ["id"]))
    assert equivalents.sends([one, two, other]).splitlines() == [
        "steward send ship1,ship2 --timeout 10 -- uname -a",
        "steward send ship2 --timeout 10 -- id",
    ]
    assert equivalents.sends([]) == ""


def test_nodes_and_errors_are_shown() -> None:
    ships = [rows.read(rows.NodeRow, node(f"ship{n}")) for n in (1, 2)]
    assert equivalents.nodes(ships[:1]) == "steward nodes show ship1"
    assert equivalents.nodes(ships) == "steward nodes ls ship1 ship2"
    assert equivalents.nodes([]) == ""
    failed = [rows.read(rows.ErrorRow, error(n, "ship1", "error", "x", "")) for n in (1, 2)]
    assert equivalents.errors(failed) == "steward errors ls --node ship1"


@pytest.mark.skipif(BASH is None, reason="bash is what reads $'…' here")
@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), max_size=5))
def test_a_shell_reads_the_same_words_and_a_terminal_nothing(words: list[str]) -> None:
    line = equivalents.joined(words)
    assert safe(line) == line
    script = f"printf '%s\\0' {line}" if words else "true"
    done = subprocess.run([BASH or "bash", "-c", script], capture_output=True, check=True)
    assert done.stdout.split(b"\0")[:-1] == [word.encode() for word in words]
