"""PURE: what a screen wants kept fresh, and the conversation through which it is asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, fields
from typing import Any, Protocol


class Note(Protocol):
    """What a daemon says unasked: ``changed``, or ``output``."""

    @property
    def method(self) -> str: ...

    @property
    def params(self) -> dict[str, Any]: ...


class Client(Protocol):
    """A conversation with one daemon (``steward.control.client.ControlClient``)."""

    async def call(self, method: str, /, **params: Any) -> Any:
        """The answer. Raises the StewardError that the daemon named; NoDaemon if it is gone."""
        ...

    def notifications(self) -> AsyncIterator[Note]:
        """What the daemon tells after ``watch``; ends or raises NoDaemon when it is gone."""
        ...


NO_TOPICS = ("follow", "job_settled", "job_open")
"""Parts of the wants that say how, and not what, to read."""
Connect = Callable[[], AbstractAsyncContextManager[Client]]


@dataclass(frozen=True)
class Query:
    """Which messages or errors: parameters of the call, in a form that can be compared."""

    params: tuple[tuple[str, Any], ...] = ()

    @classmethod
    def of(cls, **params: Any) -> Query:
        """A query of those parameters that are set; lists become tuples."""
        kept = {k: tuple(v) if isinstance(v, list) else v for k, v in params.items() if v}
        return cls(tuple(sorted(kept.items())))

    def call(self) -> dict[str, Any]:
        """The parameters as the socket takes them."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in self.params}


@dataclass(frozen=True)
class Wants:
    """What the screen in front shows; nothing else is read. ``nodes``: every screen says something
    of nodes, so the roster is always kept fresh, by what changes in it."""

    nodes: bool = True
    node: str | None = None
    messages: Query | None = None
    sight: tuple[str, ...] = ()
    """Messages on the screen that can still change, and are older than the newest page."""
    message: str | None = None
    errors: Query | None = None
    jobs: Query | None = None
    job: str | None = None
    samples: tuple[str, ...] = ()
    """Messages to read once, each for a group of the job that is in sight."""
    health: bool = False
    pending: bool = False
    """Who waits to be accepted, at once; elsewhere within seconds."""
    job_settled: frozenset[str] = frozenset()
    """Samples of the job that are known and will not change."""
    job_open: frozenset[str] | None = None
    """The job's messages that can still change; None: not known yet."""
    follow: str | None = None
    """The message whose output is to come while it runs."""

    def topics(self) -> Iterator[str]:
        """The names of the parts that are wanted, in the order in which they are read."""
        for part in fields(self):
            if part.name in NO_TOPICS:
                continue
            if getattr(self, part.name) not in (None, False, ()):
                yield part.name

    def concerns_job(self, ids: Collection[str] | None) -> bool:
        """Whether the job may have changed when these messages have (None: any may have)."""
        return ids is None or self.job_open is None or not self.job_open.isdisjoint(ids)
