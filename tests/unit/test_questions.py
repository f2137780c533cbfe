"""When a sender asks who is there before it binds: each question is a round trip on a slow link."""

from __future__ import annotations

from steward.handoff.peers import FRESH
from steward.message import Kind
from steward.subjects import Subject
from tests.ends import Clock, End, exchange, meet

RESULTS = Subject("S.EventACK.Work")


def have_talked(s: End, r: End) -> Subject:
    """A command there and its result back, long ago; the lane of commands."""
    command = s.send("R")
    meet(s, r, command.subject)
    exchange(s, r, command.subject)
    r.send("S", kind=Kind.EVENT_ACK)
    meet(r, s, RESULTS)
    exchange(r, s, RESULTS)
    s.clock.t += 10 * FRESH
    s.hello(r)
    return command.subject


def test_the_result_of_a_command_after_long_silence_goes_without_a_question(s: End, r: End) -> None:
    commands = have_talked(s, r)
    s.send("R")
    exchange(s, r, commands)
    r.send("S", kind=Kind.EVENT_ACK)
    assert [len(f.messages) for f in r.pump(RESULTS).frames] == [1]


def test_without_a_sign_of_the_store_that_is_known_a_sender_asks(s: End, r: End) -> None:
    have_talked(s, r)
    r.send("S", kind=Kind.EVENT_ACK)
    assert [len(f.messages) for f in r.pump(RESULTS).frames] == [0]


def test_a_frame_of_another_store_is_no_such_sign(s: End, r: End, clock: Clock) -> None:
    commands = have_talked(s, r)
    wiped = End("S", clock)
    command = wiped.send("R")
    assert command.subject == commands
    meet(wiped, r, commands)
    exchange(wiped, r, commands)
    r.send("S", kind=Kind.EVENT_ACK)
    assert [len(f.messages) for f in r.pump(RESULTS).frames] == [0]


def test_a_frame_to_a_daemon_that_has_restarted_does_not_tell_it_the_senders_clock(
    s: End, r: End
) -> None:
    commands = have_talked(s, r)
    r.restart()
    s.send("R")
    exchange(s, r, commands)
    r.send("S", kind=Kind.EVENT_ACK)
    assert [len(f.messages) for f in r.pump(RESULTS).frames] == [0]
