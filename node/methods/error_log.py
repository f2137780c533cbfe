"""ErrorLog: what failed on a node, kept by the node that logs errors."""

from __future__ import annotations

from collections.abc import Sequence

from node.methods import Event, Method, Site
from node.outcomes import ErrorFacts, told
from steward.handoff.state import Now
from steward.message import Body, Kind, MessageId
from steward.store import Tables
from steward.subjects import NodeName


def check(body: Body) -> None:
    told(body, ErrorFacts)


def handle(site: Site, tables: Tables, events: Sequence[Event]) -> None:
    for event in events:
        keep(tables, event.arrival.frm, told(event.body, ErrorFacts), site.now())


def keep(tables: Tables, node: NodeName, facts: ErrorFacts, now: Now) -> None:
    """One more row of the error log, or one more of the same."""
    tables.records.add_error(
        node, facts.code, facts.text, facts.hint, now,
        level=facts.level, time=facts.time or None, count=facts.count,
        message_id=MessageId(facts.message_id) if facts.message_id else None,
    )  # fmt: skip


METHOD = Method(
    name="ErrorLog",
    kinds=frozenset({Kind.EVENT_ACK, Kind.EVENT_NACK}),
    check=check,
    handle=handle,
    permitted_to_all=True,
)
