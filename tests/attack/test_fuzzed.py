"""Envelopes, certificates and signatures by chance: nothing is believed that nobody has signed, and
nothing raises what a daemon does not expect."""

from __future__ import annotations

import base64
import contextlib
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from node import introduction
from steward import frames, packing, statements
from steward.errors import FrameError, Refused, TrustError
from steward.frames import Entry, Frame, Notice, Output, Receipt
from steward.keyring import Keyring
from steward.message import Body, MessageId
from steward.signing import SigningKey
from steward.statements import Certificate, Revocation, Statement
from steward.subjects import NodeName
from steward.trust import Trust
from steward.wire import Wire

CENTRAL, SHIP, OTHER = NodeName("central"), NodeName("ship1"), NodeName("ship2")
ROOT, KEY, THEIRS = (SigningKey(bytes([n]) * 32) for n in (1, 2, 3))
ON = "ship1.CommandACK.ShellCommand"
NAMES = st.sampled_from([CENTRAL, SHIP, OTHER])
ISSUERS = st.sampled_from([KEY, THEIRS, SigningKey(b"x" * 32)])

json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)
raw_statements = st.builds(
    lambda by, sig, body: b'{"by":"%s","sig":"%s","body":%s}' % (by, sig, body),
    st.sampled_from([key.id.encode() for key in (ROOT, KEY, THEIRS)]),
    st.binary(min_size=64, max_size=64).map(base64.b64encode),
    json.map(msgspec.json.encode) | st.binary(max_size=60),
)
made_statements: st.SearchStrategy[Statement] = st.builds(
    Certificate, NAMES, st.sampled_from([KEY.public, THEIRS.public, b"\0" * 32]), st.just("U"),
    st.integers(0, 2**31 - 1), st.floats(0, 1e9),
) | st.builds(Revocation, NAMES, st.integers(0, 2**31 - 1))  # fmt: skip


def certificate(name: NodeName, key: SigningKey) -> bytes:
    return statements.issue(Certificate(name, key.public, "U", 1, 1.0), ROOT)


def ring() -> Keyring:
    return Keyring(CENTRAL, ROOT.public, [certificate(SHIP, KEY), certificate(OTHER, THEIRS)])


def wire(me: NodeName, key: SigningKey) -> Wire:
    return Wire(is_narrow=False, trust=Trust(me, key, ring()))


def holders(keyring: Keyring) -> list[object]:
    return [(name, keyring.keys_of(name), keyring.upto(name)) for name in keyring.names()]


letters = st.sampled_from([
    Frame(frm=CENTRAL, store="a", start="s", tx="t", to=SHIP, subject=ON, clock=1.0,
          messages=(Entry(seq=1, id=MessageId("m"), body=frames.raw(b'{"data":["true"]}')),)),
    Notice(frm=CENTRAL, store="a", start="s", to=SHIP, subject="ship1.CommandNACK.ShellCommand",
           clock=1.0, id=MessageId("m"), steady=1.0),
    Receipt(frm=CENTRAL, store="a", start="s", tx="t", to=SHIP, to_store="b", subject=ON,
            clock=1.0),
    Output(frm=CENTRAL, id=MessageId("m"), stream="stdout", offset=0, data=b"x"),
])  # fmt: skip


@given(letter=letters, changes=st.dictionaries(
    st.sampled_from(["v", "type", "sig", "body", "packs", "key", "holds", "said", "more"]),
    json | st.sampled_from([KEY.id, ROOT.id, THEIRS.id]), min_size=1, max_size=4))  # fmt: skip
def test_an_envelope_with_other_fields_is_refused_or_means_the_same(
    letter: Any, changes: dict[str, Any]
) -> None:
    payload = wire(CENTRAL, ROOT).seal(letter, ON, SHIP)
    ship, envelope = wire(SHIP, KEY), msgspec.json.decode(payload)
    true = ship.open(payload, ON)
    for changed in (msgspec.json.encode(envelope | changes), msgspec.json.encode(changes)):
        for told in (changed, packing.pack(changed)):
            with contextlib.suppress(FrameError):
                assert ship.open(told, ON) == true


@given(letter=letters, signer=st.sampled_from([KEY, THEIRS]), frm=NAMES)
def test_who_signs_is_who_speaks(letter: Any, signer: SigningKey, frm: NodeName) -> None:
    owner = {KEY.id: SHIP, THEIRS.id: OTHER}[signer.id]
    told = msgspec.structs.replace(letter, frm=frm)
    payload = wire(owner, signer).seal(told, ON, SHIP)
    try:
        assert wire(SHIP, KEY).open(payload, ON).frm == owner == frm
    except FrameError:
        assert owner != frm


@given(said=st.lists(raw_statements | st.binary(max_size=80), max_size=12))
def test_statements_by_chance_change_no_key(said: list[bytes]) -> None:
    keyring = ring()
    before = holders(keyring)
    for signed in said:
        with contextlib.suppress(TrustError):
            keyring.learn(signed)
    assert holders(keyring) == before


@given(made=made_statements, by=ISSUERS, claims=st.sampled_from([ROOT, KEY, THEIRS]))
def test_only_central_certifies_and_revokes(
    made: Statement, by: SigningKey, claims: SigningKey
) -> None:
    """Whoever else has signed it, and whoever it says has."""
    keyring = ring()
    before = holders(keyring)
    signed = statements.issue(made, by).replace(by.id.encode(), claims.id.encode(), 1)
    with contextlib.suppress(TrustError):
        keyring.learn(signed)
    assert holders(keyring) == before


@given(said=st.lists(made_statements.map(lambda one: statements.issue(one, ROOT)), max_size=12))
@settings(max_examples=60)
def test_what_central_has_revoked_stays_so_in_whatever_order_it_is_told(said: list[bytes]) -> None:
    keyring = ring()
    for signed in said:
        with contextlib.suppress(TrustError):
            keyring.learn(signed)
    for name in (SHIP, OTHER, CENTRAL):
        upto = keyring.upto(name)
        for signed in said:
            with contextlib.suppress(TrustError):
                keyring.learn(signed)
        assert keyring.upto(name) >= upto
        assert all(held.serial > upto for held in keyring.keys_of(name))


@given(at=st.integers(0), bit=st.integers(0, 7), name=NAMES)
def test_no_bit_of_a_certificate_can_be_changed(at: int, bit: int, name: NodeName) -> None:
    """What is changed means the same (a bit of base64 that counts for nothing), or nothing."""
    true = certificate(name, SigningKey(b"n" * 32))
    signed = bytearray(true)
    keyring = ring()
    before = holders(keyring)
    signed[at % len(signed)] ^= 1 << bit
    try:
        learned = keyring.learn(bytes(signed))
    except TrustError:
        assert holders(keyring) == before
    else:
        assert learned == ring().learn(true)


@given(data=st.lists(st.text(max_size=60) | json.map(lambda o: msgspec.json.encode(o).decode()),
                     max_size=4))  # fmt: skip
def test_an_introduction_by_chance_is_refused(data: list[str]) -> None:
    for what in (introduction.JOIN, introduction.REKEY):
        with contextlib.suppress(Refused):
            introduction.told(what, SHIP, CENTRAL, Body(data=tuple(data)))
            raise AssertionError("it was believed")
