"""Node names, and every subject: all subjects are made and taken apart here."""

from __future__ import annotations

import re
from typing import NamedTuple, NewType

from steward.errors import InvalidMessage

NodeName = NewType("NodeName", str)
Subject = NewType("Subject", str)

_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}")


def node_name(text: str) -> NodeName:
    """Check a node's name. Raises InvalidMessage: it has to be one token of a subject."""
    if not isinstance(text, str) or not _NAME.fullmatch(text):
        raise InvalidMessage(
            f"{text!r} is not a node name",
            "1 to 63 letters, digits, '_' or '-'; no dot, space, '*' or '>'",
        )
    return NodeName(text)


class Address(NamedTuple):
    """The three tokens of a subject."""

    node: NodeName
    kind: str
    method: str


def subject(node: NodeName, kind: str, method: str) -> Subject:
    """``<node>.<kind>.<method>``, e.g. ``ship2.CommandACK.ShellCommand``."""
    return Subject(f"{node}.{kind}.{method}")


def parse(text: str) -> Address:
    """Take a subject apart. Raises InvalidMessage unless it has exactly three tokens."""
    parts = text.split(".")
    if len(parts) != 3 or not all(parts):
        raise InvalidMessage(f"{text!r} is not a subject", "<node>.<kind>.<method>")
    return Address(NodeName(parts[0]), parts[1], parts[2])


def everything_for(node: NodeName) -> str:
    """The one subscription of a node: an unknown method is refused, not ignored."""
    return f"{node}.*.*"


def inbox_prefix(node: NodeName) -> str:
    """Under which a node's own reply subjects lie; nobody else's reply is ever answered."""
    return f"_INBOX.{node}"
