"""PURE: what this start of the daemon has heard of each peer. Forgotten at a crash: only hints."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import NamedTuple

from steward.frames import Frame
from steward.handoff.pace import AGAIN, Pace
from steward.handoff.state import Now
from steward.subjects import NodeName, Subject

OFFSET_WINDOW = 600.0
"""Seconds for which a sample of the peer's clock counts (rule 11)."""

MOST_TRANSMISSIONS = 2048
LEAST_TRANSMISSIONS = 16
MOST_ANSWERED = 64
"""Of the answered: a second answer to one may still show that there are two machines."""
REMEMBERED = 900.0
"""Seconds for which a transmission is kept for its receipt, beyond the last few."""

FRESH = 60.0
"""Seconds for which an answer, or a hello or frame of the same store, lets new messages be
bound."""

MOST_STORES = 8
MOST_PEERS = 10_000
"""Beyond, those that nothing goes to are forgotten: a name costs a stranger nothing."""


class Signature(NamedTuple):
    """What a frame said; the receipt of another frame that said the same answers this one too."""

    instance: str
    base: int
    last: int
    tombstones: tuple[int, ...]


@dataclass(slots=True)
class Transmission:
    """One frame that went out."""

    sent: float
    signature: Signature | None
    size: int
    """Bytes of bodies in it."""
    era: int
    """How many stores had been adopted when it went out."""
    answered_by: str = ""


@dataclass(slots=True)
class LaneView:
    """What this start knows of one lane. Times are steady."""

    due: float = 0.0
    last_sent: float = float("-inf")
    tries: int = 0
    signature: Signature | None = None
    patience: float = 10.0
    """The smallest timeout in the newest frame."""
    size: int = 0
    """Bytes of bodies in the newest frame."""
    budget: int = 0
    """Bytes of bodies to bind at once; 0: not learned yet."""
    receipted_by: str = ""
    """The peer's start when its last receipt for this stream came."""
    waiting: bool = False
    """Something was open here when it was last looked at."""
    pressing: bool = False
    """And it was not delivered yet: a sign of life is news."""
    asking: bool = False
    """And it waits for the answer to a question."""


class Largest:
    """The largest sample of the last ``OFFSET_WINDOW`` seconds; the newest one stays for ever."""

    def __init__(self) -> None:
        self._falling: deque[tuple[float, float]] = deque()
        """(steady time, sample), each larger than all that came after it."""

    def add(self, sample: float, now: Now) -> float:
        """The largest with this one. Of samples that fall, one a second is enough."""
        while self._falling and self._falling[-1][1] <= sample:
            self._falling.pop()
        if self._falling and now.steady - self._falling[-1][0] < 1.0:
            return self._falling[0][1]
        self._falling.append((now.steady, sample))
        while self._falling[0][0] < now.steady - OFFSET_WINDOW:
            self._falling.popleft()
        return self._falling[0][1]

    def clear(self) -> None:
        self._falling.clear()

    @property
    def value(self) -> float | None:
        """None: no sample."""
        return self._falling[0][1] if self._falling else None


@dataclass(slots=True)
class PeerView:
    """What this start knows of one peer."""

    transmissions: OrderedDict[str, Transmission] = field(default_factory=OrderedDict)
    answered: deque[str] = field(default_factory=deque)
    """Those of the transmissions that have been answered."""
    offsets: Largest = field(default_factory=Largest)
    """The peer's clock minus mine, by its receipts since the adoption."""
    fresh: float = float("-inf")
    """Since when it is proved that the adopted store answers; an answer that took long counts as
    one of half a minute ago, or the slowest links would ask for ever."""
    heard: float = float("-inf")
    """When it last showed a sign of life."""
    start: str = ""
    store: str = ""
    """What it last said of itself: a hint, no more."""
    tell_retired: str = ""
    """A store id that was retired, and has spoken since."""
    ahead: Largest = field(default_factory=Largest)
    """By how much its clock was seen to be ahead of mine, since mine was set."""
    heard_since_step: bool = False
    """Since my clock was last set back."""
    era: int = 0
    first_answers: dict[str, float] = field(default_factory=dict)
    """When each store first answered."""
    answered_after: set[tuple[str, str]] = field(default_factory=set)
    """(X, Y): store X has answered something that was sent after Y's first answer had come."""
    lanes: dict[Subject, LaneView] = field(default_factory=dict)
    pace: Pace = field(default_factory=Pace)

    def lane(self, subject: Subject) -> LaneView:
        return self.lanes.setdefault(subject, LaneView())

    def sent(self, frame: Frame, signature: Signature | None, now: Now) -> None:
        kept = self.transmissions
        size = self.lane(Subject(frame.subject)).size = sum(len(e.body) for e in frame.messages)
        kept[frame.tx] = Transmission(now.steady, signature, size, self.era)
        while len(kept) > LEAST_TRANSMISSIONS:
            oldest = next(iter(kept.values()))
            if len(kept) <= MOST_TRANSMISSIONS and oldest.sent > now.steady - REMEMBERED:
                break
            kept.popitem(last=False)

    def shown(self, now: Now) -> None:
        """The adopted store showed itself: what is new may be bound to it without a question, if
        it has ever answered one."""
        if self.offset is not None:
            self.fresh = max(self.fresh, now.steady)

    def again(self, lane: LaneView) -> float:
        """When a lane tries again although nothing says that its last try was lost."""
        return lane.last_sent + max(AGAIN, self.pace.overdue(lane.size, lane.patience))

    def note_answer(self, tx: str, store: str) -> None:
        """``store`` has answered ``tx``, which is one of the transmissions, for the first time."""
        self.transmissions[tx].answered_by = store
        self.answered.append(tx)
        if len(self.answered) > MOST_ANSWERED:
            self.transmissions.pop(self.answered.popleft(), None)

    def sample_clock(self, theirs: float, now: Now) -> None:
        self.offsets.add(theirs - now.wall, now)

    @property
    def offset(self) -> float | None:
        """What to add to my wall time to get the peer's, early by a round trip at most."""
        return self.offsets.value

    def are_two(self, store: str, tx: Transmission, now: Now) -> bool:
        """Note that ``store`` answered ``tx``; True if two stores answer by turns. One that was
        replaced cannot answer what was sent after its successor's first answer had come."""
        firsts = self.first_answers
        for other, since in firsts.items():
            if other != store and tx.sent > since:
                self.answered_after.add((store, other))
        if store not in firsts:
            firsts[store] = now.steady
            if len(firsts) > MOST_STORES:
                gone = next(iter(firsts))
                del firsts[gone]
                self.answered_after = {p for p in self.answered_after if gone not in p}
        return any(
            (other, store) in self.answered_after for s, other in self.answered_after if s == store
        )

    def forget_store(self) -> None:
        """Another store was adopted: nothing sent before may prove anything of it."""
        self.era += 1
        self.offsets.clear()
        self.fresh = float("-inf")
        for lane in self.lanes.values():
            lane.due, lane.tries, lane.signature, lane.receipted_by = 0.0, 0, None, ""

    def waiting(self) -> tuple[Subject, ...]:
        return tuple(subject for subject, lane in self.lanes.items() if lane.waiting)

    def asking(self) -> tuple[Subject, ...]:
        return tuple(subject for subject, lane in self.lanes.items() if lane.asking)


class Peers:
    """All of them, shared by both ends: a frame is evidence for the sender as well."""

    def __init__(self) -> None:
        self._views: dict[NodeName, PeerView] = {}

    def __getitem__(self, name: NodeName) -> PeerView:
        view = self._views.get(name)
        if view is None:
            if len(self._views) >= MOST_PEERS:
                self._views = {n: v for n, v in self._views.items() if v.lanes}
            view = self._views[name] = PeerView()
        return view

    def heard(
        self, name: NodeName, start: str, store: str, now: Now
    ) -> tuple[bool, tuple[Subject, ...]]:
        """Any sign of life: what waits for it tries again once an answer would be overdue, at once
        if the peer is another than before. Returns whether it is (a start, or a store id, that was
        not heard last), or this is the first word after a minute's silence; and the lanes to look
        at: on a busy link, where nothing is due earlier for it, none."""
        view = self[name]
        is_other = start != view.start or store != view.store
        is_back = now.steady - view.heard >= FRESH
        view.start, view.store, view.heard = start, store, now.steady
        if is_other or is_back:
            for lane in view.lanes.values():
                again = now.steady if is_other else max(now.steady, view.again(lane))
                lane.due = min(lane.due, again)
            return True, view.waiting()
        moved = []
        for subject, lane in view.lanes.items():
            again = max(now.steady, view.again(lane))
            if lane.pressing and again < lane.due:
                lane.due = again
                moved.append(subject)
        return False, tuple(moved)

    def stir(self, now: Now) -> None:
        """The link is back: every lane may try at once."""
        for view in self._views.values():
            for lane in view.lanes.values():
                lane.due, lane.tries = min(lane.due, now.steady), 0

    def clock_stepped(self, *, back: bool) -> None:
        """My clock was set: what was known of the others', seen from mine, says nothing."""
        for view in self._views.values():
            view.ahead.clear()
            view.heard_since_step = view.heard_since_step and not back

    def lanes(self) -> tuple[Subject, ...]:
        """Every lane that was looked at."""
        return tuple(subject for view in self._views.values() for subject in view.lanes)
