"""What the model test's network holds, and which of it gets lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from steward.frames import Frame, Notice, Receipt
from steward.subjects import NodeName

Letter = Frame | Receipt | Notice


@dataclass
class Copy:
    """A letter that the network has, and may deliver as often as it likes."""

    to: NodeName
    letter: bytes
    said: Letter
    """The same, for whoever decides its fate."""
    skew: float
    """Of the clock that it tells of, when it was sent."""
    is_new: bool = True


Lost = Callable[[Copy], bool]


def nothing(_copy: Copy) -> bool:
    """All letters arrive."""
    return False


def full_receipts(copy: Copy) -> bool:
    """Those that say more than who answers."""
    return isinstance(copy.said, Receipt) and copy.said.last is not None


def full_frames(copy: Copy) -> bool:
    """Those that are more than a question."""
    return isinstance(copy.said, Frame) and bool(copy.said.messages)
