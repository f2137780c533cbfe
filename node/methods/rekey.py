"""Rekey: a node tells central of its new keys, in a letter that it has signed with the old one.

The data is as in Join: facts, and a signature with each of the new keys.
"""

from __future__ import annotations

from collections.abc import Sequence

from node.methods import Event, Method, Site
from steward.errors import Refused
from steward.message import Kind
from steward.store import Tables


def handle(site: Site, tables: Tables, events: Sequence[Event]) -> None:
    if site.registrar is None:
        raise Refused(f"{site.name} certifies no keys", "only central with keys does")
    for event in events:
        site.registrar.changed(tables, event)


METHOD = Method(
    name="Rekey", kinds=frozenset({Kind.EVENT_ACK}), handle=handle, permitted_to_all=True
)
