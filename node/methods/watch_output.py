"""WatchOutput: somebody watches what a command writes, for the next while. ``data[0]``: its id.

Everybody watches their own; it is said again as long as it is true.
"""

from __future__ import annotations

from collections.abc import Sequence

from node.methods import Event, Method, Site
from steward.errors import Refused
from steward.message import Body, Kind, MessageId
from steward.store import Tables


def check(body: Body) -> None:
    if len(body.data) != 1:
        raise Refused(f"data has {len(body.data)} elements", "one: the id of a command")


def handle(site: Site, tables: Tables, events: Sequence[Event]) -> None:
    for event in events:
        site.watch_output(tables, MessageId(event.body.data[0]), event.arrival.frm)


METHOD = Method(
    name="WatchOutput",
    kinds=frozenset({Kind.EVENT_NACK}),
    check=check,
    handle=handle,
    permitted_to_all=True,
)
