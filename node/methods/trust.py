"""Trust: central tells which keys hold, and which no more.

``data``: its statements, each signed; they are learned in the commit that takes the message.
"""

from __future__ import annotations

from collections.abc import Sequence

from node.methods import Event, Method, Site, needs_data
from steward.errors import Refused
from steward.message import Body, Kind
from steward.store import Tables


def check(body: Body) -> None:
    needs_data(body, "what central says of keys, a statement each")


def handle(site: Site, tables: Tables, events: Sequence[Event]) -> None:
    if site.enrolment is None:
        raise Refused(f"{site.name} has no keys", "steward keys join")
    for event in events:
        site.enrolment.told(tables, event)


METHOD = Method(
    name="Trust",
    kinds=frozenset({Kind.EVENT_ACK}),
    check=check,
    handle=handle,
    permitted_to_all=True,
)
