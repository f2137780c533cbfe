"""I7, nothing starts after it expired: what each end was told of the others' clocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from steward.frames import Frame, Notice, Receipt
from steward.handoff.peers import OFFSET_WINDOW
from steward.message import MessageId
from steward.subjects import NodeName
from tests.property.model_rows import Accepted, Broken

if TYPE_CHECKING:
    from tests.property.model_daemon import ModelDaemon
    from tests.property.model_town import Town


class Clocks:
    """The part of the books that is about time."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.forgiving = False
        """A copy was put back and nobody said so: some promises are off."""
        self.accepted: dict[MessageId, Accepted] = {}
        self._stepped: set[NodeName] = set()
        self._heard: dict[tuple[NodeName, NodeName], list[tuple[float, float]]] = {}

    def fault(self, what: str, *facts: object) -> None:
        """Raises Broken, unless an unnoticed restore excuses it."""
        if not (self.forgiving and what[:2] in ("I2", "I3", "I4", "I5", "I6", "I7", "A ", "R ")):
            raise Broken(" ".join(map(str, (what, *facts))))

    def heard(self, end: ModelDaemon, letter: Frame | Receipt | Notice) -> None:
        """News of the sender's clock: what is known of it since either was set anew."""
        if isinstance(letter, Frame | Notice):
            other = self.town.ends[letter.frm]
            if self.town.skew_of(letter) == other.skew:  # else under way since before the step
                key = (end.name, letter.frm)
                ahead = letter.clock - self.town.t
                self._heard.setdefault(key, []).append((self.town.t, ahead))

    def steps(self, end: ModelDaemon) -> None:
        self._stepped.add(end.name)
        self.forgets(end)

    def forgets(self, end: ModelDaemon) -> None:
        """What it knew of others' clocks was in its memory, what they knew of its own is past."""
        for key in [k for k in self._heard if end.name in k]:
            del self._heard[key]

    def in_time(self, end: ModelDaemon, frm: NodeName, id: MessageId) -> None:
        """I7, by the sender's clock as the receiver last knew it, asked at the decision. Nothing
        is promised of a NACK kind."""
        known = self.accepted.get(id)
        if known is None or known.expires is None or not known.message.kind.is_acked:
            return
        ahead = self.town.ends[frm].skew
        if self._stepped & {end.name, frm}:
            heard = self._heard.get((end.name, frm), [(0.0, float("-inf"))])
            recent = [sample for t, sample in heard if t >= self.town.t - OFFSET_WINDOW]
            ahead = max(recent, default=heard[-1][1])
        if self.town.t + ahead > known.expires:
            self.fault("I7 after it had expired", id)
