"""PURE: to which part of a message's way a function belongs, and what each part has taken."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import msgspec

PARTS = (
    ("the control socket", ("steward/control/", "node/api/", "node/submitting")),
    ("what a message is", ("steward/message", "steward/subjects")),
    ("the outbox", ("steward/outbox",)),
    ("the inbox", ("steward/inbox", "steward/ledger", "steward/records", "steward/interest")),
    ("commits", ("steward/group_commit", "steward/store", "steward/tables", "steward/room")),
    ("messages.jsonl", ("steward/journal", "steward/append_file", "node/housekeeping")),
    ("the handoff's decisions", ("steward/handoff/",)),
    (
        "publisher, subscriber, settler",
        ("steward/publisher", "steward/subscriber", "steward/settler", "steward/mailbox"),
    ),
    ("frames", ("steward/frames",)),
    ("the broker's client", ("steward/bus", "steward/link", "/nats/")),
    ("execution", ("node/exec", "node/run", "node/output", "node/schedule", "node/outcomes")),
    ("methods and their reception", ("node/methods/", "node/reception", "node/gate")),
    ("hops between threads", ("/aiosqlite/", "steward/threads", "/threading.", "/concurrent/")),
    ("the loop", ("/asyncio/", "/selectors.")),
    ("metrics", ("steward/metrics", "steward/throughput", "/prometheus_client/")),
)
"""Names, and what the paths of their files contain; the first that fits counts."""
REST = "the rest"

Line = tuple[str, str, int, float]
"""Thread, function as ``file:name``, calls, seconds."""


class Taken(msgspec.Struct, frozen=True):
    """Per message: calls, and µs of processor."""

    name: str
    calls: float
    micros: float


def part(function: str) -> str:
    """The name of the part that ``file:name`` belongs to."""
    for name, paths in PARTS:
        if any(path in function for path in paths):
            return name
    return REST


def since(after: Sequence[Line], before: Sequence[Line]) -> list[Line]:
    """What came to it; lines of a thread of the same name are one."""
    calls: dict[tuple[str, str], int] = defaultdict(int)
    seconds: dict[tuple[str, str], float] = defaultdict(float)
    for lines, sign in ((after, 1), (before, -1)):
        for thread, function, count, own in lines:
            calls[thread, function] += sign * count
            seconds[thread, function] += sign * own
    return [(*key, count, seconds[key]) for key, count in calls.items() if count > 0]


def by_part(lines: Sequence[Line], messages: int) -> list[Taken]:
    """What each part took, the most first."""
    return _summed([(part(function), 0, own) for _, function, _, own in lines], messages)


def by_function(lines: Sequence[Line], messages: int, most: int) -> list[Taken]:
    """The functions that took most, as ``package/file.py:name``."""
    return _summed([(_short(f), count, own) for _, f, count, own in lines], messages)[:most]


def by_thread(lines: Sequence[Line], messages: int) -> Mapping[str, float]:
    """µs a message of each thread, those above 1 µs."""
    taken = _summed([(thread, 0, own) for thread, _, _, own in lines], messages)
    return {line.name: line.micros for line in taken if line.micros > 1}


def _summed(lines: Sequence[tuple[str, int, float]], messages: int) -> list[Taken]:
    calls: dict[str, int] = defaultdict(int)
    seconds: dict[str, float] = defaultdict(float)
    for name, count, own in lines:
        calls[name] += count
        seconds[name] += own
    taken = [
        Taken(name, calls[name] / messages, own / messages * 1e6) for name, own in seconds.items()
    ]
    return sorted(taken, key=lambda line: -line.micros)


def _short(function: str) -> str:
    path, _, name = function.rpartition(":")
    return f"{'/'.join(path.split('/')[-2:])}:{name}"
