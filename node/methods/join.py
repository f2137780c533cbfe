"""Join: a node that nobody knows yet introduces itself to central.

What it says is signed by itself: the facts as JSON, and a signature with each of the keys that they
name.
"""

from __future__ import annotations

from collections.abc import Sequence

from node.methods import Event, Method, Site
from steward.errors import Refused
from steward.message import Kind
from steward.store import Tables


def handle(site: Site, tables: Tables, events: Sequence[Event]) -> None:
    if site.registrar is None:
        raise Refused(f"{site.name} accepts no nodes", "only central with keys does")
    for event in events:
        site.registrar.introduced(tables, event)


METHOD = Method(
    name="Join", kinds=frozenset({Kind.EVENT_NACK}), handle=handle, permitted_to_all=True
)
