"""Lists as the console reads them: brief, by id, by words, and joined to what it has already."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from steward.message import MessageId
from tests.store.conftest import COMMANDS, SHIP, SqliteLedger, at, message
from tests.store.lists import COMMAND, OTHER, listed, put, settled

LONG = "x" * 70_000


def page(box: SqliteLedger, **more: Any) -> dict[str, Any]:
    return box.tables.history.messages(at(9), **more)


def ended(box: SqliteLedger, **result: Any) -> MessageId:
    [id] = put(box, message(COMMAND, data=("cat", LONG, "end")))
    settled(box, COMMANDS)
    box.outbox.settle_result(id, SHIP, {"state": "succeeded", "result": result}, at(6))
    box.tables.end()
    return id


def test_a_brief_list_has_no_output_and_the_first_characters_of_data(box: SqliteLedger) -> None:
    facts = {"exitCode": 0, "stdoutSize": 9, "stdoutSha256": "ab", "stdoutCut": 1}
    outputs = {"stdout": LONG, "stdoutTailB64": "/w==", "stderrB64": "/w==", "stderrTail": "x"}
    ended(box, **facts, **outputs)
    [brief] = page(box, brief=True)["messages"]
    assert (brief["data"], brief["dataCut"]) == (["cat", "x" * 396], True)
    assert brief["result"] == {"started": None, "ended": None, **facts}
    [full] = page(box)["messages"]
    assert full["data"] == ["cat", LONG, "end"]
    assert "dataCut" not in full
    assert full["result"]["stdout"] == LONG


def test_a_brief_list_says_of_whole_data_nothing(box: SqliteLedger) -> None:
    put(box, message(), message(data=("y" * 400,)), message(data=()))
    assert all("dataCut" not in found for found in page(box, brief=True)["messages"])


def test_ids_are_filtered_like_all_others(box: SqliteLedger) -> None:
    first, second, third = put(box, message(), message(to=OTHER), message(COMMAND))
    assert listed(box, ids=[first, third, "no-such", third], text="hello") == [third, first]
    assert listed(box, ids=[first, second], nodes=[OTHER], text="hello") == [second]
    assert page(box, ids=[])["messages"] == []
    assert page(box, ids=[first, second], text="ship2", sort="accepted")["total"] is None


@pytest.mark.parametrize(
    ("text", "hits"),
    [
        ("ship2", [1]), ("SHELL", [0]), ("queued", [0, 1, 2]), ("m99", []),
        (["ship1", "over"], [2]), (["queue", "hello", "textlogging"], [1]), ([], [0, 1, 2]),
        (["hello", "ship9"], []), ("größe", [2]),
    ],
)  # fmt: skip
def test_each_word_is_looked_for_in_all_that_a_line_shows(
    box: SqliteLedger, text: str | list[str], hits: list[int]
) -> None:
    there = (message(COMMAND), message(to=OTHER), message(data=("GRÖSSE", "Größe, all over")))
    ids = put(box, *there)
    found = [m["id"] for m in page(box, text=text)["messages"]]
    assert found == [ids[i] for i in reversed(hits)]
    assert [m["id"] for m in page(box, text=text, ids=ids)["messages"]] == found


def test_a_page_says_how_far_it_has_reached(box: SqliteLedger) -> None:
    for wall in range(5):
        put(box, message(), wall=float(wall))
    first = page(box, limit=2)
    assert (first["newest"], first["cursor"]) == (5, "4")
    assert first["reached"] == "1970-01-01T00:16:43.000Z"
    last = page(box, limit=3, cursor="4")
    assert (last["newest"], last["cursor"], last["reached"]) == (5, None, None)
    assert [m["n"] for m in (*first["messages"], *last["messages"])] == [5, 4, 3, 2, 1]


def test_so_do_jobs_and_errors(box: SqliteLedger) -> None:
    for wall, job in enumerate("aabb"):
        put(box, message(job=job), wall=float(wall))
    jobs = box.tables.jobs.jobs(limit=1)
    assert (jobs["newest"], jobs["cursor"]) == (3, "3")
    assert jobs["reached"] == "1970-01-01T00:16:42.000Z"
    assert box.tables.jobs.jobs(cursor="3") == {
        "jobs": [{"n": 1, **_without_groups(box.tables.jobs.job("a"))}],
        "cursor": None, "newest": 3, "reached": None,
    }  # fmt: skip
    records = box.tables.records
    for wall, code in enumerate(("full", "slow")):
        records.add_error(SHIP, code, "it is", "look", at(wall), message_ids=[MessageId("m-77")])
    errors = records.errors(limit=1)
    assert (errors["newest"], errors["cursor"]) == (2, "2")
    assert errors["reached"] == "1970-01-01T00:16:41.000Z"
    words = ("full", "slow", "SHIP1", "error", "m-77", "look", "no")
    found = {word: len(records.errors(text=word)["errors"]) for word in words}
    assert list(found.values()) == [1, 1, 2, 2, 2, 2, 0]
    for one, other in itertools.pairwise(words):
        both = records.errors(text=[one, other])["errors"]
        assert len(both) == (
            0 if (one, other) == ("full", "slow") else min(found[one], found[other])
        )


def _without_groups(job: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in job.items() if key != "groups"}
