"""A frame that was bound when the broker took more goes in parts (rules 2, 3, 5)."""

from __future__ import annotations

import pytest

from steward.message import State
from tests.ends import Clock, End, meet
from tests.property import mutated_sender


def test_the_rest_follows_the_first_halfs_receipt() -> None:
    clock = Clock()
    s, r = End("S", clock), End("R", clock)
    sent = [s.send("R") for _ in range(5)]
    lane = sent[0].subject
    meet(s, r, lane)
    parts = []
    while any(s.state(m)[0] is not State.DELIVERED for m in sent):
        frame = s.frame(lane)
        if len(frame.messages) > 2:
            frame = s.core.sender.shorten(frame)
        parts.append([e.seq for e in frame.messages])
        s.judge(r.take(frame))
    assert parts == [[1, 2], [3], [4, 5]]
    assert r.waiting() == [m.id for m in sent]


@pytest.mark.parametrize("is_mutant", [False, True])
def test_a_receipt_settles_no_more_than_its_frame_has_said(is_mutant: bool) -> None:
    clock = Clock()
    s, r = End("S", clock), End("R", clock)
    if is_mutant:
        mutated_sender.what_was_not_said_is_settled(s)
    first, second = s.send("R"), s.send("R")
    meet(s, r, first.subject)
    r.take(s.frame(first.subject))
    s.core.sender.cancel(s.ledger.sending, second.id, s.now())
    whole = s.frame(first.subject)
    clock.t += 60
    half = s.core.sender.shorten(s.frame(first.subject))
    answer = r.take(half)
    r.take(whole)
    assert r.waiting() == [first.id]
    s.judge(answer)
    assert s.state(first) == (State.DELIVERED, False)
    while frames := s.pump(first.subject).frames:
        s.judge(r.take(frames[0]))
    proved = (State.DELIVERED, False) if is_mutant else (State.CANCELLED, True)
    assert s.state(second) == proved
