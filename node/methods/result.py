"""Result: the outcome of a command, from the node that ran it to the one that asked."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from node.methods import Event, Method, Site
from node.outcomes import Outcome, RunResult, told
from steward.errors import Refused
from steward.message import FINAL, Body, Kind, State
from steward.store import Tables

_NOT_AN_OUTCOME = {State.PUBLISHED, State.UNDELIVERED, State.UNKNOWN}


def check(body: Body) -> None:
    outcome = told(body, Outcome)
    if outcome.state not in FINAL - _NOT_AN_OUTCOME:
        raise Refused(f"{outcome.state} is not how a command ends")
    try:
        msgspec.convert(outcome.result, RunResult | None)
    except msgspec.ValidationError as error:
        raise Refused(f"data[0] holds no result: {error}") from None


def handle(site: Site, tables: Tables, events: Sequence[Event]) -> None:
    for event in events:
        outcome = told(event.body, Outcome)
        facts = msgspec.to_builtins(outcome)
        tables.outbox.settle_result(outcome.about, event.arrival.frm, facts, site.now())


METHOD = Method(
    name="Result",
    kinds=frozenset({Kind.EVENT_ACK}),
    check=check,
    handle=handle,
    permitted_to_all=True,
)
