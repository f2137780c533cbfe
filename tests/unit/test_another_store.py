"""Rule 9: another store under a known name, and two machines with one name."""

from __future__ import annotations

from steward.handoff.state import Work
from steward.message import Kind, State
from tests.ends import Clock, End, alarm, exchange, meet
from tests.property import mutated_sender


def test_a_hello_with_another_store_is_a_reason_to_ask_no_more(
    s: End, r: End, clock: Clock
) -> None:
    m = s.send("R")
    meet(s, r, m.subject)
    exchange(s, r, m.subject)
    wiped = End("R", clock)
    before = s.ledger.sending.peer(r.name).instance
    assert m.subject in s.hello(wiped)
    assert s.ledger.sending.peer(r.name).instance == before
    question = s.frame(m.subject)
    assert (question.instance, question.messages) == ("", ())
    s.judge(wiped.take(question))
    assert s.ledger.sending.peer(r.name).instance == wiped.store
    assert s.state(m) == (State.UNKNOWN, True)


def test_a_retired_store_is_told_so(s: End, r: End, clock: Clock) -> None:
    m = s.send("R")
    meet(s, r, m.subject)
    exchange(s, r, m.subject)
    wiped = End("R", clock)
    s.hello(wiped)
    s.judge(wiped.take(s.frame(m.subject)))
    s.send("R")
    s.judge(r.take(s.frame(m.subject)))
    clock.t += 60
    frame = s.frame(m.subject)
    assert frame.retired == r.store
    before = r.store
    assert wiped.take(frame) is not None
    r.take(frame)
    assert (r.store == before, "--restored" in alarm(r, s)) == (True, True)
    r.core.renewal.renew(r.ledger.sending, r.ledger.receiving, r.now())
    assert r.store != before


def test_an_event_that_a_lost_store_may_have_handled_goes_again_and_never_ends_as_not_done(
    s: End, r: End, clock: Clock
) -> None:
    told = s.send("R", kind=Kind.EVENT_ACK)
    dropped = s.send("R", kind=Kind.EVENT_ACK)
    meet(s, r, told.subject)
    s.frame(told.subject)
    wiped = End("R", clock)
    s.hello(wiped)
    s.judge(wiped.take(s.frame(told.subject)))
    assert s.state(told) == (State.QUEUED, False)
    s.core.sender.cancel(s.ledger.sending, dropped.id, s.now())
    assert s.state(dropped) == (State.UNKNOWN, True)
    exchange(s, wiped, told.subject)
    assert s.state(told) == (State.SUCCEEDED, True)
    assert wiped.handled == [told.id]


def test_a_minute_after_a_command_was_delivered_somebody_asks_for_it(
    s: End, r: End, clock: Clock
) -> None:
    m = s.send("R")
    meet(s, r, m.subject)
    exchange(s, r, m.subject)
    due = s.pump(m.subject).due
    assert due == clock.t + 60
    clock.t = due
    probe = s.frame(m.subject)
    assert (probe.instance, probe.base, probe.messages) == (r.store, 1, ())
    wiped = End("R", clock)
    s.judge(wiped.take(probe))
    assert s.state(m) == (State.UNKNOWN, True)


def test_a_sender_that_comes_back_asks_after_what_it_delivered(
    s: End, r: End, clock: Clock
) -> None:
    m = s.send("R")
    meet(s, r, m.subject)
    exchange(s, r, m.subject)
    s.restart()
    meet(s, r, m.subject)
    assert s.pump(m.subject).due is not None


def test_the_mutant_without_probes_waits_for_ever(clock: Clock) -> None:
    def after(changed: bool) -> State:
        s, r = End("S", clock), End("R", clock)
        m = s.send("R")
        meet(s, r, m.subject)
        exchange(s, r, m.subject)
        wiped = End("R", clock)
        if changed:
            mutated_sender.no_probe(s)
        for _ in range(100):
            clock.t += 20
            for frame in s.pump(m.subject).frames:
                s.judge(wiped.take(frame))
        return s.state(m)[0]

    assert after(changed=False) is State.UNKNOWN
    assert after(changed=True) is State.DELIVERED


def test_each_new_start_of_the_peer_is_probed_once_however_long_the_probe_gets_lost(
    s: End, r: End, clock: Clock
) -> None:
    m = s.send("R", kind=Kind.EVENT_ACK)
    meet(s, r, m.subject)
    s.hello(r)
    exchange(s, r, m.subject)
    assert s.pump(m.subject).due is None
    r.restart()
    assert m.subject in s.hello(r)
    lost = 0
    while (due := s.pump(m.subject).due) is not None:
        lost += 1
        clock.t = max(due, clock.t + 0.01)
    assert 2 < lost < 100, "nobody probes a node that is silent again"
    clock.t += 3600
    assert m.subject in s.hello(r)
    probe = s.frame(m.subject)
    assert probe.messages == ()
    s.judge(r.take(probe))
    assert s.pump(m.subject).due is None
    clock.t += 3600
    s.hello(r)
    assert s.pump(m.subject) == Work()


# ---------------------------------------------------------------- two machines


def test_two_machines_with_one_name_are_held_with_an_alarm(s: End, r: End, clock: Clock) -> None:
    twin = End("R", clock)
    m = s.send("R")
    meet(s, r, m.subject)
    for _ in range(3):
        work = s.pump(m.subject)
        clock.t += 0.1
        for frame in work.frames:
            for machine in (r, twin):
                clock.t += 0.1
                s.judge(machine.take(frame))
        clock.t += 60
        s.send("R")
    assert "two machines" in alarm(s, r)
    assert s.ledger.sending.peer(r.name).instance == r.store
    assert not s.pump(m.subject).frames


def test_a_repeated_frame_that_finds_a_wiped_store_is_no_alarm(
    s: End, r: End, clock: Clock
) -> None:
    m = s.send("R")
    meet(s, r, m.subject)
    for _ in range(4):
        frame = s.frame(m.subject)
        s.judge(r.take(frame))
        clock.t += 1
        r = End("R", clock)
        s.judge(r.take(frame))
        clock.t += 60
        m = s.send("R")
        s.judge(r.take(s.frame(m.subject)))
        clock.t += 1
    assert not alarm(s, r)
    assert s.ledger.sending.peer(r.name).instance == r.store
