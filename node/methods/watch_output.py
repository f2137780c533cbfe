"""WatchOutput: somebody watches what a command writes, for the next while.

``data`` is ``[ID, TOKEN]``: its output goes to ``_INBOX.<sender>.output.TOKEN``. Another token
begins anew. Everybody watches their own; it is said again as long as it is true.
"""

from __future__ import annotations

from collections.abc import Sequence

from node.methods import Event, Method, Site
from steward.errors import Refused
from steward.message import Body, Kind, MessageId
from steward.store import Tables
from steward.subjects import is_token


def check(body: Body) -> None:
    if len(body.data) != 2 or not is_token(body.data[1]):
        raise Refused("data is not [ID, TOKEN]", "a token has letters, digits, '_' and '-'")


def handle(site: Site, tables: Tables, events: Sequence[Event]) -> None:
    for event in events:
        id, token = event.body.data
        site.watch_output(tables, MessageId(id), event.arrival.frm, token)


METHOD = Method(
    name="WatchOutput",
    kinds=frozenset({Kind.EVENT_NACK}),
    check=check,
    handle=handle,
    permitted_to_all=True,
)
