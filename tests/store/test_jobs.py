"""What people ask about jobs: lists, sums, groups of equal outcome, and how jobs go."""

from __future__ import annotations

from typing import Any

import pytest

from steward.errors import UnknownId, UsageError
from steward.message import MessageId, State
from steward.subjects import NodeName
from tests.store.conftest import EVENTS, SHIP, SqliteLedger, at, message
from tests.store.lists import COMMAND, OTHER, put, settled

SUM = "0" * 64


def command(job: str, to: NodeName = SHIP, *data: str) -> Any:
    return message(COMMAND, to=to, job=job, data=data or ("uptime",))


def result(box: SqliteLedger, id: MessageId, frm: NodeName, **facts: Any) -> None:
    told = {"exitCode": 0, "stdout": "x", "stdoutSha256": SUM, "stdoutSize": 1, **facts}
    state = "failed" if told["exitCode"] else "succeeded"
    box.outbox.settle_result(id, frm, {"state": state, "result": told}, at(20))
    box.tables.end()


def names(box: SqliteLedger, **more: Any) -> list[str]:
    """All pages, each of two jobs."""
    found: list[str] = []
    cursor = None
    while True:
        page = box.tables.jobs.jobs(limit=2, cursor=cursor, **more)
        found += [job["job"] for job in page["jobs"]]
        cursor = page["cursor"]
        if cursor is None:
            return found


def test_jobs_are_listed_the_newest_first_each_once(box: SqliteLedger) -> None:
    assert names(box) == []
    for job in ("a", "b", "c", "a", "d"):
        put(box, command(job), command(job))
    put(box, message())
    assert names(box) == ["d", "c", "b", "a"]
    assert box.tables.jobs.jobs(limit=4)["cursor"] is None
    with pytest.raises(UsageError):
        box.tables.jobs.jobs(cursor="x")


def test_text_is_looked_for_in_id_method_and_first_data(box: SqliteLedger) -> None:
    put(box, command("one", SHIP, "apt-get", "UPDATE"), command("one", SHIP, "later"))
    put(box, message(job="two"))
    assert names(box, text="update") == ["one"]
    assert names(box, text="ONE") == ["one"]
    assert names(box, text="textlog") == ["two"]
    assert names(box, text="later") == []


def test_a_job_of_the_machinery_alone_is_no_job_that_people_see(box: SqliteLedger) -> None:
    put(box, *(message(method="Ping", job="hidden") for _ in range(2)))
    assert names(box) == []
    put(box, message(job="hidden"))
    assert names(box) == ["hidden"]


def test_a_job_knows_how_far_its_messages_are(box: SqliteLedger) -> None:
    first, second, third = put(
        box, command("j"), command("j", OTHER), command("j", OTHER, "else"), wall=3.0
    )
    settled(box, f"{SHIP}.CommandACK.ShellCommand")
    result(box, first, SHIP)
    [job] = box.tables.jobs.jobs()["jobs"]
    assert job == {
        "n": 1,
        "job": "j",
        "accepted": "1970-01-01T00:16:43.000Z",
        "ended": None,
        "method": "ShellCommand",
        "commandOrEvent": "CommandACK",
        "data": ["uptime"],
        "messages": 3,
        "nodes": 2,
        "open": 2,
        "unconfirmed": 0,
        "states": {"queued": 2, "succeeded": 1},
    }
    box.outbox.bind(None, f"{OTHER}.CommandACK.ShellCommand", "theirs", 2, 1 << 20)
    box.outbox.give_up([second], State.EXPIRED, at(9))
    box.outbox.end(third, State.CANCELLED, "", at(30))
    [job] = box.tables.jobs.jobs()["jobs"]
    assert (job["open"], job["unconfirmed"], job["ended"]) == (0, 1, None)
    box.outbox.end(second, State.EXPIRED, "", at(40))
    [job] = box.tables.jobs.jobs()["jobs"]
    assert (job["unconfirmed"], job["ended"]) == (0, "1970-01-01T00:17:20.000Z")


def test_equal_outcomes_are_one_group_the_largest_first(box: SqliteLedger) -> None:
    ids = put(box, *(command("j") for _ in range(6)), command("j", OTHER))
    settled(box, f"{SHIP}.CommandACK.ShellCommand")
    result(box, ids[0], SHIP, exitCode=1)
    for id in ids[1:4]:
        result(box, id, SHIP)
    result(box, ids[4], SHIP, stdoutSha256="1" * 64, stdout="other")
    groups = box.tables.jobs.job("j")["groups"]
    assert [(g["state"], g["exitCode"], g["messages"]) for g in groups] == [
        ("succeeded", 0, 3),
        ("failed", 1, 1),
        ("succeeded", 0, 1),
        ("delivered", None, 1),
        ("queued", None, 1),
    ]
    assert groups[0] == {
        "state": "succeeded",
        "confirmed": True,
        "reason": "",
        "exitCode": 0,
        "signal": None,
        "stdoutSha256": SUM,
        "stderrSha256": None,
        "stdoutSize": 1,
        "stderrSize": None,
        "messages": 3,
        "nodes": [SHIP] * 3,
        "ids": ids[1:4],
        "sample": ids[1],
    }
    assert groups[2]["stdoutSha256"] == "1" * 64
    assert groups[4]["nodes"] == [OTHER]


def test_messages_that_differ_in_their_reason_are_apart(box: SqliteLedger) -> None:
    one, two = put(box, message(job="j"), message(job="j"))
    box.outbox.end(one, State.REFUSED, "not permitted", at(1))
    box.outbox.end(two, State.REFUSED, "unknown method", at(1))
    groups = box.tables.jobs.job("j")["groups"]
    assert [g["reason"] for g in groups] == ["not permitted", "unknown method"]


def test_a_job_that_there_is_not_is_unknown(box: SqliteLedger) -> None:
    with pytest.raises(UnknownId):
        box.tables.jobs.job("nobody")


def test_a_job_goes_with_the_last_of_its_messages(box: SqliteLedger) -> None:
    ids = put(box, *(message(job="j") for _ in range(3)))
    put(box, message(job="k"), wall=5.0)
    for id in ids:
        box.outbox.end(id, State.CANCELLED, "", at(1))
    box.con.execute("UPDATE meta SET journaled = 100")
    assert box.outbox.prune(at(1), keep=2) == 2
    box.tables.end()
    [newer, job] = box.tables.jobs.jobs()["jobs"]
    assert (newer["job"], job["job"], job["messages"]) == ("k", "j", 1)
    assert box.outbox.prune(at(1), keep=1) == 1
    box.tables.end()
    assert names(box) == ["k"]
    assert box.con.execute("SELECT count(*) FROM job").fetchone() == (1,)


def test_a_submit_that_is_rolled_back_leaves_no_job(box: SqliteLedger) -> None:
    def cut_off() -> None:
        with box.tables.savepoint():
            put(box, message(job="j"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        cut_off()
    assert names(box) == []
    assert box.outbox.has_queued(EVENTS) is False
