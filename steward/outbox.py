"""What this node sends: messages, lanes, streams out and peers (the SQL behind ``Sending``)."""

from __future__ import annotations

from typing import NamedTuple

from steward.message import Defaults, Kind, Message, MessageId, State
from steward.subjects import NodeName


class Accepted(NamedTuple):
    """The answer to one message of a submit."""

    id: MessageId
    duplicate: bool = False
    """The same message was accepted before: nothing was stored."""
    new_node: bool = False
    """Nothing was ever heard of its node: the name may be mistyped."""


RESULTS = frozenset(
    {
        State.SUCCEEDED,
        State.FAILED,
        State.TIMED_OUT,
        State.CANCELLED,
        State.EXPIRED,
        State.INTERRUPTED,
    }
)
"""How a command ends at the node that it reached."""


def cancel_message(id: MessageId, target: MessageId, to: NodeName) -> Message:
    """The message that ends ``target`` where it waits or runs."""
    return Message(
        id=id,
        to=to,
        kind=Kind.EVENT_ACK,
        method="Cancel",
        data=(target,),
        timeout=Defaults().timeout,
        retries=0,
    )
