"""bus → receipt → outbox: judges what comes to this node's inbox, many receipts in one commit."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from steward.bus import Bus
from steward.errors import FrameError, StoreFull
from steward.frames import Receipt
from steward.handoff import Handoff
from steward.handoff.state import Now, Work
from steward.mailbox import Incoming, NoResponders, each
from steward.publisher import Publishers
from steward.store import Store, Tables
from steward.supervisor import Process, ProcessState

AT_ONCE = 256


class Settler:
    """One process: without it nothing that this node sends would ever be confirmed."""

    def __init__(
        self,
        store: Store,
        bus: Bus,
        handoff: Handoff,
        now: Callable[[], Now],
        publishers: Publishers,
        not_taken: Callable[[Incoming, FrameError], None],
        store_full: Callable[[StoreFull], None],
        nobody: Callable[[NoResponders], None],
    ) -> None:
        self._store = store
        self._bus = bus
        self._handoff = handoff
        self._now = now
        self._publishers = publishers
        self._not_taken = not_taken
        self._store_full = store_full
        self._nobody = nobody

    async def run(self, process: Process) -> None:
        while True:
            process.enter(ProcessState.WAITING)
            batch = await self._bus.replies.take(AT_ONCE)
            process.enter(ProcessState.RUNNING)
            process.holding = ""
            await each(batch, partial(self._settle, process))

    async def _settle(self, process: Process, arrived: Incoming | NoResponders) -> None:
        if isinstance(arrived, NoResponders):
            self._nobody(arrived)
            return
        try:
            receipt = self._bus.wire.open(arrived.payload, arrived.subject)
            if not isinstance(receipt, Receipt):
                raise FrameError("what came to the inbox is no receipt")
        except FrameError as error:
            self._not_taken(arrived, error)
            return
        lanes, subject = self._publishers, receipt.subject
        patience = lanes.patience(subject)
        judged = self._store.queue(lambda tables: self._judge(tables, receipt), within=patience)
        # What comes next on this lane is bound in the commit that settles what was before.
        nudged = not patience and lanes.nudge(subject)
        try:
            work = await judged
        except StoreFull as error:
            self._store_full(error)
        except Exception:
            process.holding = f"receipt of {receipt.frm} for frame {receipt.tx}"
            raise
        else:
            nudged = nudged or lanes.nudge(subject)
            lanes.wake(lane for lane in work.wake if lane != subject or not nudged)

    def _judge(self, tables: Tables, receipt: Receipt) -> Work:
        judge = self._handoff.receipts
        obeys = self._bus.wire.obeys(receipt.frm)
        return judge.on_receipt(tables.outbox, tables.inbox, receipt, self._now(), signed=obeys)
