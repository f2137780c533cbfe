"""Messages per minute: an hour of them, whatever the clock does meanwhile."""

from __future__ import annotations

from steward.throughput import COUNTED, MINUTES, Throughput


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_new_daemon_begins_with_an_hour_of_zeros() -> None:
    assert Throughput(Clock()).last_hour() == {name: [0] * MINUTES for name in COUNTED}


def test_minutes_move_on_by_themselves_and_fall_out_after_an_hour() -> None:
    clock = Clock()
    throughput = Throughput(clock)
    throughput.add("accepted", 3)
    clock.now += 120
    throughput.add("accepted", 2)
    throughput.add("accepted", 2)
    assert throughput.last_hour()["accepted"][-3:] == [3, 0, 4]
    assert throughput.last_hour()["ended"] == [0] * MINUTES
    clock.now += 59 * 60
    assert throughput.last_hour()["accepted"] == [4] + [0] * 59
    clock.now += 86400 * 7
    assert throughput.last_hour()["accepted"] == [0] * MINUTES
