"""Central's office over a real store, for tests."""

from __future__ import annotations

import msgspec

from node.authority import Authority
from node.introduction import LEAST_OVERLAP, NewKeys
from node.issuer import Decision
from steward import statements
from steward.handoff.state import Now
from steward.key_files import Keys, new_nkey
from steward.keyring import Keyring
from steward.message import Body, State
from steward.outbox_rows import QUEUED
from steward.signing import SigningKey
from steward.statements import Statement
from steward.store import Store, Tables
from steward.subjects import NodeName, subject
from steward.trust import Trust

CENTRAL, SHIP, OTHER = NodeName("central"), NodeName("ship1"), NodeName("ship2")
OVERLAP = LEAST_OVERLAP


def new_keys() -> Keys:
    return Keys(SigningKey.generate(), new_nkey())


def said(keys: Keys, **more: float) -> NewKeys:
    fields = {"key": keys.signing.public, "broker": keys.broker, "overlap": OVERLAP} | more
    return msgspec.convert(fields, NewKeys)


class Office:
    """Central with a clock that tests set; ``told``: what goes to each node, in order."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.wall = 1000.0
        self.keys = new_keys()
        self.ring = Keyring(CENTRAL, self.keys.signing.public)
        self.trust = Trust(CENTRAL, self.keys.signing, self.ring)
        self.authority = Authority(self.trust, 10.0, lambda: Now(self.wall, self.wall))

    async def do(self, decision: Decision) -> Decision:
        for signed in decision.new:
            self.ring.learn(signed)
        return decision

    async def certify(self, name: NodeName, keys: Keys, *, replace: bool = False) -> Decision:
        new, decide = said(keys), self.authority.certify
        return await self.do(
            await self.store.write(lambda t: decide(t, name, new, replace=replace))
        )

    async def rekey(self, name: NodeName, keys: Keys, **more: float) -> Decision:
        """Stored, and not learned yet."""
        new, decide = said(keys, **more), self.authority.rekey
        return await self.store.write(lambda t: decide(t, name, new, is_vouched=True))

    async def rotate(self, keys: Keys, overlap: float = OVERLAP) -> Decision:
        """The same."""
        old, decide = self.keys.broker, self.authority.rotate
        return await self.store.write(lambda t: decide(t, keys, old, overlap))

    async def revoke(self, name: NodeName) -> Decision:
        """The same."""
        return await self.store.write(lambda t: self.authority.revoke(t, name))

    async def keep(self, said: Statement, key: SigningKey) -> None:
        """Stored alone, whoever signed it."""
        signed, now = statements.issue(said, key), Now(self.wall, self.wall)
        await self.store.write(lambda t: t.trust.keep(said, signed, now))

    async def end_due(self) -> Decision:
        return await self.do(await self.store.write(self.authority.end_due))

    async def introduced(self, name: NodeName, keys: Keys) -> tuple[str, str]:
        new = said(keys)
        return await self.store.write(lambda t: self.authority.introduced(t, name, new))

    async def heard(self, name: NodeName) -> None:
        """What was queued for the node is under way no more."""
        on = subject(name, "EventACK", "Trust")

        def end(t: Tables) -> None:
            lane, now = t.outbox.lane(on), Now(self.wall, self.wall)
            rows = t.outbox._rows(QUEUED, lane.key)
            t.outbox._end_rows(lane, rows, State.UNDELIVERED, "", now)

        await self.store.write(end)

    async def told(self, name: NodeName) -> list[bytes]:
        def read(t: Tables) -> list[bytes]:
            rows = t.shared.con.execute(
                "SELECT body FROM body JOIN message USING (n) JOIN lane ON lane.key = lane"
                " WHERE lane.node = ? AND lane.method = 'Trust' ORDER BY n",
                (name,),
            )
            bodies = [msgspec.json.decode(body, type=Body) for (body,) in rows.fetchall()]
            return [text.encode() for body in bodies for text in body.data]

        return await self.store.read(read)
