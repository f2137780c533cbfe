"""What has changed, gathered for whoever watches, until the next time they are told."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, Final, Protocol

TOPICS: Final = ("messages", "nodes", "errors", "status")
MOST_IDS: Final = 1000
"""Message ids in one notification; of more it says that there were too many to name."""


class Touched(Protocol):
    """What a commit has changed: ids of messages, those of them that have come to an end, names of
    nodes, number of errors filed."""

    @property
    def messages(self) -> Collection[str]: ...
    @property
    def ends(self) -> Collection[str]: ...
    @property
    def nodes(self) -> Collection[str]: ...
    @property
    def errors(self) -> int: ...


class Watch:
    """One watcher's topics, and what has changed since it was told last."""

    def __init__(self, topics: Iterable[str], wake: Callable[[], None]) -> None:
        self.topics = frozenset(topics)
        self._wake = wake
        self._clear()

    def _clear(self) -> None:
        self._messages: set[str] | None = set()
        self._nodes: set[str] = set()
        self._errors = 0
        self._status = False

    def add(self, touched: Touched) -> None:
        if "messages" in self.topics and touched.messages and self._messages is not None:
            self._messages |= set(touched.messages)
            if len(self._messages) > MOST_IDS:
                self._messages = None
        if "nodes" in self.topics:
            self._nodes |= set(touched.nodes)
        if "errors" in self.topics:
            self._errors += touched.errors
        self._rouse()

    def add_nodes(self, names: Collection[str]) -> None:
        if "nodes" in self.topics:
            self._nodes |= set(names)
        self._rouse()

    def add_status(self) -> None:
        self._status = "status" in self.topics
        self._rouse()

    def _rouse(self) -> None:
        if self.pending:
            self._wake()

    @property
    def pending(self) -> bool:
        return self._messages != set() or bool(self._nodes or self._errors or self._status)

    def take(self) -> dict[str, Any]:
        """The parameters of a ``changed`` notification; from then on it gathers anew."""
        messages = None if self._messages is None else sorted(self._messages)
        told: dict[str, Any] = {
            "messages": messages,
            "nodes": sorted(self._nodes),
            "errors": self._errors,
        }
        if self._status:
            told["status"] = True
        self._clear()
        return told


class Touch(asyncio.Event):
    """Set whenever one of the messages has come to an end that somebody waits for."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: set[str] = set()

    def take(self) -> set[str]:
        """Clear it; the ids of those that have ended since that was done last."""
        ids, self.ids = self.ids, set()
        self.clear()
        return ids


class Waits:
    """Who waits for which messages."""

    def __init__(self) -> None:
        self._by_id: dict[str, set[Touch]] = {}

    @contextlib.contextmanager
    def touching(self, ids: Collection[str]) -> Iterator[Touch]:
        """An event that is set whenever one of ``ids`` has come to an end, and tells which."""
        event = Touch()
        for id in ids:
            self._by_id.setdefault(id, set()).add(event)
        try:
            yield event
        finally:
            for id in ids:
                events = self._by_id.get(id)
                if events is not None:
                    events.discard(event)
                    if not events:
                        del self._by_id[id]

    def tell(self, ids: Iterable[str]) -> None:
        if self._by_id:
            for id in ids:
                for event in self._by_id.get(id, ()):
                    event.ids.add(id)
                    event.set()
