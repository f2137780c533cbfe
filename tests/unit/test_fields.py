"""The fields of a message as somebody wrote them: what a command reads."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steward import fields
from steward.errors import InvalidMessage
from steward.message import Body, Defaults, Kind, Message, check

METHODS = {"ShellCommand": frozenset({Kind.COMMAND_ACK})}
RAW = {"toNode": "ship1", "commandOrEvent": "CommandACK", "method": "ShellCommand", "id": "a"}


def made(**more: Any) -> Message:
    return check({**RAW, "data": ["cat"], **more}, Defaults(), METHODS)


@given(st.binary(max_size=200))
def test_whatever_bytes_are_given_arrive_in_the_body(content: bytes) -> None:
    message = made(stdinB64=base64.b64encode(content).decode())
    assert message.stdin == content
    assert msgspec.json.decode(message.body(), type=Body).stdin_bytes == content


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_the_same_as_text_is_the_same_message(content: str) -> None:
    coded = made(stdinB64=base64.b64encode(content.encode()).decode())
    assert made(stdin=content) == coded
    assert made(stdin=content).digest() == coded.digest()


def test_it_is_part_of_what_makes_two_messages_the_same() -> None:
    assert made(stdin="a").digest() != made(stdin="b").digest() != made().digest()
    assert made(stdin="", stdinB64=None) == made(stdin=None) == made()


def test_a_message_without_it_has_the_digest_that_older_stores_know() -> None:
    assert made().digest().hex() == "09ac6fa53236ded8f52fec165b761805"


@pytest.mark.parametrize(
    "given",
    [
        {"stdin": 5}, {"stdin": ["a"]}, {"stdin": "\ud800"}, {"stdin": "a", "stdinB64": ""},
        {"stdinB64": "a"}, {"stdinB64": "YQ==\n"}, {"stdinB64": "ä"}, {"stdinB64": 5},
    ],
)  # fmt: skip
def test_what_is_none_is_refused_by_name(given: dict[str, Any]) -> None:
    with pytest.raises(InvalidMessage, match="stdin"):
        made(**given)


@pytest.mark.parametrize("secret", [True, False])
def test_what_stands_for_a_secret_is_no_data(secret: bool) -> None:
    with pytest.raises(InvalidMessage, match="not kept"):
        made(data=["(secret)"], secret=secret)


@pytest.mark.parametrize("value", ["yes", 1, None, []])
def test_a_secret_is_marked_by_true_or_false(value: object) -> None:
    with pytest.raises(InvalidMessage, match="secret is"):
        made(secret=value)


def test_bytes_count_towards_the_size_of_a_message() -> None:
    with pytest.raises(InvalidMessage, match="bytes, more than"):
        made(stdin="x" * 524_288)
    assert len(made(stdinB64=base64.b64encode(bytes(380_000)).decode()).body()) < 512 * 1024


def test_the_shorter_form_is_taken() -> None:
    assert fields.as_text(b"plain") == ("plain", b"")
    assert fields.as_text(bytes(100)) == ("", bytes(100))
    assert fields.as_text(b"\xff") == ("", b"\xff")
