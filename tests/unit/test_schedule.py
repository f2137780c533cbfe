"""What starts, what waits for what, and what a restart makes of a started command."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.schedule import Found, Slots, Then, is_ordered, plan, recover, stream_of
from steward.inbox import Command, Stage
from steward.message import MessageId
from steward.subjects import NodeName, Subject

SLOTS = Slots(per_stream=2, per_node=3)


def command(n: int, stream: str = "a", **facts: Any) -> Command:
    known: dict[str, Any] = {
        "n": n,
        "frm": NodeName("central"),
        "store": "theirs",
        "instance": "mine",
        "subject": Subject(f"ship1.CommandACK.{stream}"),
        "seq": n,
        "id": MessageId(f"m{n}"),
        "expires": None,
        "deadline": None,
        "parallel": False,
        "body": b"{}",
        "stage": Stage.RECEIVED,
        "cancelled": False,
        "accepted": 0.0,
        "started": None,
        "boot_id": "",
        "ends_by": None,
    }
    return Command(**(known | facts))


def started(n: int, stream: str = "a", **facts: Any) -> Command:
    return command(n, stream, stage=Stage.STARTED, boot_id="now", **facts)


def trusted(frm: NodeName) -> bool:
    return True


def untrusted(frm: NodeName) -> bool:
    return False


def starting(*commands: Command, slots: Slots = SLOTS) -> list[int]:
    return [c.n for c in plan(commands, 100.0, trusted, slots).start]


def test_only_the_head_of_a_stream_starts() -> None:
    assert starting(command(1), command(2)) == [1]


def test_nothing_starts_behind_one_that_runs() -> None:
    assert starting(started(1), command(2)) == []


def test_streams_do_not_wait_for_each_other() -> None:
    assert starting(started(1), command(2), command(3, "b")) == [3]


def test_a_parallel_one_neither_waits_nor_is_waited_for() -> None:
    assert starting(started(1), command(2, parallel=True), command(3)) == [2]
    assert starting(started(1, parallel=True), command(2), command(3)) == [2]


def test_a_nack_kind_belongs_to_no_stream() -> None:
    assert starting(started(1, seq=0), command(2, seq=0)) == [2]


def test_each_stream_has_its_slots() -> None:
    many = [command(n, parallel=True) for n in range(1, 5)]
    assert starting(*many) == [1, 2]
    assert starting(*many, command(5, "b")) == [1, 2, 5]


def test_the_node_has_its_slots() -> None:
    assert starting(*(command(n, f"s{n}") for n in range(9))) == [0, 1, 2]
    assert starting(started(0, "x"), *(command(n, f"s{n}") for n in range(9))) == [0, 1]


def test_expired_ones_neither_start_nor_are_waited_for() -> None:
    assert starting(command(1, expires=100.0), command(2, expires=100.1)) == [2]


def test_one_that_runs_does_not_expire() -> None:
    assert starting(started(1, expires=1.0), command(2)) == []


def test_without_a_clock_to_trust_what_expires_is_held_back_with_those_behind_it() -> None:
    decided = plan(
        [command(1, expires=200.0), command(2), command(3, "b")], 100.0, untrusted, SLOTS
    )
    assert [c.n for c in decided.held] == [1]
    assert [c.n for c in decided.start] == [3]


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abc"),
            st.booleans(),
            st.sampled_from([None, 50.0, 150.0]),
            st.booleans(),
        ),
        max_size=30,
    )
)
def test_however_it_goes_on_all_start_in_order_within_the_slots(
    rows: list[tuple[str, bool, float | None, bool]],
) -> None:
    inbox = {
        n: command(n, stream, parallel=parallel, expires=expires)
        for n, (stream, parallel, expires, _) in enumerate(rows, 1)
    }
    last: dict[Any, int] = {}
    while inbox:
        inbox = {n: c for n, c in inbox.items() if c.stage is Stage.STARTED or c.expires != 50.0}
        decided = plan(inbox.values(), 100.0, trusted, SLOTS)
        for c in decided.start:
            if is_ordered(c):
                assert last.get(stream_of(c), 0) < c.seq
                last[stream_of(c)] = c.seq
            inbox[c.n] = c._replace(stage=Stage.STARTED)
        running = [c for c in inbox.values() if c.stage is Stage.STARTED]
        assert len(running) <= SLOTS.per_node
        for stream in "abc":
            mine = [c for c in running if c.subject.endswith(stream)]
            assert len(mine) <= SLOTS.per_stream
            assert sum(map(is_ordered, mine)) <= 1
        assert running or not inbox, "nothing moves"
        ends = [c for c in running if rows[c.n - 1][3]] or running
        for c in ends[:1]:
            del inbox[c.n]


@pytest.mark.parametrize(
    ("found", "facts", "then"),
    [
        (Found.EXITED, {}, Then.FINISH),
        (Found.EXITED, {"boot_id": "before"}, Then.FINISH),
        (Found.RUNNING, {}, Then.WATCH),
        (Found.RUNNING, {"expires": 1.0}, Then.WATCH),
        (Found.RUNNING, {"cancelled": True}, Then.KILL),
        (Found.CLAIMED, {}, Then.RUNNER_LOST),
        (Found.CLAIMED, {"boot_id": "before"}, Then.POWER_LOST),
        (Found.NOTHING, {"boot_id": "before"}, Then.POWER_LOST),
        (Found.NOTHING, {}, Then.START),
        (Found.NOTHING, {"expires": 200.0}, Then.START),
        (Found.NOTHING, {"expires": 100.0}, Then.EXPIRED),
        (Found.NOTHING, {"cancelled": True}, Then.CANCELLED),
    ],
)
def test_recovery(found: Found, facts: dict[str, Any], then: Then) -> None:
    row = started(1)._replace(**facts)
    assert recover(row, found, "now", 100.0, trusted) is then


def test_recovery_starts_nothing_that_expires_by_a_clock_it_cannot_trust() -> None:
    row = started(1, expires=200.0)
    assert recover(row, Found.NOTHING, "now", 100.0, untrusted) is Then.HOLD
    assert recover(started(1), Found.NOTHING, "now", 100.0, untrusted) is Then.START
