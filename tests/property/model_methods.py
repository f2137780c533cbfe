"""What the ends of the model test can be asked: ``Work``, a command; ``Note``, an event whose work
is a row in the same database; and the product's own ``Result`` and ``Cancel``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from node.methods import COMMANDS, EVENTS, Event, Method, Site, registry
from node.reception import Reception
from steward.errors import Refused
from steward.message import Body
from steward.store import Tables

if TYPE_CHECKING:
    from tests.property.model_daemon import ModelDaemon

WORK_TABLE = "CREATE TABLE work (n INTEGER PRIMARY KEY, id TEXT, queue TEXT, seq INTEGER)"
BAD, POISON = "bad", "poison"
"""Data that is refused on arrival; that the handler of an event cannot bear."""


def check(body: Body) -> None:
    if body.data[:1] == (BAD,):
        raise Refused("bad", "send something else")


def note(_site: Site, t: Tables, events: Sequence[Event]) -> None:
    for event in events:
        a = event.arrival
        queue = f"{a.frm} {a.store} {t.identity.store_id} {a.subject}"
        t.shared.con.execute(
            "INSERT INTO work (id, queue, seq) VALUES (?, ?, ?)", (a.id, queue, a.seq)
        )
        if event.body.data[:1] == (POISON,):
            raise Refused("no handler bears this")


def hello(site: Site, t: Tables, events: Sequence[Event]) -> None:
    end = cast("ModelDaemon", site)
    for event in events:
        a, start = event.arrival, event.body.data[0]
        end.wake(end.core.sender.on_hello(t.outbox, a.frm, start, a.store, end.now()))


METHODS = {
    "SayHello": Method(name="SayHello", kinds=EVENTS, handle=hello),
    "Work": Method(name="Work", kinds=COMMANDS, check=check, program=lambda body: body.data),
    "Note": Method(name="Note", kinds=EVENTS, check=check, handle=note),
}


def reception(end: ModelDaemon) -> Reception:
    """The daemon's own, with these methods beside the real ones."""
    made = Reception(cast(Site, end), _nobody, _nobody)
    made._methods = {**registry(), **METHODS}
    return made


def _nobody(*_: Any, **__: Any) -> None:
    """Everything is permitted, and nobody reads what an end reports of itself."""
