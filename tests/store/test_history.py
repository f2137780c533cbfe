"""What people ask of the outbox: lists, single messages, counts, clearing, retention."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from steward.errors import UnknownId, UsageError
from steward.message import Kind, MessageId, Operator, State
from steward.outbox_choice import PROBLEMS
from steward.subjects import NodeName
from tests.store.conftest import COMMANDS, EVENTS, SHIP, SqliteLedger, at, message
from tests.store.lists import COMMAND, OTHER, listed, put, settled, show

# ------------------------------------------------------------------- lists


def test_a_list_is_newest_first_by_pages_that_miss_nothing(box: SqliteLedger) -> None:
    ids = put(box, *(message() for _ in range(5)))
    assert listed(box) == ids[::-1]
    assert listed(box, sort="accepted") == ids
    assert listed(box, nodes=[OTHER]) == []


def test_the_machinery_is_hidden_unless_it_is_asked_for(box: SqliteLedger) -> None:
    [shown] = put(box, message())
    hidden = put(box, *(message(method=m) for m in ("Result", "Cancel", "ErrorLog")))
    assert listed(box) == [shown]
    assert listed(box, all=True) == [*hidden[::-1], shown]
    assert listed(box, methods=["Result"]) == [hidden[0]]


def test_filters_together_find_what_each_alone_would_keep(box: SqliteLedger) -> None:
    """Every combination, by whichever index, against a plain look at all messages."""
    for to, kind, job in itertools.product([SHIP, OTHER], [Kind.EVENT_ACK, COMMAND], [None, "j"]):
        put(box, *(message(kind, to=to, job=job) for _ in range(4)))
        settled(box, f"{to}.{kind}.{'ShellCommand' if kind.is_command else 'TextLogging'}")
        put(box, *(message(kind, to=to, job=job) for _ in range(2)))
    all_of_them = box.tables.history.messages(at(9), limit=1000)["messages"]
    commands = [m["id"] for m in all_of_them if m["state"] == "delivered"]
    for id, state in zip(commands, ["failed", "succeeded", "expired", "cancelled"], strict=False):
        box.outbox.settle_result(id, _node_of(all_of_them, id), {"state": state}, at(6))
    box.tables.end()
    all_of_them = box.tables.history.messages(at(9), limit=1000)["messages"]
    choices = itertools.product(
        ([], ["queued"], ["queued", "failed"], ["succeeded"], ["succeeded", "failed"], ["unknown"]),
        ([], [SHIP], [SHIP, OTHER]),
        ([], ["ShellCommand"], ["ShellCommand", "TextLogging"]),
        (None, "j"),
        (False, True),
    )
    for states, nodes, methods, job, problems in choices:
        expected = [
            m["id"]
            for m in all_of_them
            if (not states or m["state"] in states)
            and (not nodes or m["toNode"] in nodes)
            and (not methods or m["method"] in methods)
            and (job is None or m["job"] == job)
            and (not problems or m["state"] in PROBLEMS)
        ]
        found = listed(box, states=states, nodes=nodes, methods=methods, job=job, problems=problems)
        assert found == expected


def _node_of(messages: list[dict[str, Any]], id: str) -> NodeName:
    return NodeName(next(m["toNode"] for m in messages if m["id"] == id))


@pytest.mark.parametrize(
    "text", ["needle", "NEEDLE", 'say "hi"', "back\\slash", "100%", "under_score", "Größe", "tab\t"]
)
def test_text_is_found_in_data_whatever_its_case(box: SqliteLedger, text: str) -> None:
    put(box, message(), message(data=("a", "data")), message(data=("100x", "underXscore")))
    [hit] = put(box, message(data=("x", f"before {text.swapcase()} after")))
    put(box, message())
    assert listed(box, text=text) == [hit]
    assert listed(box, text=text, sort="accepted") == [hit]
    assert listed(box, text=text, nodes=[SHIP], states=["queued"]) == [hit]
    page = box.tables.history.messages(at(9), text=text)
    assert (page["total"], page["cursor"]) == (1, None)


def test_text_is_found_in_ids_and_reasons(box: SqliteLedger) -> None:
    one, two = put(box, message(id=MessageId("very-special")), message())
    box.outbox.end(two, State.CANCELLED, "because of rain", at(1))
    assert listed(box, text="special") == [one]
    assert listed(box, text="RAIN") == [two]
    assert listed(box, text="commandOrEvent") == []


@pytest.mark.parametrize(
    "wrong", [{"states": ["done"]}, {"sort": "size"}, {"cursor": "x"}, {"cursor": "-1"}]
)
def test_what_makes_no_sense_is_a_usage_error(box: SqliteLedger, wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        box.tables.history.messages(at(9), **wrong)


# ------------------------------------------------------------------- one message


def test_a_message_as_json_has_all_its_fields(box: SqliteLedger) -> None:
    [old] = put(box, message())
    sent = message(
        COMMAND,
        ttl=60.0,
        retries=3,
        method_timeout=5.0,
        parallel=True,
        job="j",
        retry_of=old,
        operator=Operator("ann", 1000),
    )
    put(box, sent)
    assert show(box, sent.id) == {
        "n": 2,
        "id": sent.id,
        "fromNode": "central",
        "toNode": "ship1",
        "commandOrEvent": "CommandACK",
        "method": "ShellCommand",
        "data": ["hello"],
        "timeout": 10.0,
        "retries": 3,
        "ttl": 60.0,
        "methodTimeout": 5.0,
        "parallel": True,
        "state": "queued",
        "confirmed": False,
        "attempts": 0,
        "reason": "",
        "times": {
            "accepted": "1970-01-01T00:16:40.000Z",
            "sent": None,
            "delivered": None,
            "running": None,
            "ended": None,
        },
        "result": None,
        "retryOf": old,
        "job": "j",
        "nextAttempt": None,
        "expires": "1970-01-01T00:17:40.000Z",
        "behind": None,
        "secret": False,
        "operator": "ann",
        "uid": 1000,
    }


def test_an_unknown_id_is_an_error(box: SqliteLedger) -> None:
    with pytest.raises(UnknownId):
        show(box, MessageId("nobody"))
    assert box.tables.history.shown([MessageId("nobody")], at(1)) == []


def test_a_result_comes_with_its_times(box: SqliteLedger) -> None:
    [id] = put(box, message(COMMAND))
    settled(box, COMMANDS)
    result = {"exitCode": 3, "stdout": "out", "stderr": "err"}
    outcome = {"state": "failed", "started": 2000.0, "ended": 2001.5, "result": result}
    box.outbox.settle_result(id, SHIP, outcome, at(7))
    shown = show(box, id)
    assert (shown["state"], shown["confirmed"]) == ("failed", True)
    assert shown["result"] == {
        "started": "1970-01-01T00:33:20.000Z",
        "ended": "1970-01-01T00:33:21.500Z",
        **result,
    }
    assert shown["times"]["delivered"] == "1970-01-01T00:16:45.000Z"
    assert shown["times"]["ended"] == "1970-01-01T00:16:47.000Z"


def test_what_waits_says_behind_whom(box: SqliteLedger) -> None:
    wide = message(COMMAND, parallel=True)
    first, second, third, _ = put(box, message(COMMAND), message(COMMAND), message(COMMAND), wide)
    settled(box, COMMANDS)
    box.outbox.running(first, SHIP, 1006.0, at(6))
    behind = [show(box, id)["behind"] for id in (first, second, third, wide.id)]
    assert behind == [None, first, first, None]
    box.outbox.settle_result(first, SHIP, {"state": "succeeded"}, at(7))
    assert [show(box, id)["behind"] for id in (second, third)] == [None, second]


def test_the_next_attempt_is_when_the_timeout_passes(box: SqliteLedger) -> None:
    [id] = put(box, message())
    box.outbox.set_first_try(EVENTS, 2.0)
    assert show(box, id, wall=9)["nextAttempt"] == "1970-01-01T00:16:52.000Z"
    assert show(box, id, wall=13)["nextAttempt"] == "1970-01-01T00:17:02.000Z"
    settled(box, EVENTS)
    assert show(box, id)["nextAttempt"] is None
