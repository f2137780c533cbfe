"""PURE: what a screen wants kept fresh, and the conversation through which it is asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
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
    """What the screen in front shows; nothing else is read."""

    nodes: bool = False
    node: str | None = None
    messages: Query | None = None
    message: str | None = None
    errors: Query | None = None
    jobs: Query | None = None
    job: str | None = None
    health: bool = False
    follow: str | None = None
    """The message whose output is to come while it runs."""

    def topics(self) -> Iterator[str]:
        """The names of the parts that are wanted, in the order in which they are read."""
        for part in fields(self):
            if part.name != "follow" and getattr(self, part.name) not in (None, False):
                yield part.name
