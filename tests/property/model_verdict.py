"""The model test's end: faults cease, everything arrives, and every promise is judged."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from steward.ledger import HIDDEN
from steward.message import FINAL, NEVER_STARTED, Kind, State
from steward.outbox import RESULTS
from tests.property.model_books import ACCEPTED
from tests.property.model_rows import Row, rows_of

if TYPE_CHECKING:
    from tests.property.model_end import ModelEnd
    from tests.property.model_town import Town

RAN = frozenset({State.SUCCEEDED, State.FAILED, State.TIMED_OUT})
ROUNDS = 12
ROUND = 120.0
"""Seconds of a round: an alarm is seen to after each."""
SOON = 90.0
"""Seconds within which a message ends that is only behind others' trouble (I8)."""


def heal(town: Town) -> None:
    """No more faults: everybody is there, and everything ever sent and still held arrives."""
    town.max_body = 0
    for end in town.ends.values():
        end.crashes = ""
        town.start(end)
    for end in town.ends.values():
        held = end.reader.execute("SELECT name FROM peer WHERE held").fetchall()
        for (name,) in held:
            end.release(name)
        end.core.peers.stir(end.now())
        end.wake(end.tables.outbox.open_lanes())
    for copy in list(town.bag):
        town.deliver(copy)
    for _ in range(ROUNDS):
        town.run(ROUND)
        _see_to_alarms(town)
        if town.is_idle():
            return
    town.run(ROUND)


def _see_to_alarms(town: Town) -> None:
    """The operator reads them: only an unnoticed restore raises any."""
    for end in town.ends.values():
        alarms = end.reader.execute("SELECT name, alarm FROM peer WHERE alarm != ''").fetchall()
        for name, alarm in alarms:
            if not town.books.forgiving:
                town.books.fault("an alarm without a reason", end.name, name, alarm)
            town.seen["alarms"] += 1
            end.release(name)
        if any("--restored" in alarm for _, alarm in alarms):
            town.crash(end)
            end.restored = True
            town.start(end)


def judge(town: Town) -> None:
    """After ``heal``: I1, I4 to I6, what both ends say, and what messages.jsonl was told."""
    books = town.books
    for id, known in books.accepted.items():
        row = rows_of(town.ends[known.sender]).get(id)
        if row is not None:
            _judge(town, row)
        elif id not in books.pruned and not any(name == known.sender for name, _ in books.lost):
            books.fault("I1 vanished", id)
    for end in town.ends.values():
        for row in rows_of(end).values():
            if not row.confirmed or row.state not in FINAL:
                books.fault("I1 not settled", end.name, row)
            _same_at_both(town, end, row)
        if end.tables.inbox.waiting() or end.tables.inbox.running_now():
            books.fault("I1 a command waits for ever", end.name)
        _journal(end)
        (found,) = end.con.execute("PRAGMA integrity_check").fetchone()
        assert found == "ok", found


def _judge(town: Town, row: Row) -> None:
    books, state = town.books, row.state
    starts = books.starts_of[row.id]
    kind = Kind(row.kind)
    town.seen[f"{'command' if kind.is_command else 'event'} {state}"] += 1
    if state is State.UNKNOWN and not books.lost:
        books.fault("I6 unknown without a lost store", row)
    if not kind.is_command:
        if state is State.SUCCEEDED and row.id not in books.handled:
            books.fault("I4 event succeeded, not handled", row)
        if state in NEVER_STARTED and row.id in books.handled:
            books.fault("I4 event was handled", row)
        return
    ran = row.reason == books.nonces.get(row.id)
    if state in RAN and starts != 1:
        books.fault("I4 has an outcome", row, starts)
    if state in RAN and not ran:
        books.fault("I5 another run's result", row, books.nonces.get(row.id))
    if state in NEVER_STARTED and not (state is State.CANCELLED and ran) and starts:
        books.fault("I4 was started", row)
    if state is State.INTERRUPTED and row.id not in books.disturbed:
        books.fault("I6 interrupted without a reason", row)


def _same_at_both(town: Town, end: ModelEnd, row: Row) -> None:
    """How it ended for its sender is what its receiver said of it."""
    if row.instance is None or row.seq is None:
        return
    verdict = town.books.verdicts.get((end.store, row.instance, row.subject, row.seq), "")
    if verdict in ("", "settled") or row.state is State.UNKNOWN:
        return
    is_command = Kind(row.kind).is_command
    fits = row.state == verdict
    if verdict == ACCEPTED:
        ends = RESULTS - {State.REFUSED}  # no permit changes here while a command waits
        fits = row.state in ends if is_command else row.state is State.SUCCEEDED
    if not fits:
        town.books.fault("A the ends do not agree", row, verdict)


def _journal(end: ModelEnd) -> None:
    """messages.jsonl: each acceptance once; each end once, and again where ``unknown`` was one."""
    end.write_journal()
    accepted: Counter[str] = Counter()
    final: dict[str, list[str]] = defaultdict(list)
    for line in end.journal:
        told = json.loads(line)
        if told["event"] == "accepted":
            accepted[told["id"]] += 1
        else:
            assert accepted[told["id"]] or told["id"] in end.journaled_before, line
            final[told["id"]].append(told["state"])
    for row in rows_of(end).values():
        if row.subject.rpartition(".")[2] in HIDDEN or row.id in end.journaled_before:
            continue
        ends = final[row.id]
        is_once = len(ends) == 1 or (len(ends) == 2 and row.id in end.town.books.unknown)
        if accepted[row.id] != 1 or not is_once or ends[-1] != row.state:
            end.town.books.fault("J told wrongly", row, accepted[row.id], ends)
