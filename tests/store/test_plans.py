"""A million ended messages weigh nothing: no statement of the daily work scans a table."""

from __future__ import annotations

import re

from steward.frames import Verdict
from steward.handoff.state import Peer
from steward.message import Kind, MessageId, State
from tests.store.conftest import COMMANDS, EVENTS, SHIP, SqliteLedger, arrival, at, message

BIG = r"message|m|body|b|outcome|command|run|error|final"
SCANS = re.compile(rf"SCAN ({BIG})\b(?! USING (COVERING )?INDEX)|message_lane|AUTOMATIC")


def a_day(box: SqliteLedger) -> None:
    """Everything that a daemon does over and over."""
    outbox, inbox, records = box.outbox, box.inbox, box.tables.records
    for kind in (Kind.EVENT_ACK, Kind.COMMAND_ACK):
        new = [message(kind, ttl=50.0, retries=3) for _ in range(4)]
        outbox.submit(new, 0, at(0), 100)
        outbox.submit([new[0]], 0, at(0), 100)
        for lane in (EVENTS, COMMANDS):
            outbox.expire_queued(lane, at(1))
            outbox.give_up_queued(lane, 1.0, at(1000))
            outbox.count_queued(lane, 1.0, at(1), 256)
            outbox.has_queued(lane)
            outbox.next_expiry(lane)
            outbox.next_giving_up(lane, 1.0)
            outbox.set_first_try(lane, 1.0)
    more = [message(kind) for kind in (Kind.EVENT_ACK, Kind.COMMAND_ACK) for _ in range(3)]
    outbox.submit(more, 0, at(2), 100)
    for lane in (EVENTS, COMMANDS):
        stream = outbox.bind(outbox.stream(SHIP, "a", lane), lane, "a", 2, 1 << 20)
        box.tables.end()
        outbox.forget_caches()
        outbox.save_attempts({m.id: 2 for m in outbox.unreceipted(stream)}, at(3))
        outbox.give_up([m.id for m in more], State.CANCELLED, at(3))
        outbox.id_at(stream, 1)
        outbox.settle(stream, 2, {2: Verdict(state="refused")}, at(4))
        outbox.awaits_result(stream)
    outbox.running(more[3].id, SHIP, 1000.0, at(5))
    outbox.settle_result(more[3].id, SHIP, {"state": "failed"}, at(6))
    outbox.queue_cancel(more[3].id, at(6))
    outbox.find(more[0].id)
    outbox.end(more[0].id, State.CANCELLED, "", at(6))
    outbox.take_notices(EVENTS, False, at(6))
    outbox.adopt(Peer(name=SHIP, instance="a"), "b", at(7))
    outbox.loads()
    outbox.ages(at(7))
    outbox.open_lanes()
    outbox.clear([SHIP])
    inbox.accept([arrival(1, expires=1.0, deadline=1.0), arrival(2), arrival(0)], at(8))
    inbox.reckon(SHIP, 5.0)
    inbox.void(SHIP, "their-store", arrival(1).subject, 2)
    inbox.expired_waiting(at(9))
    inbox.next_expiry()
    inbox.mark_started(inbox.startable(), "boot", at(9))
    inbox.cancel(MessageId("x"), SHIP)
    for command in inbox.started_rows():
        inbox.finish(command, at(10), f"key-{command.n}")
    inbox.run_key(MessageId("x"), SHIP)
    records.add_error(SHIP, "code", "text", "", at(11))
    records.errors_by_minute(at(12))
    box.tables.history.messages(at(12), states=["queued", "delivered"], nodes=[SHIP])
    box.tables.jobs.jobs()
    box.tables.history.messages(at(12), job="j")
    box.tables.end()


def test_no_statement_of_the_daily_work_scans_a_table(box: SqliteLedger) -> None:
    statements: set[str] = set()
    box.con.set_trace_callback(statements.add)
    a_day(box)
    box.con.set_trace_callback(None)
    asked = [s for s in statements if re.match(r"\s*(SELECT|UPDATE|DELETE|WITH)", s)]
    assert len(asked) > 60
    slow = {}
    for statement in asked:
        plan = [row[3] for row in box.con.execute(f"EXPLAIN QUERY PLAN {statement}")]
        if any(SCANS.search(step) for step in plan):
            slow[" ".join(statement.split())] = plan
    assert slow == {}
