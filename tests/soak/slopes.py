"""PURE: does a value that is sampled over time grow, or does it only waver?

A line is fitted by least squares to the means of equal spans of time: single samples waver from one
garbage collection to the next, and neighbours waver together, which would make a fit look surer
than it is. A value *grows* only if its slope is beyond the bound by twice its standard error, and
beyond the bound in the second half alone, too: a cache that fills and stops is no leak. It is
*flat* if one of them is below the bound with the same confidence; else the time was too short to
tell the two apart. In less than half an hour it may grow by what half an hour would allow, for
memory comes in steps.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean
from typing import Literal, NamedTuple

HOUR = 3600.0
SPANS = 12
SURE = 2.0
"""Standard errors."""
LEAST = HOUR / 2
Sample = tuple[float, float]
"""Seconds, value."""
Word = Literal["flat", "grows", "too short"]


class Slope(NamedTuple):
    """Per hour, with the standard error of that."""

    value: float
    error: float

    @property
    def most(self) -> float:
        """It is hardly more than this."""
        return self.value + SURE * self.error

    @property
    def least(self) -> float:
        """It is hardly less than this."""
        return self.value - SURE * self.error


class Trend(NamedTuple):
    """What became of one value. ``first`` and ``last``: means of the first and the last span."""

    first: float
    last: float
    highest: float
    slope: Slope
    late: Slope
    """Of the second half alone."""
    word: Word


def trend(samples: Sequence[Sample], bound: float) -> Trend | None:
    """``bound``: what it may grow by in an hour. None: fewer samples than spans."""
    if len(samples) < 2 * SPANS or samples[-1][0] <= samples[0][0]:
        return None
    means = spans(samples, SPANS)
    slope = fit(means)
    middle = (samples[0][0] + samples[-1][0]) / 2
    late = fit(spans([sample for sample in samples if sample[0] >= middle], SPANS // 2))
    return Trend(
        first=means[0][1],
        last=means[-1][1],
        highest=max(value for _, value in samples),
        slope=slope,
        late=late,
        word=_judge(slope, late, bound, samples[-1][0] - samples[0][0]),
    )


def _judge(slope: Slope, late: Slope, bound: float, seconds: float) -> Word:
    clearly = bound * max(1.0, LEAST / seconds)
    if slope.least > clearly and late.value > clearly:
        return "grows"
    if slope.most <= bound or late.most <= bound:
        return "flat"
    return "too short"


def spans(samples: Sequence[Sample], count: int) -> list[Sample]:
    """The means of the samples in equal spans of time; a span without samples is left out."""
    start, end = samples[0][0], samples[-1][0]
    width = (end - start) / count or 1.0
    found: list[list[Sample]] = [[] for _ in range(count)]
    for at, value in samples:
        found[min(count - 1, int((at - start) / width))].append((at, value))
    return [(fmean(at for at, _ in some), fmean(v for _, v in some)) for some in found if some]


def fit(points: Sequence[Sample]) -> Slope:
    """The line of least squares; of fewer than three points nothing is sure."""
    if len(points) < 3:
        return Slope(0.0, math.inf)
    at_mean, mean = fmean(at for at, _ in points), fmean(value for _, value in points)
    spread = sum((at - at_mean) ** 2 for at, _ in points)
    slope = sum((at - at_mean) * (value - mean) for at, value in points) / spread
    rest = sum((value - mean - slope * (at - at_mean)) ** 2 for at, value in points)
    error = math.sqrt(rest / (len(points) - 2) / spread)
    return Slope(slope * HOUR, error * HOUR)
