"""Rule 10: a store that is an older copy of itself."""

from __future__ import annotations

import copy

import pytest
from msgspec import structs

from steward.frames import Receipt
from steward.message import Kind, State
from tests.ends import Clock, End, alarm, exchange, meet
from tests.property import mutated_receiver


def restored(end: End, backup: object) -> None:
    """A backup is put back, and nobody says so."""
    end.ledger = copy.deepcopy(backup)  # type: ignore[assignment]
    end.restart()


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
