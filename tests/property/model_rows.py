"""Messages as their sender's file has them, read from beside."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from steward.message import Message, MessageId, State
from steward.subjects import NodeName

if TYPE_CHECKING:
    from tests.property.model_daemon import ModelDaemon

ROWS = """
    SELECT m.id, m.n, subject, node, kind, state, confirmed, s.instance, seq, base, maybe,
        reason, expires
    FROM message m JOIN lane ON lane.key = m.lane LEFT JOIN out_stream s ON s.key = m.stream
    ORDER BY m.n"""


class Broken(AssertionError):
    """An invariant does not hold."""


class Row(NamedTuple):
    """A message as its sender's file has it. ``instance``: the store it is bound to."""

    id: MessageId
    n: int
    subject: str
    node: NodeName
    kind: str
    state: State
    confirmed: bool
    instance: str | None
    seq: int | None
    base: int | None
    maybe: bool
    reason: str
    expires: float | None

    @property
    def is_under_way(self) -> bool:
        """Bound and unreceipted. One of a forgotten stream is neither."""
        return self.seq is not None and self.base is not None and self.seq > self.base


class Accepted(NamedTuple):
    """What the operator was promised. ``expires`` by the sender's clock."""

    sender: NodeName
    message: Message
    expires: float | None


def rows_of(end: ModelDaemon) -> dict[MessageId, Row]:
    return {row[0]: Row(*row)._replace(state=State(row[5])) for row in end.reader.execute(ROWS)}
