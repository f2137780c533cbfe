"""What a message can ask for: one file a method, found by its file. Adding a method is adding one.

Each module has one ``METHOD``. An event's ``handle`` does its work inside the transaction that
accepts it. A command names a ``program`` for the runner, or the daemon ``answer``s it itself.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from steward.errors import Refused
from steward.handoff.state import Arrival, Now
from steward.message import Body, Kind, MessageId
from steward.store import Tables
from steward.subjects import NodeName, Subject

COMMANDS = frozenset({Kind.COMMAND_ACK, Kind.COMMAND_NACK})
EVENTS = frozenset({Kind.EVENT_ACK, Kind.EVENT_NACK})


class Event(NamedTuple):
    """An arrived event with its decoded body."""

    arrival: Arrival
    body: Body


class Enrolled(Protocol):
    """How a node hears whose key holds; in the store's thread. Each raises Refused."""

    def answered(self, tables: Tables, event: Event) -> None: ...

    def told(self, tables: Tables, event: Event) -> None: ...


class Office(Protocol):
    """What central does about keys; in the store's thread. Each raises Refused."""

    def introduced(self, tables: Tables, event: Event) -> None: ...

    def changed(self, tables: Tables, event: Event) -> None: ...


class Site(Protocol):
    """What a method may know and use of the node that it runs on."""

    name: NodeName
    state_dir: Path
    text_log_bytes: int
    text_log_files: int
    keeps_errors: bool

    def now(self) -> Now: ...

    def processes(self) -> list[dict[str, Any]]: ...

    def start_process(self, name: str) -> None: ...

    def on_hello(self, tables: Tables, event: Event) -> None: ...

    def has_queued(self, lane: Subject) -> object:
        """In the store's thread: the unit of work that is under way has put something there."""

    @property
    def enrolment(self) -> Enrolled | None:
        """None: there are no keys here."""

    @property
    def registrar(self) -> Office | None:
        """None: this is not central, or there are no keys."""

    def watch_output(self, tables: Tables, id: MessageId, frm: NodeName, token: str) -> None: ...

    async def read_output(
        self, id: str, frm: str, stream: str, offset: int, limit: int
    ) -> bytes: ...


Check = Callable[[Body], None]
Handle = Callable[[Site, Tables, Sequence[Event]], None]
Program = Callable[[Body], Sequence[str]]
Answer = Callable[[Site, NodeName, Body], Awaitable[bytes]]


def no_check(_body: Body) -> None:
    """Whatever the body holds is fine."""


@dataclass(frozen=True, kw_only=True)
class Method:
    """``check`` raises Refused for a body that the method cannot use; ``handle``, ``program`` and
    ``answer`` exclude each other. Events of one batch come from one sender, in order."""

    name: str
    kinds: frozenset[Kind]
    check: Check = no_check
    handle: Handle | None = None
    program: Program | None = None
    answer: Answer | None = None
    ends_commands: bool = False
    """Its work ends commands that wait here, or marks running ones to be killed."""
    permitted_to_all: bool = False
    """Needs no permit: it only ever concerns what its sender has asked for itself."""


def check_body(method: Method, body: Body) -> None:
    """Raises Refused for a body that the method cannot use."""
    if method.program is None and (body.secret or body.stdin or body.stdin_b64):
        what = "secrets" if body.secret else "stdin"
        raise Refused(f"{method.name} takes no {what}", "only what starts a program does")
    try:
        method.check(body)
    except Refused:
        if not body.secret:
            raise
        text = f"{method.name} cannot use this data: why is kept secret, like the data"
        raise Refused(text, "try it with other data and without secret") from None


def needs_data(body: Body, what: str) -> None:
    """Raises Refused for ``"data": []``."""
    if not body.data:
        raise Refused("data is empty", what)


def _load() -> Mapping[str, Method]:
    found: dict[str, Method] = {}
    for module in pkgutil.iter_modules(__path__):
        method: Method = importlib.import_module(f"{__name__}.{module.name}").METHOD
        found[method.name] = method
    return found


def registry() -> Mapping[str, Method]:
    """All methods, by name."""
    if not _METHODS:
        _METHODS.update(_load())
    return _METHODS


def permitted_to_all() -> list[str]:
    """The methods that need no permit."""
    return [name for name, method in registry().items() if method.permitted_to_all]


_METHODS: dict[str, Method] = {}
