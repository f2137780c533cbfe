"""What the model test may choose from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from hypothesis import strategies as st

from steward.message import State
from tests.property.model_methods import BAD, POISON

T = TypeVar("T")
WHICH = st.integers(0, 31)
"""One of those that there are: counted from the newest, and round and round."""


class How(NamedTuple):
    """What messages are like."""

    data: str
    timeout: float
    retries: int
    ttl: float
    parallel: bool
    unacked: bool
    many: int
    goes: str
    """``stays``, until somebody looks; ``runs`` for a moment; or its receipts are lost."""


HOW = st.builds(
    How,
    data=st.sampled_from(["x", "x", "x", "x", "big", BAD, POISON]),
    timeout=st.sampled_from([2.0, 10.0, 30.0]),
    retries=st.sampled_from([0, 0, 0, 2, 3]),
    ttl=st.sampled_from([0.0, 0.0, 5.0, 30.0, 150.0]),
    parallel=st.sampled_from([False, False, False, True]),
    unacked=st.sampled_from([False] * 5 + [True]),
    many=st.integers(1, 3),
    goes=st.sampled_from(["stays", "runs", "runs", "no receipt"]),
)
ACTS = st.sampled_from(["hold", "release", "release", "keep house", "keep house", "narrow"])
SKEWS = st.sampled_from([0.0, 0.0, 30.0, -30.0, 3600.0, -3600.0, -900_000.0])
LOSSES = st.sampled_from(["none", "wiped", "wiped", "restored", "restored", "not said"])
EXITS = st.sampled_from([State.SUCCEEDED, State.FAILED, State.TIMED_OUT])
SOON = st.sampled_from([True, True, False])
"""Whether it is started at once."""
MOST_BACKUPS = 4


def pick(things: Sequence[T], which: int) -> T:
    return things[-1 - which % len(things)]
