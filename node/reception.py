"""The node's word on what arrives: is it known, permitted, well formed? And the events' work."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import msgspec

from node.methods import Event, Method, Site, check_body, registry
from steward import subjects
from steward.errors import InvalidMessage, Refused, StewardError, StoreFull, nearest
from steward.frames import Verdict
from steward.handoff.receiver import Admission
from steward.handoff.state import Arrival
from steward.message import MAX_MESSAGE_BYTES, Body, Kind, State
from steward.store import Tables

log = logging.getLogger(__name__)

_body = msgspec.json.Decoder(Body)
Report = Callable[..., None]
Permit = Callable[[Arrival, Body], None]


class Reception:
    """Admits messages and does the work of events, always inside the caller's transaction."""

    def __init__(self, site: Site, permit: Permit, report: Report) -> None:
        """``permit`` raises Refused for what is not permitted."""
        self._site = site
        self._permit = permit
        self._report = report
        self._methods = registry()

    def admit(self, arrival: Arrival) -> Admission:
        """Whether the message may be taken. No side effect."""
        kind = subjects.parse(arrival.subject).kind
        is_command = kind in (Kind.COMMAND_ACK, Kind.COMMAND_NACK)
        try:
            self._check(arrival)
        except StewardError as error:
            return Admission(Verdict(state=State.REFUSED, reason=str(error)), is_command)
        return Admission(None, is_command)

    def _check(self, arrival: Arrival) -> None:
        """Raises Refused with the reason and what to do."""
        _node, kind_name, name = subjects.parse(arrival.subject)
        method = self._methods.get(name)
        if method is None:
            raise Refused(f"unknown method {name!r}", nearest(name, self._methods))
        try:
            kind = Kind(kind_name)
        except ValueError:
            hint = nearest(kind_name, [str(k) for k in Kind])
            raise Refused(f"unknown kind {kind_name!r}", hint) from None
        if kind not in method.kinds:
            raise Refused(
                f"{name} is not taken as {kind}", f"use {', '.join(sorted(method.kinds))}"
            )
        if len(arrival.body) > MAX_MESSAGE_BYTES:
            raise Refused(f"the message has {len(arrival.body):,} bytes", "512 KiB at most")
        body = decoded(arrival)
        if not method.permitted_to_all:
            self._permit(arrival, body)
        check_body(method, body)

    def handle(self, tables: Tables, arrivals: Sequence[Arrival]) -> list[Verdict | None]:
        """Do the work of admitted events of one frame. What a handler can't do is refused, alone;
        only a full disk lets the whole frame wait."""
        method = self._methods[subjects.parse(arrivals[0].subject).method]
        events = [Event(a, decoded(a)) for a in arrivals]
        try:
            self._work(tables, method, events)
        except (StoreFull, OSError):
            raise
        except Exception as error:
            if len(events) > 1:
                return [self.handle(tables, [a])[0] for a in arrivals]
            return [self._poison(arrivals[0], method, error)]
        return [None] * len(events)

    def _work(self, tables: Tables, method: Method, events: list[Event]) -> None:
        if method.handle is None:
            raise Refused(f"{method.name} handles no events")
        with tables.savepoint():
            method.handle(self._site, tables, events)

    def _poison(self, arrival: Arrival, method: Method, error: Exception) -> Verdict:
        if isinstance(error, StewardError):
            return Verdict(state=State.REFUSED, reason=str(error))
        log.error("%s cannot handle %s", method.name, arrival.id, exc_info=error)
        text = f"{method.name} failed on message {arrival.id} from {arrival.frm}: {error!r}"
        if method.name != "ErrorLog":
            self._report("handler_failed", text, message_id=arrival.id)
        return Verdict(state=State.REFUSED, reason=text)


def decoded(arrival: Arrival) -> Body:
    """The message's body. Raises Refused."""
    try:
        return _body.decode(arrival.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(f"malformed: {error}") from None


def check_at_home(method: str, body: Body) -> None:
    """What this node's own method would say to a message that is about to be sent: the sender
    hears it at once. Raises InvalidMessage."""
    try:
        check_body(registry()[method], body)
    except Refused as refusal:
        raise InvalidMessage(refusal.text, refusal.hint) from None
