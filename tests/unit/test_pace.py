"""Nothing is sent again while its answer can still be on its way; what was lost goes soon."""

from __future__ import annotations

import pytest

from steward import frames
from steward.frames import Entry, Frame
from steward.handoff.pace import AGAIN, LARGE, Pace
from steward.handoff.peers import FRESH, Peers
from steward.handoff.state import Now
from steward.message import MessageId
from steward.subjects import NodeName, Subject

SHIP = NodeName("ship1")
LANE = Subject("ship1.EventACK.TextLogging")


def narrow() -> Pace:
    """32 kbit/s, 0.2 s there and back."""
    pace = Pace()
    pace.learn(0, 0.2)
    pace.learn(20_000, 5.2)
    return pace


def at(steady: float) -> Now:
    return Now(steady=steady, wall=steady)


def flying(size: int, timeout: float = 60.0) -> Peers:
    """One frame of that size is on its way to ship1 since 1,000 s, over the narrow link; ship1 was
    heard just before."""
    peers = Peers()
    peers.heard(SHIP, "start", "store", at(999.0))
    view = peers[SHIP]
    view.pace = narrow()
    entry = Entry(seq=1, id=MessageId("a"), body=frames.raw(b"x" * size))
    frame = Frame(
        frm=NodeName("central"), store="s", start="t", tx="x", to=SHIP, subject=LANE, clock=1.0,
        instance="store", messages=(entry,),
    )  # fmt: skip
    view.sent(frame, None, at(1000.0))
    lane = view.lane(LANE)
    lane.last_sent, lane.due, lane.patience = 1000.0, 1000.0 + timeout, timeout
    lane.waiting = lane.pressing = True
    return peers


def test_an_answer_is_overdue_after_twice_what_those_before_took() -> None:
    assert narrow().overdue(0, 60.0) == pytest.approx(0.4)
    assert narrow().overdue(40_000, 60.0) == pytest.approx(2 * 10.2)


def test_before_a_large_frame_was_answered_a_quarter_of_the_timeout_is_given() -> None:
    pace = Pace()
    assert pace.overdue(LARGE, 60.0) == 15.0
    pace.learn(0, 0.001)
    assert pace.overdue(LARGE, 60.0) == 15.0
    assert pace.overdue(LARGE - 1, 60.0) == 0.002
    pace.learn(LARGE, 0.401)
    assert pace.overdue(LARGE, 60.0) == pytest.approx(0.802)


def test_one_very_late_answer_does_not_keep_a_lost_frame_for_ever() -> None:
    pace = narrow()
    pace.learn(20_000, 3600.0)
    assert pace.overdue(20_000, 10.0) == pytest.approx(2 * 10.2)
    for _ in range(12):
        pace.learn(20_000, 3600.0)
    assert pace.overdue(20_000, 10.0) == 40.0
    pace.learn(20_000, 5.2)
    assert pace.overdue(20_000, 10.0) == pytest.approx(2 * 5.2)


def test_a_sign_of_life_sends_nothing_again_that_can_still_be_answered() -> None:
    peers = flying(20_000)
    assert peers.heard(SHIP, "start", "store", at(1003.0)) == (False, (LANE,))
    assert peers[SHIP].lane(LANE).due == pytest.approx(1000.0 + 2 * 5.2)


def test_nor_does_the_first_one_after_a_minute() -> None:
    peers = flying(400_000, timeout=120.0)
    peers.heard(SHIP, "start", "store", at(1003.0 + FRESH))
    assert peers[SHIP].lane(LANE).due == pytest.approx(1000.0 + 120.0)


def test_what_is_small_goes_again_soon() -> None:
    peers = flying(100)
    peers.heard(SHIP, "start", "store", at(1000.5))
    assert peers[SHIP].lane(LANE).due == 1000.0 + AGAIN


def test_to_another_start_of_the_node_it_goes_at_once() -> None:
    peers = flying(20_000)
    assert peers.heard(SHIP, "another", "store", at(1003.0)) == (True, (LANE,))
    assert peers[SHIP].lane(LANE).due == 1003.0
