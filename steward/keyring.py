"""PURE: who has which key, as far as central has said so, and what holds no more."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from steward import statements
from steward.errors import TrustError
from steward.signing import key_id
from steward.statements import Certificate, Revocation, Statement

if TYPE_CHECKING:
    from steward.subjects import NodeName

OVERLAP = 2
"""Of one name's keys this many hold at once: a new one, and the one before it, which goes on until
central ends it by a revocation."""


class Holder(NamedTuple):
    """Who has a key. ``signed`` is central's word for it, empty for the anchor; ``issuer`` the id
    of central's key that gave it."""

    name: NodeName
    public: bytes
    serial: int
    broker: str = ""
    signed: bytes = b""
    issuer: str = ""


class Keyring:
    """Everything rests on the anchor: central's first signing key, known from the join token.

    A later key of central's is a certificate like any other, signed with one of its keys that
    still holds.
    """

    def __init__(
        self,
        central: NodeName,
        anchor: bytes,
        statements_: Iterable[bytes] = (),
        *,
        serial: int = 0,
    ) -> None:
        """``statements_``: as they were learned before, central's certificates first, revocations
        last; those that hold no more are left out. ``serial``: of the anchor, which is a later key
        of central's for a node that joined after central had changed it."""
        self.central = central
        self._holders: dict[str, Holder] = {}
        """By the key's id."""
        self._by_name: dict[NodeName, tuple[Holder, ...]] = {}
        self._revoked: dict[NodeName, int] = {}
        self._chain: dict[int, bytes] = {}
        """Central's own certificates by serial, also those that hold no more: who was away needs
        each to understand the next."""
        self._add(Holder(central, anchor, serial))
        for signed in statements_:
            try:
                self.learn(signed)
            except TrustError:
                continue

    def learn(self, signed: bytes) -> Statement:
        """Take a statement in. Raises TrustError: nobody whom this node trusts has signed it, it
        is about a key that was revoked, or it contradicts what is known."""
        by = self._holders.get(statements.issuer(signed))
        if by is None or by.name != self.central:
            raise TrustError(
                "a statement about a key is signed by nobody who may say so",
                f"only {self.central} may",
            )
        statement = statements.read(signed, by.public)
        if isinstance(statement, Revocation):
            self._revoke(statement)
        else:
            self._take(statement, signed, by)
        return statement

    def copy(self) -> Keyring:
        """One that learns for itself; it may be made while another thread uses this one."""
        other = Keyring(self.central, b"")
        other._holders = self._holders.copy()
        other._by_name = self._by_name.copy()
        other._revoked = self._revoked.copy()
        other._chain = self._chain.copy()
        return other

    def holder(self, id: str) -> Holder | None:
        """Who has the key of this id, if it holds."""
        return self._holders.get(id)

    def keys_of(self, name: NodeName) -> tuple[Holder, ...]:
        """A name's keys that hold, the newest first."""
        return self._by_name.get(name, ())

    def newest(self, name: NodeName) -> Holder | None:
        """The first of these."""
        keys = self.keys_of(name)
        return keys[0] if keys else None

    def names(self) -> list[NodeName]:
        """Who has a key that holds."""
        return sorted(name for name, keys in self._by_name.copy().items() if keys)

    def chain(self) -> list[bytes]:
        """How central's keys came from the anchor, the oldest first: what somebody needs who knows
        an older one."""
        return [self._chain[serial] for serial in sorted(self._chain)]

    def upto(self, name: NodeName) -> int:
        """The highest serial of the name that was revoked; -1: none."""
        return self._revoked.get(name, -1)

    def _take(self, said: Certificate, signed: bytes, by: Holder) -> None:
        if said.serial <= self.upto(said.name):
            raise TrustError(
                f"the key of {said.name} was revoked",
                f"{said.name} has to be accepted again: steward nodes pending, on {self.central}",
            )
        is_central = said.name == self.central
        if is_central and said.serial <= by.serial:
            raise TrustError(f"a key of {self.central} is said by one that is not older")
        known = self.keys_of(said.name)
        if any(h.serial == said.serial and h.public != said.key for h in known):
            raise TrustError(f"{said.name} has another key under the serial {said.serial}")
        if any(h.serial > said.serial and h.public == said.key for h in known):
            return
        if any(h.serial == said.serial and self._serial(h.issuer) > by.serial for h in known):
            raise TrustError(f"a newer key of {self.central} has said the same of {said.name}")
        if not is_central and len(known) >= OVERLAP and said.serial < known[OVERLAP - 1].serial:
            raise TrustError(f"this key of {said.name} was replaced")
        self._add(Holder(said.name, said.key, said.serial, said.broker, signed, key_id(by.public)))
        if is_central:
            self._chain[said.serial] = signed
            return
        for old in self.keys_of(said.name)[OVERLAP:]:
            self._drop(old)

    def _serial(self, central_key: str) -> int:
        """Of central's key with this id; -1: it holds no more."""
        held = self._holders.get(central_key)
        return -1 if held is None else held.serial

    def _add(self, holder: Holder) -> None:
        others = [h for h in self.keys_of(holder.name) if h.public != holder.public]
        self._holders[key_id(holder.public)] = holder
        newest_first = sorted((holder, *others), key=lambda h: -h.serial)
        self._by_name[holder.name] = tuple(newest_first)

    def _revoke(self, said: Revocation) -> None:
        upto = self._revoked[said.name] = max(said.upto, self.upto(said.name))
        for old in self.keys_of(said.name):
            if old.serial <= upto:
                self._drop(old)

    def _drop(self, holder: Holder) -> None:
        """What was said of nodes with a key of central's goes with it; its successors stay."""
        id = key_id(holder.public)
        self._holders.pop(id, None)
        self._by_name[holder.name] = tuple(
            h for h in self.keys_of(holder.name) if h.public != holder.public
        )
        if holder.name == self.central:
            for other in [h for h in self._holders.values() if h.issuer == id]:
                if other.name != self.central:
                    self._drop(other)
