"""What a node is at the broker: itself, or one that is not accepted yet and only asks to be."""

from __future__ import annotations

import ssl
from dataclasses import dataclass

from steward.access import Access
from steward.loopback import Loopback
from steward.subjects import NodeName, everything_for, inboxes, joining, subject, token_of


@dataclass(frozen=True)
class Role:
    """``messages`` and ``replies``: what it listens to; ``says``: the one subject that it may
    publish on, empty: all that the broker allows."""

    access: Access
    context: ssl.SSLContext | None
    loopback: Loopback
    messages: tuple[str, ...]
    replies: tuple[str, ...] = ()
    says: str = ""

    @property
    def heard(self) -> tuple[str, ...]:
        return self.messages + self.replies


def role(
    node: NodeName, inbox: str, access: Access, joining_to: NodeName | None, *, tls: bool
) -> Role:
    """``joining_to``: the central that has not accepted this node yet. Raises ConfigError: the
    access cannot be used."""
    context = access.context() if tls else None
    if joining_to is None:
        loopback = Loopback(node, inbox)
        return Role(access, context, loopback, (everything_for(node),), (inboxes(node),))
    own = joining(token_of(node, inbox))
    heard = (subject(node, "EventNACK", "Joined"), own)
    says = subject(joining_to, "EventNACK", "Join")
    return Role(access, context, Loopback(node, inbox, own), heard, says=says)
