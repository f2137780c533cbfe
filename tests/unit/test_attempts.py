"""Rule 8: what counts as an attempt, when a message is given up, and how often a frame goes."""

from __future__ import annotations

import pytest

from steward.handoff.look import attempts_at
from steward.message import State
from steward.subjects import Subject, parse
from tests.ends import Clock, End, exchange, meet


def run_until(s: End, clock: Clock, lane: Subject, t: float, *, can_send: bool = True) -> int:
    """Look at the lane whenever it is due; how many frames went out."""
    frames = 0
    while clock.t < t:
        work = s.pump(lane, can_send=can_send)
        frames += len(work.frames)
        clock.t = t if work.due is None else min(t, max(clock.t + 1e-3, work.due))
    return frames + len(s.pump(lane, can_send=can_send).frames)


def test_each_timeout_that_passes_is_an_attempt(s: End, clock: Clock) -> None:
    m = s.send("R", timeout=1, retries=3)
    seen = []
    for _ in range(3):
        s.pump(m.subject)
        seen.append((s.row(m).attempts, s.state(m)))
        clock.t += 1
    assert seen == [(n, (State.QUEUED, False)) for n in (1, 2, 3)]
    s.pump(m.subject)
    assert s.state(m) == (State.UNDELIVERED, True)
    assert s.row(m).attempts == 3


def test_attempts_pass_without_a_link_too(s: End, clock: Clock) -> None:
    m = s.send("R", timeout=2, retries=4)
    assert run_until(s, clock, m.subject, 1007.9, can_send=False) == 0
    assert s.state(m) == (State.QUEUED, False)
    run_until(s, clock, m.subject, 1008, can_send=False)
    assert s.state(m) == (State.UNDELIVERED, True)


def test_the_clock_starts_with_the_first_try_not_with_an_older_one(
    s: End, r: End, clock: Clock
) -> None:
    first = s.send("R", timeout=1, retries=3)
    meet(s, r, first.subject)
    exchange(s, r, first.subject)
    assert s.state(first) == (State.DELIVERED, False)
    clock.t += 500
    second = s.send("R", timeout=1, retries=3)
    s.pump(second.subject)
    assert s.row(second).attempts == 1
    clock.t += 2.9
    s.pump(second.subject)
    assert s.state(second)[0] is not State.UNDELIVERED
    clock.t += 0.2
    s.pump(second.subject)
    assert s.state(second)[0] is State.UNDELIVERED


def test_a_message_accepted_late_has_its_own_clock(s: End, clock: Clock) -> None:
    early = s.send("R", timeout=10, retries=2)
    s.pump(early.subject)
    clock.t += 15
    late = s.send("R", timeout=10, retries=2)
    run_until(s, clock, early.subject, 1020)
    assert s.state(early) == (State.UNDELIVERED, True)
    assert s.state(late) == (State.QUEUED, False)
    run_until(s, clock, early.subject, 1035)
    assert s.state(late) == (State.UNDELIVERED, True)


def test_what_may_have_arrived_is_given_up_unconfirmed_and_proved_later(
    s: End, r: End, clock: Clock
) -> None:
    m = s.send("R", timeout=1, retries=2)
    meet(s, r, m.subject)
    lost = s.frame(m.subject)
    clock.t += 2
    work = s.pump(m.subject)
    assert s.state(m) == (State.UNDELIVERED, False)
    assert work.gave_up == (m.id,)
    r.take(lost)
    assert r.waiting() == [m.id]
    (frame,) = work.frames or s.pump(m.subject).frames
    s.judge(r.take(frame))
    assert s.state(m) == (State.UNDELIVERED, True)
    assert r.waiting() == []


def test_too_late_to_give_up_what_has_started(s: End, r: End, clock: Clock) -> None:
    m = s.send("R", timeout=1, retries=1)
    meet(s, r, m.subject)
    r.take(s.frame(m.subject))
    r.ledger.receiving.mark_started(list(r.ledger.receiving.commands.values()), "boot", r.now())
    clock.t += 1
    (frame,) = s.pump(m.subject).frames
    assert frame.messages[0].tombstone == State.UNDELIVERED
    s.judge(r.take(frame))
    assert s.state(m) == (State.DELIVERED, False)


def test_a_frame_goes_again_at_the_smallest_timeout_in_it(s: End, r: End, clock: Clock) -> None:
    m = s.send("R", timeout=30, retries=5)
    s.send("R", timeout=4, retries=5)
    meet(s, r, m.subject)
    assert len(s.frame(m.subject).messages) == 2
    assert s.pump(m.subject).due == clock.t + 4
    clock.t += 3.99
    assert not s.pump(m.subject).frames
    clock.t += 0.02
    assert len(s.frame(m.subject).messages) == 2


def test_without_limit_it_backs_off_to_a_minute(s: End, r: End, clock: Clock) -> None:
    m = s.send("R", timeout=2)
    meet(s, r, m.subject)
    frames = run_until(s, clock, m.subject, 1000 + 86400)
    assert 86400 / 60 < frames < 86400 / 20
    assert s.state(m) == (State.SENT, False)


def test_full_jitter_keeps_a_fleet_from_speaking_at_once(clock: Clock, r: End) -> None:
    dues = set()
    for seed in range(20):
        s = End("S", clock)
        s.core.sender.letters.rng.seed(seed)
        m = s.send("R", timeout=10)
        meet(s, r, m.subject)
        s.frame(m.subject)
        clock.t += 10
        dues.add(round(s.pump(m.subject).due or 0.0, 2))
    assert len(dues) > 15


def test_a_hello_brings_the_next_try_forward(s: End, r: End, clock: Clock) -> None:
    m = s.send("R", timeout=50)
    meet(s, r, m.subject)
    s.hello(r)
    s.frame(m.subject)
    clock.t += 1
    assert m.subject in s.hello(r)
    assert not s.pump(m.subject).frames, "the last one has just gone"
    clock.t += 1.01
    assert s.pump(m.subject).frames


def test_a_start_of_the_peer_is_answered_at_once(s: End, r: End, clock: Clock) -> None:
    m = s.send("R", timeout=50)
    meet(s, r, m.subject)
    s.hello(r)
    s.frame(m.subject)
    clock.t += 0.1
    r.restart()
    assert m.subject in s.hello(r)
    assert s.pump(m.subject).frames


def test_the_link_is_back_and_every_lane_goes_at_once(s: End, r: End, clock: Clock) -> None:
    m = s.send("R", timeout=50)
    meet(s, r, m.subject)
    s.frame(m.subject)
    clock.t += 0.1
    assert not s.pump(m.subject).frames
    s.core.peers.stir(s.now())
    assert s.pump(m.subject).frames


def test_twenty_that_waited_go_in_two_frames(s: End, r: End, clock: Clock) -> None:
    waiting = [s.send("R") for _ in range(20)]
    lane = waiting[0].subject
    run_until(s, clock, lane, 2000)
    assert lane in s.hello(r)
    meet(s, r, lane)
    assert len(s.frame(lane).messages) == 20


def test_held_time_counts_for_the_ttl_but_is_no_attempt(s: End, r: End, clock: Clock) -> None:
    m = s.send("R", timeout=1, retries=2)
    brief = s.send("R", ttl=30)
    peer = s.ledger.sending.peer(parse(m.subject).node)
    peer.held = True
    s.ledger.sending.save_peer(peer)
    assert run_until(s, clock, m.subject, 1100) == 0
    assert s.state(m) == (State.QUEUED, False)
    assert s.state(brief) == (State.EXPIRED, True)
    peer.held = False
    s.ledger.sending.save_peer(peer)
    s.pump(m.subject)
    clock.t += 1.9
    s.pump(m.subject)
    assert s.state(m) == (State.QUEUED, False)
    clock.t += 0.2
    s.pump(m.subject)
    assert s.state(m) == (State.UNDELIVERED, True)


def test_what_is_held_expires_though_it_was_bound(s: End, r: End, clock: Clock) -> None:
    m = s.send("R", ttl=30)
    meet(s, r, m.subject)
    s.frame(m.subject)
    peer = s.ledger.sending.peer(parse(m.subject).node)
    peer.held = True
    s.ledger.sending.save_peer(peer)
    assert run_until(s, clock, m.subject, 1100) == 0
    assert s.state(m) == (State.EXPIRED, False)
    assert s.pump(m.subject).due is None


@pytest.mark.parametrize(
    ("passed", "retries", "begun"), [(0, 0, 1), (9.9, 0, 1), (10, 0, 2), (95, 0, 10), (95, 3, 3)]
)
def test_attempts_begun(passed: float, retries: int, begun: int) -> None:
    assert attempts_at(5.0, 100.0, 10.0, retries, 100.0 + passed) == begun


def test_nothing_goes_again_before_the_link_can_have_answered(s: End, r: End, clock: Clock) -> None:
    """Attempts pass as the message says, all the same."""
    s.core.sender.letters.least_wait = 60
    m = s.send("R", timeout=10, retries=7)
    meet(s, r, m.subject)
    assert run_until(s, clock, m.subject, 1059.9) == 1
    assert s.row(m).attempts == 6
    assert run_until(s, clock, m.subject, 1060.1) == 1


def test_what_never_left_the_machine_is_never_called_sent(s: End, r: End, clock: Clock) -> None:
    first = s.send("R")
    meet(s, r, first.subject)
    exchange(s, r, first.subject)
    m = s.send("R", timeout=1, retries=3)
    run_until(s, clock, m.subject, clock.t + 2.5, can_send=False)
    assert s.state(m) == (State.QUEUED, False)
    assert s.row(m).attempts == 3
    run_until(s, clock, m.subject, clock.t + 1.0, can_send=False)
    assert s.state(m) == (State.UNDELIVERED, True)
