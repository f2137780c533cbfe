"""A node's ways into the broker: which it tries, when it leaves one, and what it says on each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from node import enrolment
from node.enrolment import Enrolment
from node.introduction import JOIN, told
from node.methods import Event
from node.own_keys import OwnKeys
from node.trusting import open_trust
from steward import statements
from steward.access import Access
from steward.bus import Bus
from steward.config import Settings
from steward.errors import Refused
from steward.handoff.state import Arrival
from steward.key_change import make_next
from steward.key_files import TrustFile, new_nkey, write_trust
from steward.message import Body
from steward.signing import SigningKey
from steward.statements import Certificate, Revocation
from steward.store import Store
from steward.subjects import NodeName, Subject
from tests.conftest import WaitFor

CENTRAL, SHIP = NodeName("central"), NodeName("ship1")
ANCHOR = SigningKey.generate()


class FakeBus:
    """A link that is up or down as a test says; ``entered``: each way that was tried."""

    def __init__(self) -> None:
        self.settings = SimpleNamespace(connect=0.0)
        self.connected = self.may_ask = False
        self.last_error = ""
        self.entered: list[tuple[bytes, NodeName | None]] = []

    def enter(self, access: Access, joining_to: NodeName | None = None) -> None:
        self.entered.append((access.seed, joining_to))

    def listen(self, _listener: object) -> None:
        """Nobody is told here."""


class Node:
    """A node that has taken a token; ``said``: what it told central."""

    def __init__(self, store: Store, keys: OwnKeys, bus: FakeBus, settings: Settings) -> None:
        self.store, self.keys, self.bus = store, keys, bus
        self.said: list[tuple[NodeName, str, Sequence[str]]] = []
        self.enrolment = Enrolment(
            settings, keys, store, cast(Bus, bus), self._say, lambda lanes: None, lambda: None
        )

    async def _say(self, to: NodeName, method: str, data: Sequence[str]) -> None:
        self.said.append((to, method, data))

    def certificate(self, serial: int = 1, key: bytes = b"") -> str:
        own = self.keys.trusting.keys
        key = key or own.signing.public
        said = Certificate(SHIP, key, own.broker, serial, 1.0)
        return statements.issue(said, ANCHOR).decode()

    async def hears(self, method: str, *data: str, frm: NodeName = CENTRAL) -> None:
        subject = Subject(f"ship1.EventNACK.{method}")
        arrival = Arrival(frm, "store", subject, 0, cast(Any, "id"), None, None, b"")
        event = Event(arrival, Body(data=data))
        take = self.enrolment.answered if method == "Joined" else self.enrolment.told
        await self.store.write(lambda t: take(t, event))
        await asyncio.sleep(0.01)


@pytest.fixture
async def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Node]:
    monkeypatch.setattr(enrolment, "GRACE", 0.05)
    monkeypatch.setattr(enrolment, "SOON", 0.02)
    monkeypatch.setattr(enrolment, "FIRST", 0.02)
    write_trust(
        tmp_path,
        TrustFile(central=CENTRAL, key=ANCHOR.public, joiner=new_nkey().decode()),
    )
    settings = Settings(node=SHIP, state_dir=tmp_path)
    store = await Store.open(tmp_path, SHIP, min_free=0, ballast=0)
    try:
        trusting = await open_trust(settings, store)
        assert trusting is not None
        bus = FakeBus()
        keys = OwnKeys(trusting, tmp_path, cast(Bus, bus), lambda seed: Access(seed))
        made = Node(store, keys, bus, settings)
        running = asyncio.create_task(made.enrolment.run(cast(Any, SimpleNamespace(enter=id))))
        try:
            yield made
        finally:
            running.cancel()
            await asyncio.wait({running})
    finally:
        await store.close()


async def test_who_is_not_accepted_asks_and_tries_its_own_key_too(
    node: Node, wait_for: WaitFor
) -> None:
    joiner = node.keys.trusting.file.joiner.encode()
    own = node.keys.trusting.keys.broker_seed
    assert node.bus.entered == [(joiner, CENTRAL)]
    await wait_for(lambda: len(node.bus.entered) >= 3)
    assert node.bus.entered[1:3] == [(own, None), (joiner, CENTRAL)]
    assert not node.said
    node.bus.may_ask = True
    await wait_for(lambda: node.said)
    to, method, data = node.said[0]
    assert (to, method) == (CENTRAL, "Join")
    new = told(JOIN, SHIP, CENTRAL, Body(data=tuple(data)))
    assert new.key == node.keys.trust.key.public
    assert "not accepted yet" in node.enrolment.standing


async def test_an_answer_counts_for_the_key_that_it_names_and_from_central_alone(
    node: Node,
) -> None:
    mine = node.keys.trust.key.id
    await node.hears("Joined", "refused", "0" * 16)
    assert "refused" not in node.enrolment.standing
    with pytest.raises(Refused):
        await node.hears("Joined", "accepted", mine, node.certificate(), frm=NodeName("ship2"))
    forged = statements.issue(
        Certificate(SHIP, node.keys.trust.key.public, "U", 1, 1.0), SigningKey.generate()
    )
    await node.hears("Joined", "accepted", mine, forged.decode())
    assert not node.keys.certified
    await node.hears("Joined", "refused", mine)
    assert "refused" in node.enrolment.standing
    await node.hears("Joined", "accepted", mine, node.certificate())
    assert node.keys.certified
    assert node.enrolment.standing == ""
    assert node.bus.entered[-1] == (node.keys.trusting.keys.broker_seed, None)


async def test_who_belongs_tries_another_way_only_if_the_broker_refuses_it(
    node: Node, wait_for: WaitFor
) -> None:
    await node.hears("Trust", node.certificate())
    before = len(node.bus.entered)
    node.bus.last_error = "no answer in time"
    await asyncio.sleep(0.3)
    assert len(node.bus.entered) == before, "a dead link is no reason"
    node.bus.last_error = "nats: 'Authorization Violation'"
    await wait_for(lambda: len(node.bus.entered) > before)
    assert node.bus.entered[-1][1] in (CENTRAL, None)


async def test_a_revocation_makes_it_ask_anew(node: Node) -> None:
    await node.hears("Trust", node.certificate())
    assert node.enrolment.standing == ""
    ended = statements.issue(Revocation(SHIP, 1), ANCHOR).decode()
    await node.hears("Trust", ended)
    assert "revoked" in node.enrolment.standing
    await node.hears("Joined", "pending", node.keys.trust.key.id)
    assert "waiting" in node.enrolment.standing
    await node.hears("Joined", "accepted", node.keys.trust.key.id, node.certificate(2))
    assert node.enrolment.standing == ""


async def test_next_keys_are_used_once_they_are_certified_and_the_old_nkey_is_kept_a_while(
    node: Node, monkeypatch: pytest.MonkeyPatch, wait_for: WaitFor
) -> None:
    monkeypatch.setattr(enrolment, "LATER", 0.0)
    await node.hears("Trust", node.certificate())
    old = node.keys.trusting.keys
    told_to = await node.enrolment.rotate(60.0)
    new = make_next(node.keys.state_dir)
    assert told_to["fingerprint"] != node.keys.fingerprint
    said = Certificate(SHIP, new.signing.public, new.broker, 2, 1.0)
    await node.hears("Trust", statements.issue(said, ANCHOR).decode())
    assert node.keys.trust.key.public == new.signing.public
    assert [way.access.seed for way in node.keys.ways()][:2] == [new.broker_seed, old.broker_seed]
    await wait_for(lambda: node.bus.entered[-1] == (new.broker_seed, None))
    await node.hears("Trust", statements.issue(Revocation(SHIP, 1), ANCHOR).decode())
    await wait_for(lambda: old.broker_seed not in [w.access.seed for w in node.keys.ways()])
    assert node.enrolment.standing == ""
