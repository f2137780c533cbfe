"""Rules 9 and 10: another store, an older copy of a store, two machines with one name."""

from __future__ import annotations

import copy

import pytest
from msgspec import structs

from steward.frames import Receipt
from steward.handoff.state import Work
from steward.message import Kind, State
from tests.ends import Clock, End, exchange, meet
from tests.property import mutated_receiver, mutated_sender


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def s(clock: Clock) -> End:
    return End("S", clock)


@pytest.fixture
def r(clock: Clock) -> End:
    return End("R", clock)


def restored(end: End, backup: object) -> None:
    """A backup is put back, and nobody says so."""
    end.ledger = copy.deepcopy(backup)  # type: ignore[assignment]
    end.restart()


def alarm(end: End, of: End) -> str:
    return end.ledger.sending.peer(of.name).alarm


# ---------------------------------------------------------------- an older copy receives


def r_is_an_older_copy(s: End, r: End, clock: Clock) -> Receipt | None:
    """What it answers, unsigned, to a frame with a base above its last."""
    backup = copy.deepcopy(r.ledger)
    m = s.send("R")
    meet(s, r, m.subject)
    exchange(s, r, m.subject)
    restored(r, backup)
    s.hello(r)
    s.send("R")
    clock.t += 3
    return r.take(s.frame(m.subject))


def test_on_unsigned_proof_nothing_is_taken_and_somebody_has_to_decide(
    s: End, r: End, clock: Clock
) -> None:
    before = r.store
    assert r_is_an_older_copy(s, r, clock) is None
    assert r.store == before
    assert r.waiting() == []
    assert "--restored" in alarm(r, s)


def test_a_declared_restore_ends_the_alarm(s: End, r: End, clock: Clock) -> None:
    r_is_an_older_copy(s, r, clock)
    r.core.renewal.renew(r.ledger.sending, r.ledger.receiving, r.now())
    assert not alarm(r, s)


def test_on_signed_proof_it_renews_itself_and_what_it_forgot_is_unknown(
    s: End, r: End, clock: Clock
) -> None:
    backup = copy.deepcopy(r.ledger)
    m = s.send("R")
    meet(s, r, m.subject)
    exchange(s, r, m.subject)
    restored(r, backup)
    late = s.send("R")
    frame = s.frame(m.subject)
    assert (frame.base, [e.id for e in frame.messages]) == (1, [late.id])
    answer = r.take(frame, signed=True)
    assert answer is not None
    assert answer.last is None
    assert answer.store == r.store != frame.instance
    s.judge(answer, signed=True)
    assert s.state(m) == (State.UNKNOWN, True)
    assert s.state(late) == (State.UNKNOWN, True)
    another = s.send("R")
    exchange(s, r, another.subject)
    assert s.state(another) == (State.DELIVERED, False)


def test_a_gap_is_proof_too(s: End, r: End, clock: Clock) -> None:
    m = s.send("R")
    s.send("R")
    meet(s, r, m.subject)
    frame = s.frame(m.subject)
    holed = structs.replace(frame, messages=frame.messages[1:])
    before = r.store
    r.take(holed, signed=True)
    assert r.store != before
    assert r.waiting() == []


def test_the_mutant_that_ignores_a_gap_never_settles(clock: Clock) -> None:
    def after(changed: bool) -> State:
        s, r = End("S", clock), End("R", clock)
        backup = copy.deepcopy(r.ledger)
        m = s.send("R")
        meet(s, r, m.subject)
        exchange(s, r, m.subject)
        restored(r, backup)
        if changed:
            mutated_receiver.gap_ignored(r)
        m = s.send("R")
        for _ in range(50):
            clock.t += 20
            for frame in s.pump(m.subject).frames:
                receipt = r.take(frame, signed=True)
                if receipt is not None:
                    s.judge(receipt, signed=True)
        return s.state(m)[0]

    assert after(changed=False) is State.UNKNOWN
    assert after(changed=True) is State.SENT


# ---------------------------------------------------------------- an older copy sends


@pytest.mark.parametrize("signed", [True, False])
def test_a_sender_learns_that_it_is_an_older_copy(
    s: End, r: End, clock: Clock, signed: bool
) -> None:
    first = s.send("R")
    meet(s, r, first.subject)
    exchange(s, r, first.subject)
    backup = copy.deepcopy(s.ledger)
    gone = s.send("R")
    exchange(s, r, first.subject)
    restored(s, backup)
    fresh = s.send("R")
    meet(s, r, first.subject)
    frame = s.frame(first.subject)
    assert frame.messages[0].seq == 2
    receipt = r.take(frame, signed=signed)
    assert receipt is not None
    assert receipt.conflict
    assert gone.id in r.waiting()
    assert fresh.id not in r.waiting()
    before = s.store
    s.judge(receipt, signed=signed)
    assert (s.store != before) is signed
    assert ("--restored" in alarm(s, r)) is not signed
    assert s.state(fresh)[0] is (State.UNKNOWN if signed else State.SENT)
    assert not s.pump(first.subject).frames or signed


@pytest.mark.parametrize(
    "lie",
    [{"last": 9}, {"base": 7}, {"last_id": "another"}, {"conflict": True}, {"retired": "me"}],
    ids=lambda lie: next(iter(lie)),
)
def test_each_proof_that_others_know_more(s: End, r: End, lie: dict[str, object]) -> None:
    m = s.send("R")
    meet(s, r, m.subject)
    receipt = r.take(s.frame(m.subject))
    assert receipt is not None
    if "retired" in lie:
        lie = {"retired": s.store}
    before = s.store
    s.judge(structs.replace(receipt, **lie), signed=True)
    assert s.store != before


def test_an_old_receipt_is_no_proof(s: End, r: End) -> None:
    m = s.send("R")
    meet(s, r, m.subject)
    old = r.take(s.frame(m.subject))
    s.judge(old)
    s.send("R")
    exchange(s, r, m.subject)
    before = s.store
    s.judge(old, signed=True)
    assert s.store == before


@pytest.mark.parametrize("is_mutant", [False, True])
def test_what_a_renewal_keeps_and_what_it_drops(s: End, r: End, is_mutant: bool) -> None:
    queued = r.send("S")
    for _ in range(2):
        m = s.send("R")
    event = s.send("R", kind=Kind.EVENT_ACK)
    meet(s, r, m.subject)
    exchange(s, r, m.subject)
    r.take(s.frame(event.subject))
    inbox = r.ledger.receiving
    running = next(iter(inbox.commands.values()))
    inbox.mark_started([running], "boot", r.now())
    r.restart()
    if is_mutant:
        mutated_receiver.nothing_known_after_renewal(r)
    r.core.renewal.renew(r.ledger.sending, inbox, r.now())
    assert r.waiting() == [running.id]
    assert r.state(queued) == (State.UNKNOWN, True)
    told_later = s.send("R", kind=Kind.EVENT_ACK)
    s.hello(r)
    meet(s, r, event.subject)
    exchange(s, r, event.subject)
    assert s.state(event) == (State.SUCCEEDED, True)
    assert r.handled == [event.id, *[event.id] * is_mutant, told_later.id]


# ---------------------------------------------------------------- another store


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
