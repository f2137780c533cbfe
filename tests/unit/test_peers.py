"""What a node remembers of its peers is bounded, however much they exchange."""

from steward.handoff.peers import LEAST_TRANSMISSIONS, MOST_ANSWERED
from tests.ends import Clock, End, exchange, meet


def test_of_the_frames_that_were_answered_a_few_are_remembered() -> None:
    clock = Clock()
    s, r = End("S", clock), End("R", clock)
    subject = s.send("R").subject
    meet(s, r, subject)
    for _ in range(500):
        s.send("R")
        exchange(s, r, subject)
        clock.t += 0.1
    assert len(s.core.peers[r.name].transmissions) <= MOST_ANSWERED + LEAST_TRANSMISSIONS
