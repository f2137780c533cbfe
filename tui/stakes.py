"""PURE: how much confirmation an action needs: one ladder for everything that changes anything."""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping

from tui.rows import NodeRow

WIDE = 10
"""With more nodes or messages than this their number has to be typed."""


class Stake(enum.IntEnum):
    """How much has to be answered before it is done."""

    NONE = 0
    YES = 1
    """y, or n: which is what enter answers."""
    COUNT = 2
    """The number, typed."""


class Deed(enum.Enum):
    """What is to be done, with the least and the most that is asked for it."""

    def __init__(self, word: str, least: Stake, most: Stake) -> None:
        self.word, self.least, self.most = word, least, most

    SEND = ("send", Stake.NONE, Stake.COUNT)
    REPEAT = ("repeat", Stake.YES, Stake.COUNT)
    RETRY = ("send again", Stake.YES, Stake.COUNT)
    CANCEL = ("cancel", Stake.YES, Stake.COUNT)
    CLEAR = ("clear", Stake.YES, Stake.COUNT)
    HOLD = ("hold", Stake.NONE, Stake.YES)
    """Nothing ends and nothing starts by it: whoever needs it needs it fast."""
    RELEASE = ("release", Stake.NONE, Stake.COUNT)
    ASK = ("ask", Stake.NONE, Stake.YES)
    """A sign of life, a list of processes: harmless, but with many nodes it is traffic."""
    START = ("start", Stake.YES, Stake.COUNT)


def stake(
    deed: Deed, names: Collection[str], known: Mapping[str, NodeRow], messages: int = 0
) -> Stake:
    """What has to be answered before ``deed`` is done to these nodes, or to so many of their
    messages: nothing for one node that is online, y or n up to ten, beyond that, or where
    production is concerned, the count. To hold or release one node is a key pressed twice."""
    rows = [known.get(name) for name in names]
    if len(names) == 1 and deed in (Deed.HOLD, Deed.RELEASE, Deed.ASK):
        return Stake.NONE
    if max(len(names), messages) > WIDE or any(map(is_production, rows)):
        found = Stake.COUNT
    elif len(names) == 1 and messages <= 1 and rows[0] is not None and rows[0].state == "online":
        found = Stake.NONE
    else:
        found = Stake.YES
    return max(deed.least, min(found, deed.most))


def is_production(row: NodeRow | None) -> bool:
    """Whether a node is labelled as one that people depend on."""
    return row is not None and row.labels.get("env") == "prod"
