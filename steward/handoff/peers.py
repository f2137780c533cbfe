"""PURE: what this start of the daemon has heard of each peer. Forgotten at a crash: only hints."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field

from steward.frames import Frame
from steward.handoff.state import Now
from steward.subjects import NodeName, Subject

OFFSET_WINDOW = 600.0
"""Seconds for which a sample of the peer's clock counts (rule 11)."""

_REMEMBERED = 1024


@dataclass(slots=True)
class Transmission:
    """One frame that went out. ``signature``: what makes its receipt fit the newest frame too."""

    sent: float
    signature: object
    era: int
    """How many stores had been adopted when it went out."""
    answered_by: str = ""


@dataclass(slots=True)
class LaneView:
    """What this start knows of one lane. Times are steady."""

    due: float = 0.0
    last_sent: float = float("-inf")
    tries: int = 0
    signature: object = None
    budget: int = 0
    """Bytes of bodies to bind at once."""
    receipted_by: str = ""
    """The peer's start when its last receipt for this stream came."""


@dataclass(slots=True)
class PeerView:
    """What this start knows of one peer."""

    transmissions: OrderedDict[str, Transmission] = field(default_factory=OrderedDict)
    offsets: deque[tuple[float, float]] = field(default_factory=deque)
    """(steady time, the peer's clock minus mine), since the adoption."""
    fresh: float = float("-inf")
    """Since when it is proved that the adopted store answers."""
    start: str = ""
    store: str = ""
    """What it last said of itself: a hint, no more."""
    tell_retired: str = ""
    """A store id that was retired, and has spoken since."""
    era: int = 0
    suspected: float = float("inf")
    """Since when two stores have been seen to answer one transmission."""
    lanes: dict[Subject, LaneView] = field(default_factory=dict)

    def lane(self, subject: Subject) -> LaneView:
        return self.lanes.setdefault(subject, LaneView())

    def sent(self, frame: Frame, signature: object, now: Now) -> None:
        self.transmissions[frame.tx] = Transmission(now.steady, signature, self.era)
        if len(self.transmissions) > _REMEMBERED:
            self.transmissions.popitem(last=False)

    def sample_clock(self, theirs: float, now: Now) -> None:
        self.offsets.append((now.steady, theirs - now.wall))
        while self.offsets[0][0] < now.steady - OFFSET_WINDOW:
            self.offsets.popleft()

    @property
    def offset(self) -> float | None:
        """What to add to my wall time to get the peer's, early by a round trip at most."""
        return max(o for _, o in self.offsets) if self.offsets else None

    def forget_store(self) -> None:
        """Another store was adopted: nothing sent before may prove anything of it."""
        self.era += 1
        self.offsets.clear()
        self.fresh = float("-inf")
        for lane in self.lanes.values():
            lane.due, lane.tries, lane.signature, lane.receipted_by = 0.0, 0, None, ""


class Peers:
    """All of them, shared by both ends: a frame is evidence for the sender as well."""

    def __init__(self) -> None:
        self._views: dict[NodeName, PeerView] = {}

    def __getitem__(self, name: NodeName) -> PeerView:
        return self._views.setdefault(name, PeerView())

    def heard(self, name: NodeName, start: str, store: str, now: Now) -> bool:
        """Any sign of life: whoever waits for it may try again, two seconds after its last try,
        or at once if the peer has just started. Returns whether it has."""
        view = self[name]
        started = start != view.start
        view.start, view.store = start, store
        for lane in view.lanes.values():
            lane.due = min(lane.due, now.steady if started else lane.last_sent + 2.0)
        return started

    def stir(self, now: Now) -> None:
        """The link is back: every lane may try at once."""
        for view in self._views.values():
            for lane in view.lanes.values():
                lane.due, lane.tries = min(lane.due, now.steady), 0
