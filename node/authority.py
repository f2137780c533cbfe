"""Central's word on nodes: who is accepted, refused, replaced and revoked, and sends to whom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from node.introduction import NewKeys
from node.issuer import Decision, Issuer
from steward.errors import NotPossible, Refused, UnknownId
from steward.records_trust import Introduction
from steward.signing import fingerprint, key_id
from steward.statements import Revocation, Statement
from steward.store import Tables
from steward.subjects import NodeName

_NEAR: Final = 1000
"""So many serials a node may know of that central, restored, has forgotten."""


class Authority(Issuer):
    """Central's."""

    # ---------------------------------------------------------------- who wants to belong

    def introduced(self, tables: Tables, name: NodeName, new: NewKeys) -> tuple[str, str]:
        """Note that a node wants to be accepted; its state (accepted, pending, refused, closed),
        and, the first time that a name in use comes with another key, the alarm about that. Raises
        Refused for what nobody will ever accept."""
        ring, now = self.ring, self.now().wall
        self.check_free(name, new)
        held = ring.holder(key_id(new.key))
        if held is not None and held.broker == new.broker:
            return "accepted", ""
        known = [i for i in tables.trust.introductions(name) if i.key == new.key]
        if not known and now > tables.trust.open_until():
            return "closed", ""
        facts = msgspec.json.encode(new).decode()
        one = Introduction(name, new.key, new.broker, "pending", facts, now, now)
        if not tables.trust.introduce(one):
            raise Refused("too many nodes wait to be accepted", "steward nodes pending, refuse")
        current = ring.newest(name)
        alarm = ""
        if not known and current is not None and current.public != new.key:
            alarm = (
                f"something has introduced itself as {name} with the key"
                f" {fingerprint(new.key)}; {name} has {fingerprint(current.public)}"
            )
        return (known[0].state if known else "pending"), alarm

    def pending(self, tables: Tables) -> list[dict[str, Any]]:
        """Who waits, for people and programs."""
        return [self._introduction(one) for one in tables.trust.introductions()]

    def _introduction(self, one: Introduction) -> dict[str, Any]:
        current = self.ring.newest(one.name)
        is_other = current is not None and current.public != one.key
        said = msgspec.json.decode(one.facts, type=NewKeys)
        return {
            "name": one.name,
            "state": one.state,
            "fingerprint": fingerprint(one.key),
            "conflict": is_other,
            "revoked": self.ring.upto(one.name) >= 0,
            "known": fingerprint(current.public) if current and is_other else "",
            "first": one.first_at,
            "last": one.last_at,
            "version": said.version,
            "machine": said.machine,
            "labels": said.labels,
        }

    # ---------------------------------------------------------------- the operator's word

    def waiting(self, tables: Tables, name: NodeName, compared: str) -> NewKeys:
        """What the one has said that has introduced itself with the fingerprint ``compared``.
        Raises UnknownId, NotPossible."""
        return msgspec.json.decode(_the_one(tables, name, compared).facts, type=NewKeys)

    def certify(
        self, tables: Tables, name: NodeName, new: NewKeys, *, replace: bool = False
    ) -> Decision:
        """Certify a node's keys, which somebody has compared. Raises NotPossible: another key has
        the name and is not to be replaced, or these keys are another's."""
        try:
            self.check_free(name, new)
        except Refused as refusal:
            raise NotPossible(refusal.text, refusal.hint) from None
        others = [h for h in self.ring.keys_of(name) if h.public != new.key]
        if others and not replace:
            raise NotPossible(
                f"{name} is in use with another key, {fingerprint(others[0].public)}",
                "find out why; --replace takes the new key and revokes the other",
            )
        highest = tables.trust.highest_serial(name)
        said: list[Statement] = []
        if others:
            said.append(Revocation(name, highest))
            tables.trust.end_retirement(name, highest)
        if new.serial <= highest + _NEAR:
            highest = max(highest, new.serial)
        said.append(self.certificate(name, new.key, new.broker, highest + 1))
        made = self.issue(tables, said)
        tables.trust.end_introduction(name, new.key)
        told = self.nodes() - {name} if others else set[NodeName]()
        lanes = self.tell(tables, told, made[:1])
        lanes += self.tell(tables, [name], [*self.ring.chain(), *made])
        facts = {
            "name": name, "serial": highest + 1, "fingerprint": fingerprint(new.key),
            "replaced": bool(others), "told": len(told),
        }  # fmt: skip
        return Decision(tuple(made), tuple(lanes), facts)

    def refuse(self, tables: Tables, name: NodeName, new: NewKeys) -> Decision:
        """Turn one away; it can still be accepted."""
        tables.trust.refuse(name, new.key)
        return Decision(facts={"name": name, "fingerprint": fingerprint(new.key)})

    def revoke(self, tables: Tables, name: NodeName) -> Decision:
        """End all that a name has; everybody is told. Raises UnknownId, NotPossible."""
        ring = self.ring
        if name == ring.central:
            raise NotPossible(f"{name} is central itself", "steward keys rotate changes its keys")
        if not ring.keys_of(name):
            raise UnknownId(f"{name} has no key that holds", "steward keys show")
        upto = tables.trust.highest_serial(name)
        made = self.issue(tables, [Revocation(name, upto)])
        tables.trust.set_routes(name, ())
        tables.trust.end_retirement(name, upto)
        others = self.nodes() - {name}
        lanes = self.tell(tables, others, made)
        return Decision(
            tuple(made), tuple(lanes), {"name": name, "upto": upto, "told": len(others)}
        )

    def route(self, tables: Tables, name: NodeName, to: Sequence[NodeName], end: bool) -> Decision:
        """Let a node send to others, or no longer. Raises UnknownId: one of them has no key."""
        ring = self.ring
        for one in (name, *to):
            if not ring.keys_of(one) and not end:
                raise UnknownId(f"{one} has no key that holds", "steward keys show")
        now = tables.trust.routes().get(name, [])
        routes = [n for n in now if n not in to] if end else list(dict.fromkeys([*now, *to]))
        tables.trust.set_routes(name, [n for n in routes if n not in (name, ring.central)])
        return Decision(facts={"name": name, "to": tables.trust.routes().get(name, [])})


def _the_one(tables: Tables, name: NodeName, compared: str) -> Introduction:
    """Raises UnknownId: nobody of that name has introduced itself; NotPossible: not with that
    fingerprint."""
    found = tables.trust.introductions(name)
    if not found:
        raise UnknownId(f"no node {name} has introduced itself", "steward nodes pending")
    for one in found:
        if fingerprint(one.key) == compared:
            return one
    raise NotPossible(
        f"what wants to be {name} has the fingerprint {fingerprint(found[-1].key)}, not {compared}",
        "look at it on the node itself: steward keys show",
    )
