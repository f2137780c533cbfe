"""Joined: central's answer to a node that has introduced itself.

``data`` is ``[STATE, KEY ID, STATEMENT…]``; with the state ``accepted`` come central's certificate
of the node's key, and what leads to it.
"""

from __future__ import annotations

from collections.abc import Sequence

from node.methods import Event, Method, Site
from steward.errors import Refused
from steward.message import Body, Kind
from steward.store import Tables


def check(body: Body) -> None:
    if len(body.data) < 2:
        raise Refused(f"data has {len(body.data)} elements", "a state, a key's id, statements")


def handle(site: Site, tables: Tables, events: Sequence[Event]) -> None:
    if site.enrolment is None:
        raise Refused(f"{site.name} has no keys", "steward keys join")
    for event in events:
        site.enrolment.answered(tables, event)


METHOD = Method(
    name="Joined",
    kinds=frozenset({Kind.EVENT_NACK}),
    check=check,
    handle=handle,
    permitted_to_all=True,
)
