"""Keys, statements about them, and whom a node believes because of these."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steward import statements
from steward.errors import TrustError
from steward.keyring import Keyring
from steward.signing import SigningKey, fingerprint, verify
from steward.statements import Certificate, Revocation
from steward.subjects import NodeName

CENTRAL, SHIP, OTHER = NodeName("central"), NodeName("ship1"), NodeName("ship2")
ROOT, NEXT, LAST, MINE, NEW, FOREIGN = (SigningKey(bytes([n]) * 32) for n in range(1, 7))


def given_to(name: NodeName, key: SigningKey, serial: int, by: SigningKey = ROOT) -> bytes:
    said = Certificate(name=name, key=key.public, broker="U", serial=serial, issued=1.0)
    return statements.issue(said, by)


def ended(name: NodeName, upto: int, by: SigningKey = ROOT) -> bytes:
    return statements.issue(Revocation(name=name, upto=upto), by)


def ring(*learned: bytes) -> Keyring:
    return Keyring(CENTRAL, ROOT.public, learned)


def who(keys: Keyring, key: SigningKey) -> str:
    holder = keys.holder(key.id)
    return holder.name if holder else ""


def test_nobody_is_believed_but_central_and_whom_it_names() -> None:
    keys = ring()
    assert who(keys, ROOT) == CENTRAL
    assert who(keys, MINE) == ""
    keys.learn(given_to(SHIP, MINE, 1))
    assert who(keys, MINE) == SHIP


def test_a_node_cannot_speak_of_keys() -> None:
    keys = ring(given_to(SHIP, MINE, 1))
    for said in (given_to(OTHER, FOREIGN, 1, by=MINE), ended(OTHER, 9, by=MINE)):
        with pytest.raises(TrustError):
            keys.learn(said)
    with pytest.raises(TrustError):
        keys.learn(given_to(CENTRAL, FOREIGN, 1, by=FOREIGN))
    assert who(keys, FOREIGN) == ""


@given(at=st.integers(0), bit=st.integers(0, 7))
def test_no_bit_of_a_statement_can_be_changed(at: int, bit: int) -> None:
    """What was changed means the same (a bit of base64 that counts for nothing), or nothing."""
    said = bytearray(given_to(SHIP, MINE, 1))
    said[at % len(said)] ^= 1 << bit
    keys = ring()
    try:
        learned = keys.learn(bytes(said))
    except TrustError:
        assert who(keys, MINE) == ""
    else:
        assert learned == Certificate(name=SHIP, key=MINE.public, broker="U", serial=1, issued=1.0)


@given(st.binary(max_size=200))
def test_garbage_is_no_statement(garbage: bytes) -> None:
    with pytest.raises(TrustError):
        ring().learn(garbage)


def test_a_new_key_and_the_one_before_it_hold_until_the_old_one_is_ended() -> None:
    keys = ring(given_to(SHIP, MINE, 1), given_to(SHIP, NEW, 2))
    assert (who(keys, MINE), who(keys, NEW)) == (SHIP, SHIP)
    keys.learn(ended(SHIP, 1))
    assert (who(keys, MINE), who(keys, NEW)) == ("", SHIP)
    with pytest.raises(TrustError, match="revoked"):
        keys.learn(given_to(SHIP, MINE, 1))
    keys.learn(given_to(SHIP, LAST, 3))
    keys.learn(given_to(SHIP, FOREIGN, 4))
    assert (who(keys, NEW), who(keys, LAST), who(keys, FOREIGN)) == ("", SHIP, SHIP)
    with pytest.raises(TrustError, match="replaced"):
        keys.learn(given_to(SHIP, NEW, 2))


def test_a_serial_means_one_key_for_ever() -> None:
    keys = ring(given_to(SHIP, MINE, 1))
    with pytest.raises(TrustError, match="another key"):
        keys.learn(given_to(SHIP, NEW, 1))
    keys.learn(given_to(SHIP, MINE, 2))
    assert [h.serial for h in keys.keys_of(SHIP)] == [2]


def test_who_was_away_while_central_changed_its_key_twice_follows() -> None:
    first, second = given_to(CENTRAL, NEXT, 1), given_to(CENTRAL, LAST, 2, by=NEXT)
    home = ring(first, second, ended(CENTRAL, 1, by=LAST))
    away = ring(given_to(SHIP, MINE, 1))
    for said in home.chain():
        away.learn(said)
    away.learn(ended(CENTRAL, 1, by=LAST))
    assert (who(away, ROOT), who(away, NEXT), who(away, LAST)) == ("", "", CENTRAL)
    assert who(away, MINE) == "", "said with a key that holds no more"
    away.learn(given_to(SHIP, MINE, 2, by=LAST))
    assert who(away, MINE) == SHIP
    with pytest.raises(TrustError):
        away.learn(given_to(OTHER, FOREIGN, 1))


def test_who_joined_after_central_changed_its_key_starts_from_the_later_one() -> None:
    late = Keyring(CENTRAL, NEXT.public, serial=1)
    with pytest.raises(TrustError):
        late.learn(given_to(CENTRAL, NEXT, 1))
    late.learn(ended(CENTRAL, 0, by=NEXT))
    late.learn(given_to(SHIP, MINE, 1, by=NEXT))
    late.learn(given_to(CENTRAL, LAST, 2, by=NEXT))
    assert (who(late, NEXT), who(late, LAST), who(late, MINE)) == (CENTRAL, CENTRAL, SHIP)


def test_an_older_key_of_central_cannot_name_one_in_the_place_of_a_newer() -> None:
    keys = ring(given_to(CENTRAL, NEXT, 1))
    with pytest.raises(TrustError):
        keys.learn(given_to(CENTRAL, FOREIGN, 1))
    with pytest.raises(TrustError):
        keys.learn(given_to(CENTRAL, FOREIGN, 1, by=NEXT))


def test_a_signature_covers_every_byte() -> None:
    content = b"who says what to whom"
    signature = MINE.sign(content)
    assert verify(MINE.public, content, signature)
    assert not verify(NEW.public, content, signature)
    assert not verify(MINE.public, content + b" ", signature)
    assert not verify(MINE.public, content, signature[:-1])
    assert not verify(MINE.public[:-1], content, signature)
    for at in range(len(signature) * 8):
        wrong = bytearray(signature)
        wrong[at // 8] ^= 1 << at % 8
        assert not verify(MINE.public, content, bytes(wrong))


def test_fingerprints_are_for_people() -> None:
    groups = fingerprint(MINE.public).split("-")
    assert len(groups) == 6
    assert {len(group) for group in groups} == {4}
    assert fingerprint(MINE.public) != fingerprint(NEW.public)
    assert "05050505" not in repr(NEW)
