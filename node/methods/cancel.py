"""Cancel: end a command that waits or runs here. ``data[0]``: its id; everybody ends their own."""

from __future__ import annotations

from collections.abc import Sequence

from node.execution import end
from node.methods import Event, Method, Site
from node.outcomes import Outcome
from steward.errors import Refused
from steward.message import Body, Kind, MessageId, State
from steward.store import Tables


def check(body: Body) -> None:
    if len(body.data) != 1:
        raise Refused(f"data has {len(body.data)} elements", "one: the id of a command")


def handle(site: Site, tables: Tables, events: Sequence[Event]) -> None:
    """A waiting command ends in this commit; a running one is flagged for the executor."""
    for event in events:
        id = MessageId(event.body.data[0])
        waiting, _running = tables.inbox.cancel(id, event.arrival.frm)
        for command in waiting:
            reason = "cancelled while it waited"
            outcome = Outcome(about=command.id, state=State.CANCELLED, reason=reason)
            result = end(tables, command, outcome, site.now())
            if result is not None:
                site.has_queued(result)


METHOD = Method(
    name="Cancel",
    kinds=frozenset({Kind.EVENT_ACK}),
    check=check,
    handle=handle,
    ends_commands=True,
    permitted_to_all=True,
)
