"""Who handed a message in: told by the system, carried in the body, never taken from its author."""

from __future__ import annotations

import os
import pwd

import msgspec
import pytest

from node import answers
from steward import operators
from steward.errors import InvalidMessage
from steward.inbox import Command, Stage
from steward.message import Body, Defaults, Kind, Message, MessageId, Operator, check
from steward.subjects import NodeName

METHODS = {"ShellCommand": frozenset({Kind.COMMAND_ACK})}
RAW = {"toNode": "ship1", "commandOrEvent": "CommandACK", "method": "ShellCommand", "id": "a"}
ANN = Operator("ann", 1000)


def made(operator: Operator = ANN, **more: object) -> Message:
    return check({**RAW, "data": ["uptime"], **more}, Defaults(), METHODS, operator=operator)


def command(body: bytes) -> Command:
    return Command(
        1, NodeName("central"), "s", "i", made().subject, 1, MessageId("a"), None, None, False,
        body, Stage.RECEIVED, False, 0.0, None, "", None,
    )  # fmt: skip


def test_it_travels_in_the_body_and_is_left_out_where_nobody_can_tell() -> None:
    assert msgspec.json.decode(made().body()) == {
        "data": ["uptime"], "operator": "ann", "operatorUid": 1000,
    }  # fmt: skip
    assert msgspec.json.decode(made(Operator()).body()) == {"data": ["uptime"]}


@pytest.mark.parametrize("key", ["operator", "operatorUid", "uid"])
def test_its_author_cannot_name_it(key: str) -> None:
    with pytest.raises(InvalidMessage, match=f"unknown key '{key}'"):
        check({**RAW, "data": ["uptime"], key: "root"}, Defaults(), METHODS, operator=ANN)


def test_the_same_message_from_another_operator_is_the_same_message() -> None:
    assert made().digest() == made(Operator("bob", 1001)).digest()


def test_a_body_of_an_older_steward_names_none() -> None:
    body = msgspec.json.decode(b'{"data":["uptime"]}', type=Body)
    assert (body.operator, body.operator_uid) == ("", None)


@pytest.mark.parametrize("name", ["a\nb", "a\0b", "\x1b[31m", "x" * 257])
def test_a_name_that_no_environment_can_hold_makes_the_body_malformed(name: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode({"operator": name}), type=Body)


@pytest.mark.parametrize(
    ("operator", "told"), [(ANN, "ann"), (Operator("", 1234), "1234"), (Operator(), None)]
)
def test_a_command_finds_it_in_its_environment(operator: Operator, told: str | None) -> None:
    found = answers.environment(NodeName("ship1"), command(made(operator).body()))
    assert found.get("STEWARD_OPERATOR") == told


async def test_a_uid_is_looked_up_in_the_user_database() -> None:
    me = os.getuid()
    assert await operators.operator(me) == (pwd.getpwuid(me).pw_name, me)
    assert await operators.operator(3_999_999_999) == ("", 3_999_999_999)
    assert await operators.operator(None) == Operator()
