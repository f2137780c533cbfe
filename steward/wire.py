"""How a node's letters look on its link: packed, where that helps and is understood.

Every letter says what its sender can take. What comes packed is always understood; what goes is
packed if the other end has said that it unpacks, and one of the two is behind a narrow link.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from steward import frames, packing
from steward.frames import Letter, Output
from steward.subjects import NodeName

UNPACKS: Final = 1
NARROW: Final = 2
"""What ``packs`` in an envelope is the sum of; further bits are for what is not known yet."""
MOST_PEERS: Final = 10_000


class Wire:
    """One node's."""

    def __init__(self, *, is_narrow: bool) -> None:
        self._mine = UNPACKS + (NARROW if is_narrow else 0)
        self._theirs: OrderedDict[NodeName, int] = OrderedDict()

    def seal(self, letter: Letter) -> bytes:
        """The bytes that go to the bus."""
        payload = frames.encode(letter, self._mine)
        theirs = self._theirs.get(letter.to, 0)
        if theirs & UNPACKS and (theirs | self._mine) & NARROW:
            return packing.pack(payload)
        return payload

    def open(self, payload: bytes) -> Letter | Output:
        """The letter in ``payload``. Raises FrameError, as ``frames.decode``."""
        letter, packs = frames.decode_with_packs(payload)
        # Forged, it costs room on the link, or a wait until the true one speaks again.
        if self._theirs.get(letter.frm) != packs:
            self._theirs[letter.frm] = packs
            if len(self._theirs) > MOST_PEERS:
                self._theirs.popitem(last=False)
        return letter
