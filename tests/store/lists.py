"""Steps that the tests of lists and of the operator's hand share."""

from __future__ import annotations

from typing import Any

from steward.frames import Verdict
from steward.message import Kind, Message, MessageId
from steward.subjects import NodeName
from tests.store.conftest import SqliteLedger, at

COMMAND = Kind.COMMAND_ACK
OTHER = NodeName("ship2")


def put(box: SqliteLedger, *messages: Message, wall: float = 0.0) -> list[MessageId]:
    box.outbox.submit(messages, 1000, at(wall), None)
    box.tables.end()
    return [m.id for m in messages]


def settled(box: SqliteLedger, subject: str, verdicts: dict[int, Verdict] | None = None) -> None:
    node = NodeName(subject.split(".")[0])
    stream = box.outbox.stream(node, "theirs", subject)
    stream = box.outbox.bind(stream, subject, "theirs", 256, 1 << 20)
    box.outbox.settle(stream, stream.next - 1, verdicts or {}, at(5))
    box.tables.end()


def listed(box: SqliteLedger, **filters: Any) -> list[str]:
    """All pages of a list, each of two messages: the ids, and that the totals are right."""
    found: list[str] = []
    cursor = None
    while True:
        page = box.tables.history.messages(at(9), limit=2, cursor=cursor, **filters)
        found += [m["id"] for m in page["messages"]]
        cursor = page["cursor"]
        if cursor is None:
            break
    assert "text" in filters or page["total"] == len(found)
    return found


def show(box: SqliteLedger, id: MessageId, wall: float = 9.0) -> dict[str, Any]:
    return box.tables.history.show(id, at(wall))
