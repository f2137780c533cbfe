"""What is said of a link that is down: each trouble in words of its own, once per outage."""

from __future__ import annotations

import logging

from steward.access import Access
from steward.errors import BusError
from steward.link import Endpoint, Link

log = logging.getLogger(__name__)

_REFUSED = ("authorization", "authentication")
"""In what the broker, or the client for it, says to whom it doesn't let in, or no longer."""


class Outage:
    """Keeps the last trouble in ``text``, and logs each at most once until the link is up."""

    def __init__(self, access: Access, known: type[Exception]) -> None:
        """``known``: the client's errors, whose texts say enough."""
        self.text = ""
        self.access = access
        self._known = (known, OSError, BusError)
        self._told: set[str] = set()

    def over(self) -> None:
        """The link is up; ``text`` is kept."""
        self._told.clear()

    def failed(self, error: Exception, broker: Endpoint, link: Link | None) -> None:
        """A try to connect, or a connection, has ended. ``link`` None: it was never open."""
        text = self._explained(error, broker, link)
        self.tell(text, f"no link to the broker at {broker.shown}: {text}; trying for ever")

    def denied(self, text: str, shown: str) -> None:
        """The broker at ``shown`` lets this node in, but not do one thing."""
        hint = "; it may send to others than central once central says so: steward keys trust"
        self.tell(text, f"the broker at {shown}: {text}{hint if self.access.seed else ''}")

    def tell(self, text: str, line: str) -> None:
        self.text = text
        if line not in self._told:
            self._told.add(line)
            log.warning("%s", line)

    def _explained(self, error: Exception, broker: Endpoint, link: Link | None) -> str:
        text = str(error) or "no answer in time"
        if not isinstance(error, self._known):
            return f"{type(error).__name__}: {text}"
        if link is None:
            return text
        if link.received == 0 and not broker.tls:
            return f"{text}; it says nothing, as a broker does that wants TLS: try tls:// then"
        if isinstance(error, self._known[:2]) and is_refusal(text):
            what, remedy = self.access.refused(broker)
            return f"{what} ({remedy}); it says: {text}"
        return text


def is_refusal(text: str) -> bool:
    """Whether the broker lets this node in no more, or not yet."""
    return any(word in text.lower() for word in _REFUSED)
