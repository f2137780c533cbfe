"""PURE: what a command line's exit status is, for whatever it had to do with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from steward.message import OPEN, State

OK: Final = 0
FAILED: Final = 1
NOTHING: Final = 3
INCOMPLETE: Final = 4
REFUSED: Final = 7

_PRECEDENCE: Final = (2, 5, NOTHING, REFUSED, INCOMPLETE, FAILED, OK)
_OF_STATE: Final[Mapping[str, int]] = {
    State.SUCCEEDED: OK,
    State.PUBLISHED: OK,
    State.FAILED: FAILED,
    State.TIMED_OUT: FAILED,
    State.REFUSED: REFUSED,
}


def combined(statuses: Iterable[int]) -> int:
    """The first that applies, of those that DESIGN.md section 6 orders."""
    return min(statuses, key=_PRECEDENCE.index, default=OK)


def of_message(message: Mapping[str, Any]) -> int:
    """A message's own: what is open or not proved is incomplete."""
    return INCOMPLETE if is_unproved(message) else _OF_STATE.get(message["state"], INCOMPLETE)


def is_open(message: Mapping[str, Any]) -> bool:
    return message["state"] in OPEN


def is_unproved(message: Mapping[str, Any]) -> bool:
    """Whether its end is known but not proved yet."""
    over = not is_open(message) and message["state"] != State.PUBLISHED
    return over and not message.get("confirmed", True)
