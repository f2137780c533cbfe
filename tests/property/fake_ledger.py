"""The store's contract (``steward/handoff/ports.py``) on plain dicts: what the simulator runs on.

``copy.deepcopy`` of a :class:`FakeLedger` is a backup of the whole store. What the methods return
are copies, as from a database: changing one changes nothing until it is saved.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from steward.message import MessageId, new_id
from tests.property.fake_receiving import FakeReceiving
from tests.property.fake_rows import Row
from tests.property.fake_sending import FakeSending

__all__ = ["FakeLedger", "FakeReceiving", "FakeSending", "Row"]


@dataclasses.dataclass
class FakeLedger:
    """A whole store: both halves, copied together."""

    sending: FakeSending
    receiving: FakeReceiving

    @classmethod
    def new(
        cls, store_id: str, start: str = "", make_id: Callable[[], MessageId] = new_id
    ) -> FakeLedger:
        sending = FakeSending(store_id, start, make_id)
        return cls(sending, FakeReceiving(sending))
