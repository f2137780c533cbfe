"""Ping: nothing but the question whether a node can be reached; its receipt is the answer."""

from __future__ import annotations

from collections.abc import Sequence

from node.methods import Event, Method, Site
from steward.errors import Refused
from steward.message import Body, Kind
from steward.store import Tables


def check(body: Body) -> None:
    if body.data:
        raise Refused(f"data has {len(body.data)} elements", "none: there is nothing to tell")


def handle(site: Site, tables: Tables, events: Sequence[Event]) -> None:
    """That it was taken is all."""


METHOD = Method(
    name="Ping",
    kinds=frozenset({Kind.EVENT_ACK}),
    check=check,
    handle=handle,
    permitted_to_all=True,
)
