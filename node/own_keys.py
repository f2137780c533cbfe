"""A node's own keys while it runs: new ones take the place of the old; its ways in with them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from node.trusting import Trusting
from steward.access import Access
from steward.bus import Bus
from steward.key_change import forget_old, next_keys, old_broker_seed, promote
from steward.key_files import read_trust, write_trust
from steward.signing import fingerprint
from steward.trust import Trust

log = logging.getLogger(__name__)


class Way(NamedTuple):
    """How the bus gets in: as whom, and whether only to introduce itself."""

    what: str
    access: Access
    joining: bool = False


class OwnKeys:
    """``access``: what the settings make of an nkey's seed."""

    def __init__(
        self, trusting: Trusting, state_dir: Path, bus: Bus, access: Callable[[bytes], Access]
    ) -> None:
        self.trusting = trusting
        self.state_dir = state_dir
        self._bus = bus
        self._access = access
        self._at = 0
        self.move_anchor()
        self.advance()
        self.enter(0)

    @property
    def trust(self) -> Trust:
        return self.trusting.trust

    @property
    def certified(self) -> bool:
        """Whether central has said, as far as this node knows, that its key is its."""
        held = self.trust.keyring.holder(self.trust.key.id)
        return held is not None and held.name == self.trust.me

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.trust.key.public)

    @property
    def way(self) -> Way:
        """The one that is used, or tried, now."""
        ways = self.ways()
        return ways[self._at % len(ways)]

    def ways(self) -> list[Way]:
        """Those that there are, the best first."""
        trusting = self.trusting
        own = [Way("its own key", self._access(trusting.keys.broker_seed))]
        if old := old_broker_seed(self.state_dir):
            own.append(Way("its old key", self._access(old)))
        if trusting.trust.me == trusting.file.central or not trusting.file.joiner:
            return own
        asking = Way("the key of those who join", self._access(trusting.file.joiner.encode()), True)
        return [*own, asking] if self.certified else [asking, *own]

    def enter(self, at: int) -> None:
        """Use this one of the ways from now on."""
        self._at = at
        way = self.way
        log.debug("the way in is %s", way.what)
        self._bus.enter(way.access, self.trusting.file.central if way.joining else None)

    def enter_next(self) -> None:
        self.enter((self._at + 1) % len(self.ways()))

    @property
    def is_best(self) -> bool:
        return self._at == 0

    def keep_chain(self) -> None:
        """At central: how its new key follows from the first has to survive the loss of its store.
        Raises TrustError, OSError."""
        file = read_trust(self.state_dir)
        if file is not None:
            said = tuple(signed.decode() for signed in self.trust.keyring.chain())
            write_trust(self.state_dir, msgspec.structs.replace(file, said=said))

    def move_anchor(self) -> None:
        """On a node: once the key has ended that central had when it joined, trust one that holds,
        also after the loss of the store, which knows of the end. Raises TrustError, OSError."""
        file, ring = read_trust(self.state_dir), self.trust.keyring
        holding = ring.keys_of(ring.central)
        if file is None or self.trust.me == ring.central or not holding:
            return
        if file.serial <= ring.upto(ring.central):
            oldest = holding[-1]
            file = msgspec.structs.replace(file, key=oldest.public, serial=oldest.serial)
            write_trust(self.state_dir, file)
            log.info("%s is known by its key with the serial %d now", ring.central, oldest.serial)

    def tidy(self) -> None:
        """Forget the old nkey once its time beside the new one is over. Raises OSError."""
        if self.certified and len(self.trust.keyring.keys_of(self.trust.me)) == 1:
            forget_old(self.state_dir)

    def advance(self) -> bool:
        """Use the next keys, if there are any and central has certified them; whether it did.
        Raises TrustError, OSError."""
        waiting = next_keys(self.state_dir)
        if waiting is None:
            return False
        held = self.trust.keyring.holder(waiting.signing.id)
        if held is None or held.name != self.trust.me:
            return False
        promote(self.state_dir)
        self.trusting.keys = waiting
        self.trust.use(waiting.signing)
        log.warning("this node's keys are new ones, with the fingerprint %s", self.fingerprint)
        return True
