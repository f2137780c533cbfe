"""SayHello: a node's sign of life. ``data[0]``: its facts as JSON."""

from __future__ import annotations

from collections.abc import Sequence

from node.methods import Event, Method, Site
from node.outcomes import Hello, told
from steward.message import Body, Kind
from steward.store import Tables


def check(body: Body) -> None:
    told(body, Hello)


def handle(site: Site, tables: Tables, events: Sequence[Event]) -> None:
    for event in events:
        site.on_hello(tables, event)


METHOD = Method(
    name="SayHello",
    kinds=frozenset({Kind.EVENT_NACK}),
    check=check,
    handle=handle,
    permitted_to_all=True,
)
