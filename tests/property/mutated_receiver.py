"""The receiver with one rule switched off."""

# mypy: disable-error-code="method-assign"

from __future__ import annotations

from typing import Any

from msgspec import structs

from steward.frames import Entry, Frame, Receipt
from steward.handoff.ports import Receiving
from steward.handoff.receiver import Node
from steward.handoff.state import InStream, Now
from steward.subjects import NodeName, Subject
from tests.ends import End
from tests.property.sim_disk import copied
from tests.property.sim_node import SimNode


def no_duplicate_detection(node: SimNode) -> None:
    receiver = node.core.receiver
    receiver._is_new = lambda stream, e: e.seq > stream.base
    receiver._lacks_some = lambda stream, f: f.base > stream.last


def window_instead_of_last(node: SimNode) -> None:
    receiver, heard = node.core.receiver, dict[Any, float]()
    original = receiver._stream

    def forgetful(inbox: Any, f: Frame) -> InStream:
        stream = original(inbox, f)
        key, t = (f.store, f.subject), node.world.t
        if t - heard.get(key, t) > 120:
            last = min(stream.last, f.base)
            stream = structs.replace(stream, last=last, base=0, ids={}, verdicts={})
        heard[key] = t
        return stream

    receiver._stream = forgetful


def verdicts_not_repeated(node: SimNode) -> None:
    receiver = node.core.receiver
    take, make = receiver._take, receiver._receipt
    taken: set[int] = set()

    def _take(inbox: Receiving, stream: InStream, f: Frame, now: Now, node: Node) -> None:
        before = set(stream.verdicts)
        take(inbox, stream, f, now, node)
        taken.clear()
        taken.update(set(stream.verdicts) - before)

    def _receipt(*args: Any, **kwargs: Any) -> Receipt:
        r = make(*args, **kwargs)
        return structs.replace(r, verdicts={q: v for q, v in r.verdicts.items() if q in taken})

    receiver._take, receiver._receipt = _take, _receipt


def gap_ignored(node: SimNode | End) -> None:
    receiver = node.core.receiver
    receiver._lacks_some = lambda stream, f: False
    take = receiver._take

    def _take(inbox: Receiving, stream: InStream, f: Frame, now: Now, node: Node) -> None:
        fit: list[Entry] = []
        for e in f.messages:
            if e.seq <= stream.last + 1 + sum(x.seq > stream.last for x in fit):
                fit.append(e)
        base = min(f.base, stream.last)
        take(inbox, stream, structs.replace(f, messages=tuple(fit), base=base), now, node)

    receiver._take = _take


def voided_although_started(node: SimNode) -> None:
    inbox = node.receiving
    original = inbox.void

    def void(frm: NodeName, store: str, subject: Subject, seq: int) -> bool:
        started = any(
            (c.frm, c.store, c.subject, c.seq) == (frm, store, subject, seq)
            for c in inbox.started_rows()
        )
        return started or original(frm, store, subject, seq)

    inbox.void = void


def nothing_known_after_renewal(node: End) -> None:
    node.ledger.receiving.known = lambda ids: frozenset()


class ReceiptBeforeCommit(SimNode):
    def take(self, frame: Frame, now: Now) -> None:
        before, _ = copied(self.disk, {})
        receiver = self.core.receiver
        work = receiver.on_frame(
            self.receiving, self.sending, frame, now, self.node(frame), signed=self.world.signed
        )
        done, self.disk = self.disk, before
        if work.receipt is not None:
            self.post(work.receipt)
        self.world.crash_point(self, 0.03)
        self.disk = done
        self.carry_out(work._replace(receipt=None))
        self.after_commit()
        self.executor.execute()
