"""A claimed file that is being read: what was parsed of it, and how far it is handled."""

from __future__ import annotations

import msgspec

from node.claimed_file import Claim, Reader, Rules
from node.intake_parser import Element, Garbage, parse

_BATCH_BYTES = 1 << 20
Item = Element | Garbage


class Progress(msgspec.Struct, frozen=True, omit_defaults=True):
    """As it is committed with the messages: where to go on, and how long the file of rejects is."""

    offset: int = 0
    element: int = 0
    line: int = 1
    rejected: int = 0


class Reading:
    """A claimed file that is open, and what was parsed of it but not committed yet."""

    def __init__(self, claim: Claim, rules: Rules) -> None:
        """Raises Unsafe, FileNotFoundError."""
        self.reader = Reader(claim, rules)
        self.size = self.reader.size()
        self.parsed: list[Item] = []
        unread = self.size > claim.read_to
        items = parse(self.reader.read, claim.at, final=self.reader.closed)
        self._items = items if unread else iter(())

    def fill(self, most: int) -> bool:
        """Parse up to ``most`` elements; False if nothing is left."""
        size = sum(item.end - item.start for item in self.parsed)
        while len(self.parsed) < most and size < _BATCH_BYTES:
            item = next(self._items, None)
            if item is None:
                break
            self.parsed.append(item)
            size += item.end - item.start
        return bool(self.parsed)
