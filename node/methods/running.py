"""Running: a best-effort word that a command has started; its Result proves it."""

from __future__ import annotations

from collections.abc import Sequence

from node.methods import Event, Method, Site
from node.outcomes import Started, told
from steward.message import Body, Kind
from steward.store import Tables


def check(body: Body) -> None:
    told(body, Started)


def handle(site: Site, tables: Tables, events: Sequence[Event]) -> None:
    for event in events:
        started = told(event.body, Started)
        tables.outbox.running(started.about, event.arrival.frm, started.started, site.now())


METHOD = Method(
    name="Running",
    kinds=frozenset({Kind.EVENT_NACK}),
    check=check,
    handle=handle,
    permitted_to_all=True,
)
