"""Rule 11: expiry travels between clocks that differ, drift and are set anew; and rule 7."""

from __future__ import annotations

import pytest

from steward.frames import Frame
from steward.message import Kind, State
from tests.ends import Clock, End, exchange, meet


def slow_meet(s: End, r: End, clock: Clock, frame: Frame, seconds: float) -> None:
    """A round trip that takes its time."""
    clock.t += seconds / 2
    receipt = r.take(frame)
    clock.t += seconds / 2
    s.judge(receipt)


@pytest.mark.parametrize("skew", [0.0, 4000.0, -4000.0])
def test_an_expiry_is_sent_in_the_receivers_time_early_by_a_round_trip_at_most(
    s: End, clock: Clock, skew: float
) -> None:
    r = End("R", clock, skew)
    m = s.send("R", ttl=60)
    question = s.frame(m.subject)
    assert question.messages == (), "without a sample of its clock: ask first"
    slow_meet(s, r, clock, question, 3.0)
    (entry,) = s.frame(m.subject).messages
    truly = 1060 + skew
    assert entry.deadline == 1060
    assert entry.expires is not None
    assert truly - 3.0 <= entry.expires <= truly


def test_the_offset_is_the_largest_of_the_last_ten_minutes(s: End, clock: Clock) -> None:
    r = End("R", clock, 100.0)
    m = s.send("R")
    slow_meet(s, r, clock, s.frame(m.subject), 0.2)
    view = s.core.peers[r.name]
    slow_meet(s, r, clock, s.frame(m.subject), 8.0)
    assert view.offset == pytest.approx(99.9)
    clock.t += 700
    s.send("R")
    slow_meet(s, r, clock, s.frame(m.subject), 8.0)
    assert view.offset == pytest.approx(96.0)


def test_a_senders_clock_that_stood_wrong_for_a_moment_is_forgotten_after_ten_minutes(
    s: End, clock: Clock
) -> None:
    r = End("R", clock)
    first = s.send("R")
    meet(s, r, first.subject)
    s.skew = 3600.0
    exchange(s, r, first.subject)
    s.skew = 0.0
    soon = s.send("R", ttl=60)
    assert exchange(s, r, soon.subject).verdicts  # it errs early: that clock may have been right
    assert s.state(soon) == (State.EXPIRED, True)
    clock.t += 601
    later = s.send("R", ttl=60)
    meet(s, r, later.subject)  # after so long a silence it asks first
    assert not exchange(s, r, later.subject).verdicts


def test_an_event_that_is_too_late_is_voided_not_handled(s: End, clock: Clock) -> None:
    r = End("R", clock, -300.0)
    m = s.send("R", ttl=60, kind=Kind.EVENT_ACK)
    meet(s, r, m.subject)
    frame = s.frame(m.subject)
    clock.t += 61
    s.judge(r.take(frame))
    assert r.handled == []
    assert s.state(m) == (State.EXPIRED, True)


def test_an_answer_to_what_was_sent_before_the_tombstone_proves_nothing(
    s: End, clock: Clock
) -> None:
    r = End("R", clock)
    m = s.send("R", ttl=5)
    meet(s, r, m.subject)
    accepted = r.take(s.frame(m.subject))
    clock.t += 10
    frame = s.frame(m.subject)
    s.judge(accepted)
    assert s.state(m) == (State.EXPIRED, False)
    s.judge(r.take(frame))
    assert s.state(m) == (State.EXPIRED, True)
    assert r.waiting() == []


def test_waiting_expiries_are_reckoned_anew_with_news_of_the_senders_clock(
    s: End, clock: Clock
) -> None:
    r = End("R", clock)
    m = s.send("R", ttl=60)
    meet(s, r, m.subject)
    exchange(s, r, m.subject)
    inbox = r.ledger.receiving
    assert inbox.next_expiry() == 1060
    r.skew = -500.0
    clock.t += 10
    s.send("R")
    exchange(s, r, m.subject)
    assert inbox.next_expiry() == 560
    r.skew = 0.0
    clock.t += 10
    s.send("R")
    exchange(s, r, m.subject)
    assert inbox.next_expiry() == 560, "the earlier one holds"


def test_a_frame_from_before_the_receivers_clock_was_set_back_gains_no_time(
    s: End, clock: Clock
) -> None:
    r = End("R", clock)
    m = s.send("R", ttl=60, kind=Kind.EVENT_ACK)
    meet(s, r, m.subject)
    frame = s.frame(m.subject)
    r.skew = -500.0
    other = s.send("R")
    clock.t += 59
    r.take(s.frame(other.subject))
    clock.t += 2
    r.take(frame)
    assert r.handled == []


def test_a_clock_behind_the_highest_time_stored_is_trusted_again_once_the_sender_is_heard(
    s: End, clock: Clock
) -> None:
    r = End("R", clock)
    m = s.send("R", ttl=60)
    meet(s, r, m.subject)
    exchange(s, r, m.subject)
    highest = r.now().wall
    trusted = r.core.receiver.clock_is_trusted
    assert trusted(s.name, r.now(), highest)
    r.restart()
    r.skew = -100.0
    trusted = r.core.receiver.clock_is_trusted
    assert not trusted(s.name, r.now(), highest)
    clock.t += 50
    assert not trusted(s.name, r.now(), highest)
    s.send("R")
    r.take(s.frame(m.subject))
    assert trusted(s.name, r.now(), highest)
    r.skew = -200.0
    assert not trusted(s.name, r.now(), highest), "set back again while it ran"
    clock.t += 200
    assert trusted(s.name, r.now(), highest)


def test_a_cancel_outranks_an_earlier_reason(s: End, clock: Clock) -> None:
    r = End("R", clock)
    m = s.send("R", ttl=5)
    meet(s, r, m.subject)
    s.frame(m.subject)
    clock.t += 5
    s.pump(m.subject)
    assert s.state(m) == (State.EXPIRED, False)
    s.core.sender.cancel(s.ledger.sending, m.id, s.now())
    assert s.state(m) == (State.CANCELLED, False)
    exchange(s, r, m.subject)
    assert s.state(m) == (State.CANCELLED, True)


def test_a_cancel_that_crosses_the_receipt_goes_after_it_as_a_message(s: End, clock: Clock) -> None:
    r = End("R", clock)
    m = s.send("R")
    meet(s, r, m.subject)
    receipt = r.take(s.frame(m.subject))
    inbox = r.ledger.receiving
    inbox.mark_started(list(inbox.commands.values()), "boot", r.now())
    s.core.sender.cancel(s.ledger.sending, m.id, s.now())
    assert s.state(m) == (State.CANCELLED, False)
    cancel = s.judge(receipt).wake[-1]
    assert cancel == "R.EventACK.Cancel"
    assert s.state(m) == (State.DELIVERED, False)
    assert bytes(s.frame(cancel).messages[0].body) == b'{"data":["%s"]}' % m.id.encode()


def test_the_first_proof_wins_and_its_seq_still_has_to_go(s: End, clock: Clock) -> None:
    r = End("R", clock)
    m = s.send("R")
    after = s.send("R")
    meet(s, r, m.subject)
    r.take(s.frame(m.subject))
    s.ledger.sending.settle_result(m.id, r.name, {"state": "succeeded"}, s.now())
    clock.t += 10
    frame = s.frame(m.subject)
    assert [e.tombstone for e in frame.messages] == ["settled", ""]
    s.judge(r.take(frame))
    assert s.state(m) == (State.SUCCEEDED, True)
    assert s.state(after) == (State.DELIVERED, False)
