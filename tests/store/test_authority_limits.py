"""What nobody gets central to do with its word on keys: to flood, to lose, to forget."""

from __future__ import annotations

from functools import partial
from typing import cast

import msgspec
import pytest

from node import issuer
from node.api.trust import TrustApi
from node.enrolment import Enrolment
from steward import records_trust, statements
from steward.control.address import Caller
from steward.errors import Refused, UnknownId, UsageError
from steward.keyring import Keyring
from steward.records_trust import LATELY, Introduction
from steward.statements import Revocation
from steward.store import Tables
from steward.subjects import NodeName
from tests.store.office import CENTRAL, OTHER, OVERLAP, SHIP, Office, new_keys, said

# ---------------------------------------------------------------- keys that change again and again


async def test_a_node_changes_its_keys_once_until_the_old_one_has_ended(office: Office) -> None:
    first, second, third = new_keys(), new_keys(), new_keys()
    await office.certify(SHIP, first)
    await office.do(await office.rekey(SHIP, second, overlap=0.0))
    assert (await office.end_due()).new == (), "an hour at least"
    with pytest.raises(Refused, match="still holds"):
        await office.rekey(SHIP, third)
    office.wall += OVERLAP - 1
    assert (await office.end_due()).new == ()
    office.wall += 2
    await office.end_due()
    assert [h.public for h in office.ring.keys_of(SHIP)] == [second.signing.public]
    await office.do(await office.rekey(SHIP, third))
    assert office.ring.keys_of(SHIP)[0].public == third.signing.public


async def test_two_changes_at_once_are_one(office: Office) -> None:
    await office.certify(SHIP, new_keys())
    made = await office.rekey(SHIP, new_keys())
    with pytest.raises(Refused, match="still holds"):
        await office.rekey(SHIP, new_keys())
    await office.do(made)
    office.wall += OVERLAP + 1
    await office.end_due()
    assert [h.serial for h in office.ring.keys_of(SHIP)] == [2]


async def test_the_answer_is_not_queued_twice(office: Office) -> None:
    await office.certify(SHIP, new_keys())
    second = new_keys()
    await office.do(await office.rekey(SHIP, second))
    await office.heard(SHIP)
    new = said(second)
    both = await office.store.write(
        lambda t: [office.authority.rekey(t, SHIP, new, is_vouched=True) for _ in range(2)]
    )
    assert [len(one.lanes) for one in both] == [1, 0]


async def test_a_key_that_was_just_revoked_has_no_successor(office: Office) -> None:
    await office.certify(SHIP, new_keys())
    made = await office.revoke(SHIP)
    with pytest.raises(Refused, match="no key that holds"):
        await office.rekey(SHIP, new_keys())
    await office.do(made)
    with pytest.raises(UnknownId):
        await office.revoke(SHIP)


async def test_on_a_node_nobody_asks_for_less(office: Office) -> None:
    api = TrustApi(office.store, None, cast(Enrolment, object()), None)
    with pytest.raises(UsageError, match="overlap"):
        await api.handlers()["rotate"]({"overlap": 3599}, cast(Caller, None))


# ---------------------------------------------------------------- central's own keys


async def test_a_node_s_new_key_outlives_central_s_old_one(office: Office) -> None:
    first, second, own = new_keys(), new_keys(), new_keys()
    await office.certify(SHIP, first)
    await office.certify(OTHER, new_keys())
    rekeyed = await office.rekey(SHIP, second)
    rotated = await office.rotate(own, 0.0)  # before the first was learned
    with pytest.raises(Refused, match="changes its own keys"):
        await office.rekey(OTHER, new_keys())
    await office.do(rekeyed)
    await office.do(rotated)
    office.trust.use(own.signing)
    office.wall += 1
    await office.end_due()
    both = [second.signing.public, first.signing.public]
    assert [h.public for h in office.ring.keys_of(SHIP)] == both
    assert [h.public for h in office.ring.keys_of(CENTRAL)] == [own.signing.public]


async def test_what_was_revoked_before_central_changed_its_keys_stays_so(office: Office) -> None:
    anchor, own, ship = office.keys.signing, new_keys(), new_keys()
    await office.certify(SHIP, ship)
    held = office.ring.newest(SHIP)
    assert held is not None
    await office.certify(OTHER, new_keys())
    await office.do(await office.revoke(SHIP))
    await office.do(await office.rotate(own, 0.0))
    office.trust.use(own.signing)
    office.wall += 1
    await office.end_due()
    stored = await office.store.read(lambda t: t.trust.statements(CENTRAL))
    known = await office.store.read(lambda t: t.trust.known_revocations())
    assert known == (1 + 1) + (0 + 1)
    revoked = await office.store.read(lambda t: t.trust.revocations())
    assert {statements.issuer(signed) for signed in revoked} == {own.signing.id}
    newcomer = Keyring(CENTRAL, own.signing.public, serial=1)
    for signed in revoked:
        newcomer.learn(signed)
    told = await office.told(OTHER)
    for ring in (
        Keyring(CENTRAL, anchor.public, stored),
        Keyring(CENTRAL, own.signing.public, stored, serial=1),
        Keyring(CENTRAL, anchor.public, told),
        Keyring(CENTRAL, own.signing.public, told, serial=1),
        newcomer,
    ):
        assert (ring.upto(SHIP), ring.upto(CENTRAL)) == (1, 0)
        assert ring.keys_of(SHIP) == ()
    about = await office.store.read(lambda t: t.trust.statements_about(OTHER, CENTRAL))
    assert Keyring(CENTRAL, anchor.public, about).upto(SHIP) == 1


async def test_at_a_start_what_the_old_key_revoked_is_learned_before_its_own_end(
    office: Office,
) -> None:
    """Of a node with an older Steward at central: its word was not signed anew."""
    await office.certify(NodeName("zz"), new_keys())
    old = office.keys.signing
    own = new_keys()
    await office.do(await office.rotate(own, 0.0))
    for statement, key in (
        (Revocation(NodeName("zz"), 1), old),
        (Revocation(CENTRAL, 0), own.signing),
    ):
        await office.keep(statement, key)
    stored = await office.store.read(lambda t: t.trust.statements(CENTRAL))
    assert Keyring(CENTRAL, old.public, stored).upto(NodeName("zz")) == 1


async def test_an_old_revocation_that_comes_late_counts_no_more(office: Office) -> None:
    for upto in (3, 1):
        await office.keep(Revocation(SHIP, upto), office.keys.signing)
    assert await office.store.read(lambda t: t.trust.known_revocations()) == 4
    assert await office.store.read(lambda t: t.trust.upto(SHIP)) == 3


# ---------------------------------------------------------------- who wants to be accepted


async def test_who_is_accepted_hears_what_was_revoked(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    ship, other = new_keys(), new_keys()
    for name in ("old1", "old2"):
        await office.certify(NodeName(name), new_keys())
        await office.do(await office.revoke(NodeName(name)))
    await office.certify(SHIP, ship)
    answer, key = office.authority.answer, ship.signing.public
    heard = await office.store.read(lambda t: answer(t, SHIP, key))
    ring = Keyring(CENTRAL, office.keys.signing.public, heard)
    assert [ring.upto(NodeName(name)) for name in ("old1", "old2")] == [1, 1]
    assert ring.newest(SHIP) is not None
    assert await office.store.read(lambda t: answer(t, SHIP, None)) == []
    assert await office.store.read(lambda t: answer(t, OTHER, other.signing.public)) == []
    most = len(msgspec.json.encode([one.decode() for one in heard])) - 100
    monkeypatch.setattr(issuer, "MOST_JOINED", most)
    assert await office.store.read(lambda t: answer(t, SHIP, key)) == heard[:-1]


async def test_who_waits_gives_its_place_to_who_comes(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records_trust, "MOST_INTRODUCTIONS", 4)

    async def comes(name: str, at: float) -> bool:
        one = Introduction(NodeName(name), b"k", "U", "pending", "{}", at, at)
        return await office.store.write(lambda t: t.trust.introduce(one))

    async def waiting() -> set[str]:
        found = await office.store.read(lambda t: t.trust.introductions())
        return {one.name for one in found}

    for number, name in enumerate(("silent", "refused", "refused-lately", "lately")):
        assert await comes(name, float(number))
    for name in (NodeName("refused"), NodeName("refused-lately")):
        await office.store.write(partial(_refuse, name))
    now = LATELY + 10
    for name in ("refused-lately", "lately"):
        assert await comes(name, now)
    assert await comes("new1", now)
    assert await waiting() == {"silent", "refused-lately", "lately", "new1"}
    assert await comes("new2", now)
    assert await waiting() == {"refused-lately", "lately", "new1", "new2"}
    assert await comes("new3", now)
    assert await waiting() == {"lately", "new1", "new2", "new3"}
    assert not await comes("new4", now), "all of them wait"
    assert await comes("lately", now + 1)
    assert await comes("new4", now + LATELY + 0.5)
    assert await waiting() == {"lately", "new4"} | (await waiting() & {"new1", "new2", "new3"})


def _refuse(name: NodeName, tables: Tables) -> None:
    tables.trust.refuse(name, b"k")
