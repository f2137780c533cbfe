"""ErrorLog: what failed on a node, kept by the node that logs errors."""

from __future__ import annotations

from collections.abc import Sequence

from node.methods import Event, Method, Site
from node.outcomes import ErrorFacts, told
from steward.errors import Refused
from steward.handoff.state import Now
from steward.message import Body, Kind
from steward.store import Tables
from steward.subjects import NodeName

MOST_TEXT = 4000
"""Characters kept of a text: a page of errors has to fit a line of the control socket."""


def check(body: Body) -> None:
    told(body, ErrorFacts)


def handle(site: Site, tables: Tables, events: Sequence[Event]) -> None:
    if not site.keeps_errors:
        raise Refused(f"{site.name} keeps no errors", "it needs --central-error-logger")
    for event in events:
        keep(tables, event.arrival.frm, told(event.body, ErrorFacts), site.now())


def keep(tables: Tables, node: NodeName, facts: ErrorFacts, now: Now) -> None:
    """One more row of the error log, or one more of the same."""
    tables.records.add_error(
        node, facts.code, facts.text[:MOST_TEXT], facts.hint[:MOST_TEXT], now,
        level=facts.level, time=facts.time or None, count=facts.count,
        message_ids=facts.message_ids,
    )  # fmt: skip


METHOD = Method(
    name="ErrorLog",
    kinds=frozenset({Kind.EVENT_ACK, Kind.EVENT_NACK}),
    check=check,
    handle=handle,
    permitted_to_all=True,
)
