"""What central signs: certificates, revocations, changed keys; and how the nodes hear of them.

Every decision is a unit of work: what it returns was signed and is stored, and goes to the keyring,
the broker's list and the nodes once it is committed (``node/registrar.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple

import msgspec

from node.introduction import LEAST_OVERLAP, NewKeys
from steward import statements
from steward.errors import Refused, TrustError
from steward.handoff.state import Now
from steward.key_files import Keys
from steward.keyring import Holder, Keyring
from steward.message import Kind, Message, new_id
from steward.records_trust import Retirement
from steward.signing import SigningKey, fingerprint, key_id
from steward.statements import Certificate, Revocation, Statement
from steward.store import Tables
from steward.subjects import NodeName, Subject, subject
from steward.trust import Trust

AT_ONCE: Final = 100
"""Statements in one message: 30 KiB."""
MOST_JOINED: Final = 256 * 1024
"""Bytes of statements, as JSON, in one answer to who has introduced itself."""


class Decision(NamedTuple):
    """``new``: the statements that were made, in the order to learn them in; ``lanes``: where they
    go to nodes; ``facts``: what the operator is told."""

    new: tuple[bytes, ...] = ()
    lanes: tuple[Subject, ...] = ()
    facts: dict[str, Any] = {}


class Issuer:
    """Central's. ``trust`` has its keyring and the key that it signs with."""

    def __init__(self, trust: Trust, timeout: float, now: Callable[[], Now]) -> None:
        """``timeout``: seconds that a message to a node waits for its receipt."""
        self.trust = trust
        self.now = now
        self._timeout = timeout

    @property
    def ring(self) -> Keyring:
        return self.trust.keyring

    def nodes(self) -> set[NodeName]:
        """Who has a key that holds, central left out."""
        return set(self.ring.names()) - {self.ring.central}

    def check_free(self, name: NodeName, new: NewKeys) -> None:
        """Raises Refused: a key, or an nkey, is another's. The broker would take no list with one
        nkey twice, and a copied folder is no node of its own."""
        ring = self.ring
        if name == ring.central:
            raise Refused(f"{name} is this node")
        holder = ring.holder(key_id(new.key))
        others = (h for n in ring.names() if n != name for h in ring.keys_of(n))
        if (holder is not None and holder.name != name) or any(
            new.broker == other.broker for other in others
        ):
            raise Refused(
                f"{name} has the keys of another node: was its state folder copied?",
                "move its keys folder away there, and join again",
            )

    def rekey(self, tables: Tables, name: NodeName, new: NewKeys, *, is_vouched: bool) -> Decision:
        """A node has new keys: both hold for a while. ``is_vouched``: by its newest key, as an
        older one that still holds may be in other hands by now. One change at a time, and none
        while central's own is under way. Raises Refused."""
        self.check_free(name, new)
        ring = self.ring
        held = ring.holder(key_id(new.key))
        if held is not None and held.broker == new.broker:  # it did not hear the answer
            if tables.outbox.open_in_lane(subject(name, "EventACK", "Trust")):
                return Decision()
            return Decision(lanes=tuple(self.tell(tables, [name], [held.signed])))
        current = ring.newest(name)
        if current is None or current.serial <= tables.trust.upto(name):
            raise Refused(f"{name} has no key that holds", "steward nodes pending, on central")
        if not is_vouched:
            raise Refused(f"the newest key of {name} has not signed this", "steward keys rotate")
        if any(old.name == name for old in tables.trust.retirements()):
            raise Refused(
                f"{name} has changed its keys, and the one before them still holds",
                "steward keys rotate again once it has ended (steward keys show, on central)",
            )
        mine = ring.holder(self.trust.key.id)
        if mine is None or mine.serial < tables.trust.highest_serial(ring.central):
            raise Refused(f"{ring.central} changes its own keys now", "steward keys rotate again")
        serial = tables.trust.highest_serial(name) + 1
        made = self.issue(tables, [self.certificate(name, new.key, new.broker, serial)])
        self._retire(tables, current, current.broker, max(LEAST_OVERLAP, new.overlap))
        tables.trust.forget_certificates(name, current.serial)
        return Decision(tuple(made), tuple(self.tell(tables, [name], made)))

    def rotate(self, tables: Tables, keys: Keys, broker: str, overlap: float) -> Decision:
        """Central's own next keys: certified with the old one; all nodes' again with the new, and
        what was revoked, as the old one takes with it what it has said. ``broker``: the public nkey
        until now."""
        ring = self._stored(tables)
        current, me = ring.newest(ring.central), ring.central
        assert current is not None
        serial = max(current.serial, tables.trust.highest_serial(me)) + 1
        signing = keys.signing
        made = self.issue(tables, [self.certificate(me, signing.public, keys.broker, serial)])
        self._retire(tables, current, broker, overlap)
        lanes: list[Subject] = []
        ended = self.issue(tables, tables.trust.ended(), signing)
        nodes = sorted(set(ring.names()) - {me})
        for name in nodes:
            again = [
                Certificate(name, h.public, h.broker, h.serial, self.now().wall)
                for h in reversed(ring.keys_of(name))
            ]
            theirs = self.issue(tables, again, signing)
            lanes += self.tell(tables, [name], [*ring.chain(), made[0], *ended, *theirs])
            made += theirs
        facts = {"fingerprint": fingerprint(signing.public), "told": len(nodes)}
        return Decision((*made, *ended), tuple(lanes), facts)

    def _stored(self, tables: Tables) -> Keyring:
        """The keyring with what is stored and was not learned yet: a Rekey just now."""
        ring = self.ring.copy()
        for signed in tables.trust.statements(ring.central):
            with suppress(TrustError):
                ring.learn(signed)
        return ring

    def _retire(self, tables: Tables, old: Holder, broker: str, overlap: float) -> None:
        due = self.now().wall + overlap
        tables.trust.retire(Retirement(old.name, old.serial, broker, due))

    def end_due(self, tables: Tables) -> Decision:
        """End the keys whose time beside their successors is over."""
        due = [r for r in tables.trust.retirements() if r.due <= self.now().wall]
        ended: dict[NodeName, int] = {}
        for old in due:
            ended[old.name] = max(old.serial, ended.get(old.name, 0))
        made = self.issue(tables, [Revocation(name, upto) for name, upto in ended.items()])
        for name, upto in ended.items():
            tables.trust.end_retirement(name, upto)
        return Decision(tuple(made), tuple(self.tell(tables, self.nodes(), made) if made else ()))

    def certificate(self, name: NodeName, key: bytes, broker: str, serial: int) -> Certificate:
        return Certificate(name, key, broker, serial, self.now().wall)

    def issue(
        self, tables: Tables, said: Iterable[Statement], key: SigningKey | None = None
    ) -> list[bytes]:
        """Signed, by ``key`` if not by the one in use, and stored."""
        made = []
        for statement in said:
            signed = statements.issue(statement, key or self.trust.key)
            tables.trust.keep(statement, signed, self.now())
            made.append(signed)
        return made

    def answer(self, tables: Tables, name: NodeName, key: bytes | None) -> list[bytes]:
        """What a node needs to hear that has introduced itself; ``key``: with which it was
        accepted. Then also what was revoked, as far as it fits: messages bring the rest."""
        own = tables.trust.revocation_of(name)
        said = [*self.ring.chain(), *own]
        held = self.ring.holder(key_id(key)) if key is not None else None
        if held is None:
            return said
        said.append(held.signed)
        left = MOST_JOINED - sum(map(_size, said))
        for signed in tables.trust.revocations():
            left -= _size(signed)
            if left >= 0 and signed not in own:
                said.append(signed)
        return said

    def tell(
        self, tables: Tables, names: Iterable[NodeName], said: Sequence[bytes]
    ) -> list[Subject]:
        """Queue statements for nodes; the lanes to wake once this is committed."""
        pages = [said[at : at + AT_ONCE] for at in range(0, len(said), AT_ONCE)]
        messages = [
            Message(
                id=new_id(), to=name, kind=Kind.EVENT_ACK, method="Trust",
                data=tuple(one.decode() for one in page), timeout=self._timeout, retries=0,
            )
            for name in names
            for page in pages
        ]  # fmt: skip
        if messages:
            tables.outbox.submit(messages, None, self.now())
        return [message.subject for message in messages]


def _size(signed: bytes) -> int:
    """Its bytes as an element of a message's data."""
    return len(msgspec.json.encode(signed.decode())) + 1
