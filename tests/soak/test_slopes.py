"""A leak is found, noise isn't one, and neither is a cache that fills."""

import math
from collections.abc import Callable
from random import Random

import pytest

from tests.soak.slopes import HOUR, fit, spans, trend

EVERY = 5.0
BOUND = 2.0
Value = Callable[[float], float]


def samples(minutes: float, value: Value, noise: float, seed: int = 1) -> list[tuple[float, float]]:
    """As a daemon's memory wavers: up and down together with the moment before."""
    random, wave, found = Random(seed), 0.0, []
    for i in range(int(minutes * 60 / EVERY)):
        wave = 0.8 * wave + random.gauss(0.0, noise)
        found.append((i * EVERY, value(i * EVERY) + wave))
    return found


def leaking(an_hour: float) -> Value:
    return lambda at: 40.0 + an_hour * at / HOUR


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("an_hour", [6.0, 20.0])
def test_a_leak_is_found_in_half_an_hour(an_hour: float, seed: int) -> None:
    found = trend(samples(30, leaking(an_hour), 0.1, seed), BOUND)
    assert found is not None
    assert found.word == "grows"
    assert found.slope.value == pytest.approx(an_hour, abs=2.0)


@pytest.mark.parametrize("seed", range(20))
def test_noise_is_no_leak(seed: int) -> None:
    found = trend(samples(30, leaking(0.0), 0.1, seed), BOUND)
    assert found is not None
    assert found.word == "flat"


@pytest.mark.parametrize("seed", range(20))
def test_in_five_minutes_nothing_wrong_is_said_of_what_wavers(seed: int) -> None:
    found = trend(samples(5, leaking(0.0), 0.2, seed), BOUND)
    assert found is not None
    assert found.word != "grows"


def test_a_short_run_finds_what_half_an_hour_would_not_allow() -> None:
    words = [trend(samples(5, leaking(an_hour), 0.005), BOUND) for an_hour in (6.0, 60.0)]
    assert [found.word for found in words if found] == ["too short", "grows"]


def test_what_grows_within_its_bound_is_flat() -> None:
    found = trend(samples(30, leaking(1.0), 0.02), BOUND)
    assert found is not None
    assert found.word == "flat"


def test_a_cache_that_fills_and_stops_is_no_leak() -> None:
    found = trend(samples(30, lambda at: 40.0 + 8.0 * (1 - math.exp(-at / 200)), 0.02), BOUND)
    assert found is not None
    assert found.slope.value > BOUND
    assert found.word == "flat"


def test_a_leak_that_begins_late_is_found() -> None:
    found = trend(samples(30, lambda at: 40.0 + max(0.0, at - 600) * 0.01, 0.02), BOUND)
    assert found is not None
    assert found.word == "grows"


def test_a_step_up_in_a_whole_number_is_no_growth() -> None:
    """As a descriptor more that stays."""
    found = trend([(i * EVERY, 20.0 + (i > 100)) for i in range(360)], BOUND)
    assert found is not None
    assert found.word == "flat"


def test_of_too_few_samples_nothing_is_said() -> None:
    assert trend([(i * EVERY, 1.0) for i in range(20)], BOUND) is None
    assert fit([(0.0, 1.0), (1.0, 2.0)]).error == math.inf


def test_spans_are_means_and_leave_gaps_out() -> None:
    assert spans([(0.0, 1.0), (1.0, 3.0), (9.0, 5.0), (10.0, 7.0)], 5) == [(0.5, 2.0), (9.5, 6.0)]
