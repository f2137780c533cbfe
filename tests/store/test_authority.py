"""Central's word on keys, over a real store: what it signs, and whom it tells."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from node.issuer import AT_ONCE, Decision
from node.trusting import open_trust
from steward import records_trust, statements
from steward.config import Settings
from steward.errors import NotPossible, Refused, TrustError, UnknownId
from steward.key_files import Keys, new_nkey, read_trust
from steward.keyring import Keyring
from steward.records_trust import Introduction
from steward.signing import SigningKey, fingerprint
from steward.store import Store
from steward.subjects import NodeName
from steward.token import CREDENTIAL, Token
from tests.store.office import CENTRAL, OTHER, OVERLAP, SHIP, Office, new_keys, said


async def test_an_introduction_waits_if_the_door_is_open(office: Office) -> None:
    ship = new_keys()
    assert await office.introduced(SHIP, ship) == ("closed", "")
    assert await office.store.read(office.authority.pending) == []
    await office.store.write(lambda t: t.trust.open_for(1100.0))
    assert await office.introduced(SHIP, ship) == ("pending", "")
    office.wall = 1200.0
    assert await office.introduced(SHIP, ship) == ("pending", ""), "it is known by now"
    assert await office.introduced(OTHER, new_keys()) == ("closed", "")
    [one] = await office.store.read(office.authority.pending)
    assert (one["name"], one["first"], one["last"]) == (SHIP, 1000.0, 1200.0)
    await office.store.write(lambda t: office.authority.refuse(t, SHIP, said(ship)))
    assert await office.introduced(SHIP, ship) == ("refused", "")
    await office.certify(SHIP, ship)
    assert await office.introduced(SHIP, ship) == ("accepted", "")
    assert await office.store.read(office.authority.pending) == []


async def test_another_key_under_a_known_name_is_told_once(office: Office) -> None:
    ship, thief = new_keys(), new_keys()
    await office.certify(SHIP, ship)
    await office.store.write(lambda t: t.trust.open_for(2000.0))
    state, alarm = await office.introduced(SHIP, thief)
    assert (state, fingerprint(thief.signing.public) in alarm) == ("pending", True)
    assert await office.introduced(SHIP, thief) == ("pending", "")
    with pytest.raises(NotPossible, match="in use with another key"):
        await office.certify(SHIP, thief)
    assert office.ring.newest(SHIP).public == ship.signing.public  # type: ignore[union-attr]
    made = await office.certify(SHIP, thief, replace=True)
    assert made.facts["replaced"]
    assert [h.public for h in office.ring.keys_of(SHIP)] == [thief.signing.public]
    with pytest.raises(TrustError):
        office.ring.learn((await office.told(SHIP))[0])


async def test_nobody_takes_the_keys_or_the_name_of_another(office: Office) -> None:
    ship = new_keys()
    await office.certify(SHIP, ship)
    await office.store.write(lambda t: t.trust.open_for(2000.0))
    own = new_keys()
    for name, keys in (
        (OTHER, ship),
        (OTHER, Keys(own.signing, ship.broker_seed)),
        (OTHER, Keys(ship.signing, own.broker_seed)),
        (CENTRAL, own),
    ):
        with pytest.raises(Refused):
            await office.introduced(name, keys)
        with pytest.raises(NotPossible):
            await office.certify(name, keys)


async def test_a_flood_of_introductions_ends(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records_trust, "MOST_INTRODUCTIONS", 3)
    await office.store.write(lambda t: t.trust.open_for(2000.0))
    ships = [new_keys() for _ in range(4)]
    for number, ship in enumerate(ships[:3]):
        await office.introduced(NodeName(f"n{number}"), ship)
    with pytest.raises(Refused, match="too many"):
        await office.introduced(NodeName("n3"), ships[3])
    assert await office.introduced(NodeName("n0"), ships[0]) == ("pending", "")


async def test_a_revocation_goes_to_everybody_else_and_stays(office: Office) -> None:
    ship, other = new_keys(), new_keys()
    await office.certify(SHIP, ship)
    await office.certify(OTHER, other)
    made = await office.do(await office.store.write(lambda t: office.authority.revoke(t, SHIP)))
    assert made.facts == {"name": SHIP, "upto": 1, "told": 1}
    assert made.new[0] in await office.told(OTHER)
    assert office.ring.keys_of(SHIP) == ()
    with pytest.raises(UnknownId):
        await office.store.write(lambda t: office.authority.revoke(t, SHIP))
    again = Keyring(CENTRAL, office.keys.signing.public)
    for signed in await office.store.read(lambda t: t.trust.statements(CENTRAL)):
        again.learn(signed)
    assert again.keys_of(SHIP) == ()
    await office.certify(SHIP, ship)
    assert [h.serial for h in office.ring.keys_of(SHIP)] == [2], "accepted anew, with the same key"


async def test_a_changed_key_holds_beside_the_old_until_that_ends(office: Office) -> None:
    first, second = new_keys(), new_keys()
    rekey = office.authority.rekey
    await office.certify(SHIP, first)
    with pytest.raises(Refused, match="newest key"):
        await office.store.write(lambda t: rekey(t, SHIP, said(second), is_vouched=False))
    made = await office.store.write(lambda t: rekey(t, SHIP, said(second), is_vouched=True))
    await office.do(made)
    both = [second.signing.public, first.signing.public]
    assert [h.public for h in office.ring.keys_of(SHIP)] == both
    assert (await office.told(SHIP))[-1] == made.new[0]
    again = await office.store.write(lambda t: rekey(t, SHIP, said(second), is_vouched=True))
    assert again == Decision(), "the answer is on its way"
    await office.heard(SHIP)
    again = await office.store.write(lambda t: rekey(t, SHIP, said(second), is_vouched=True))
    assert (again.new, len(again.lanes)) == ((), 1), "it had not heard the answer"
    assert (await office.store.write(office.authority.end_due)).new == ()
    office.wall += OVERLAP + 1
    await office.do(await office.store.write(office.authority.end_due))
    assert [h.public for h in office.ring.keys_of(SHIP)] == both[:1]
    assert (await office.store.write(office.authority.end_due)).new == ()
    with pytest.raises(Refused):
        await office.store.write(lambda t: rekey(t, OTHER, said(new_keys()), is_vouched=True))


async def test_who_knows_the_old_key_of_central_follows_to_the_new_one(office: Office) -> None:
    ship, next_ = new_keys(), new_keys()
    await office.certify(SHIP, ship)
    away = Keyring(CENTRAL, office.keys.signing.public)
    made = await office.store.write(
        lambda t: office.authority.rotate(t, next_, office.keys.broker, OVERLAP)
    )
    await office.do(made)
    office.trust.use(next_.signing)
    office.wall += OVERLAP + 1
    ended = await office.do(await office.store.write(office.authority.end_due))
    assert statements.issuer(ended.new[0]) == next_.signing.id
    for signed in await office.told(SHIP):
        away.learn(signed)
    for ring in (away, office.ring):
        assert [h.public for h in ring.keys_of(CENTRAL)] == [next_.signing.public]
        assert [h.public for h in ring.keys_of(SHIP)] == [ship.signing.public]
    late = Keyring(CENTRAL, next_.signing.public, serial=1)
    late.learn(ended.new[0])
    held = office.ring.newest(SHIP)
    assert held is not None
    late.learn(held.signed)
    assert late.keys_of(CENTRAL)
    assert late.keys_of(SHIP)


async def test_routes_are_added_and_ended(office: Office) -> None:
    await office.certify(SHIP, new_keys())
    with pytest.raises(UnknownId):
        await office.store.write(lambda t: office.authority.route(t, SHIP, [OTHER], False))
    await office.certify(OTHER, new_keys())
    route = office.authority.route
    made = await office.store.write(lambda t: route(t, SHIP, [OTHER, CENTRAL], False))
    assert made.facts == {"name": SHIP, "to": [OTHER]}
    made = await office.store.write(lambda t: route(t, SHIP, [OTHER], True))
    assert made.facts == {"name": SHIP, "to": []}


async def test_many_statements_go_in_messages_of_a_bounded_size(office: Office) -> None:
    await office.certify(SHIP, new_keys())
    held = office.ring.newest(SHIP)
    assert held is not None
    many = [held.signed] * (AT_ONCE + 1)
    lanes = await office.store.write(lambda t: office.authority.tell(t, [OTHER], many))
    assert len(lanes) == 2
    assert len(await office.told(OTHER)) == AT_ONCE + 1


async def test_who_waits_is_chosen_by_its_fingerprint(office: Office) -> None:
    with pytest.raises(UnknownId):
        await office.store.read(lambda t: office.authority.waiting(t, SHIP, "x"))
    ship = new_keys()
    one = Introduction(SHIP, ship.signing.public, ship.broker, "pending", "", 1.0, 1.0)
    facts = msgspec.json.encode(said(ship)).decode()
    await office.store.write(lambda t: t.trust.introduce(one._replace(facts=facts)))
    with pytest.raises(NotPossible, match="has the fingerprint"):
        await office.store.read(lambda t: office.authority.waiting(t, SHIP, "x"))
    right = fingerprint(ship.signing.public)
    assert await office.store.read(lambda t: office.authority.waiting(t, SHIP, right)) == said(ship)


async def test_a_daemon_takes_the_token_that_systemd_hands_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, state = tmp_path / "given", tmp_path / "state"
    given.mkdir()
    anchor = SigningKey.generate()
    token = Token(
        central=CENTRAL, key=anchor.public, brokers=("tls://central:4222",), expires=9e9,
        joiner=new_nkey().decode(),
    )  # fmt: skip
    (given / CREDENTIAL).write_text(token.text())
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(given))
    settings = Settings(node=SHIP, state_dir=state)
    for _ in range(2):
        store = await Store.open(state, SHIP, min_free=0, ballast=0)
        try:
            trusting = await open_trust(settings, store)
        finally:
            await store.close()
        assert trusting is not None
        file = trusting.file
        assert (trusting.file.central, trusting.file.key) == (CENTRAL, anchor.public)
        (given / CREDENTIAL).write_text("spent")
    assert read_trust(state) == file
