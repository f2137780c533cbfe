"""Node names, and every subject: all subjects are made and taken apart here."""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple, NewType

from steward.errors import InvalidMessage

NodeName = NewType("NodeName", str)
Subject = NewType("Subject", str)

LONGEST = 400
"""Subject, reply and sizes have to fit a control line, which has 1,024 bytes on old brokers."""

_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}")
_RESERVED = ("_INBOX", "_JOIN")
"""First tokens of subjects that are no node's."""
_SUBJECT = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")


def node_name(text: str) -> NodeName:
    """Check a node's name. Raises InvalidMessage: it has to be one token of a subject."""
    if not isinstance(text, str) or not _NAME.fullmatch(text):
        raise InvalidMessage(
            f"{text!r} is not a node name",
            "1 to 63 letters, digits, '_' or '-'; no dot, space, '*' or '>'",
        )
    if text in _RESERVED:
        raise InvalidMessage(f"{text!r} is no node's name", "it begins subjects of another sort")
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


def inbox(node: NodeName, token: str) -> str:
    """One reply subject of a node."""
    return f"{inbox_prefix(node)}.{token}"


def inboxes(node: NodeName) -> str:
    """All of these; ``output`` is none of them, so that the broker knows of it only while somebody
    watches."""
    return f"{inbox_prefix(node)}.*"


def output(follower: NodeName, token: str) -> str:
    """Where the output of a command that runs goes, while its sender follows it."""
    return f"{inbox_prefix(follower)}.output.{token}"


def joining(token: str) -> str:
    """Where a node that is not accepted yet proves its link to itself."""
    return f"_JOIN.{token}"


def token_of(*words: str) -> str:
    """One token of a subject for these words, whatever they hold and however long they are."""
    return hashlib.blake2b("\0".join(words).encode(), digest_size=16).hexdigest()


def is_token(text: str) -> bool:
    """Whether it may be one token of a subject."""
    return _NAME.fullmatch(text) is not None


def is_subject(text: str) -> bool:
    """Whether it may be published on: no wildcard, and nothing that ends a connection."""
    return len(text) <= LONGEST and _SUBJECT.fullmatch(text) is not None


def is_inbox_of(reply: str, sender: NodeName) -> bool:
    """Whether ``reply`` lies under the sender's own inbox prefix. No other is ever answered: a
    stranger could make this node publish where only this node may."""
    return reply.startswith(inbox_prefix(sender) + ".") and is_subject(reply)
