"""Signed letters: what is changed, stripped, sent elsewhere or in another's name is nothing."""

from __future__ import annotations

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from steward import frames, statements
from steward.errors import FrameError, SignatureError
from steward.frames import Entry, Frame, Notice, Output, Receipt
from steward.keyring import Keyring
from steward.message import MessageId
from steward.signing import SigningKey, verify
from steward.statements import Certificate, Revocation
from steward.subjects import NodeName
from steward.trust import AGAIN, Trust, order
from steward.wire import Wire

CENTRAL, SHIP, OTHER = NodeName("central"), NodeName("ship1"), NodeName("ship2")
KEYS = {name: SigningKey(name.ljust(32, "k").encode()) for name in (CENTRAL, SHIP, OTHER)}
ROOT = KEYS[CENTRAL]
SHELL = "ship1.CommandACK.ShellCommand"


def certificate(name: NodeName, serial: int = 1, key: SigningKey | None = None) -> bytes:
    public = (key or KEYS[name]).public
    said = Certificate(name=name, key=public, broker="U", serial=serial, issued=1.0)
    return statements.issue(said, ROOT)


def wire(me: NodeName, *known: bytes) -> Wire:
    """A node's, which knows its own certificate, and what is given."""
    mine = () if me == CENTRAL else (certificate(me),)
    keyring = Keyring(CENTRAL, ROOT.public, (*mine, *known))
    return Wire(is_narrow=False, trust=Trust(me, KEYS[me], keyring))


def frame(frm: NodeName = CENTRAL, to: NodeName = SHIP) -> Frame:
    entry = Entry(seq=1, id=MessageId("m1"), body=frames.raw(b'{"data":["true"]}'))
    return Frame(
        frm=frm, store="a" * 16, start="s", tx="t", to=to, subject=f"{to}.CommandACK.ShellCommand",
        clock=1.0, messages=(entry,),
    )  # fmt: skip


def notice(frm: NodeName, to: NodeName, method: str = "SayHello") -> Notice:
    return Notice(
        frm=frm, store="b" * 16, start="s", to=to, subject=f"{to}.EventNACK.{method}", clock=1.0,
        id=MessageId("n1"), steady=1.0,
    )  # fmt: skip


def test_what_central_sends_is_believed_and_what_others_say_is_not() -> None:
    ship = wire(SHIP)
    payload = wire(CENTRAL).seal(frame(), SHELL, SHIP)
    opened = ship.open(payload, SHELL)
    assert isinstance(opened, Frame)
    assert structs.replace(opened, messages=()) == structs.replace(frame(), messages=())
    stranger = Wire(is_narrow=False, trust=Trust(CENTRAL, KEYS[OTHER], Keyring(CENTRAL, b"x" * 32)))
    for forged in (frames.encode(frame()), stranger.seal(frame(), SHELL, SHIP)):
        with pytest.raises(SignatureError):
            ship.open(forged, SHELL)


def test_a_node_is_known_by_the_certificate_that_comes_with_its_letters() -> None:
    central, ship = wire(CENTRAL), wire(SHIP)
    said = notice(SHIP, CENTRAL)
    first = ship.seal(said, said.subject, CENTRAL)
    assert b"certificate" in first
    assert central.open(first, said.subject) == said
    ship.open(central.seal(frame(), SHELL, SHIP), SHELL)
    second = ship.seal(said, said.subject, CENTRAL)
    assert b"certificate" not in second
    assert central.open(second, said.subject) == said
    with pytest.raises(SignatureError, match="nobody's here"):
        wire(CENTRAL).open(second, said.subject)


def test_who_forgets_a_certificate_gets_it_again() -> None:
    """At once if it says so; after a while if nothing is heard of it. Until it has said for the
    first time that it holds it, every letter brings it: any of them may be the one that arrives."""
    central, ship = wire(CENTRAL), wire(SHIP)
    said = notice(SHIP, CENTRAL)
    sent = [ship.seal(said, said.subject, CENTRAL) for _ in range(AGAIN + 1)]
    assert all(b"certificate" in s for s in sent)
    central.open(sent[0], said.subject)
    ship.open(central.seal(frame(), SHELL, SHIP), SHELL)
    told = [b"certificate" in ship.seal(said, said.subject, CENTRAL) for _ in range(AGAIN + 1)]
    assert told == [*[False] * AGAIN, True]
    ship.open(wire(CENTRAL).seal(frame(), SHELL, SHIP), SHELL)
    assert b"certificate" in ship.seal(said, said.subject, CENTRAL)


def test_nobody_speaks_in_the_name_of_another() -> None:
    other, ship = wire(OTHER), wire(SHIP, certificate(OTHER))
    forged = frame(frm=CENTRAL)
    assert other.trust is not None
    with pytest.raises(SignatureError, match="in the name of central"):
        ship.open(other.seal(forged, SHELL, SHIP), SHELL)


def test_a_letter_counts_only_where_it_was_sent_to() -> None:
    """Reflected to its sender, readdressed, on another method or in another inbox: nothing."""
    payload = wire(CENTRAL).seal(frame(), SHELL, SHIP)
    for elsewhere in (
        "ship2.CommandACK.ShellCommand", "central.CommandACK.ShellCommand",
        "ship1.CommandNACK.ShellCommand", "ship1.CommandACK.ReadRun", "_INBOX.ship1.s",
    ):  # fmt: skip
        for name in (SHIP, OTHER, CENTRAL):
            with pytest.raises(SignatureError):
                wire(name).open(payload, elsewhere)


@given(at=st.integers(0), bit=st.integers(0, 7))
def test_no_bit_can_be_changed(at: int, bit: int) -> None:
    """What is changed is refused, or means the same to the last field."""
    ship, payload = wire(SHIP), bytearray(wire(CENTRAL).seal(frame(), SHELL, SHIP))
    true = ship.open(bytes(payload), SHELL)
    payload[at % len(payload)] ^= 1 << bit
    with contextlib.suppress(FrameError):
        assert ship.open(bytes(payload), SHELL) == true


FIELDS = ("v", "type", "sig", "body", "packs", "key", "holds")


@pytest.mark.parametrize("field", FIELDS)
def test_no_field_of_the_envelope_can_be_stripped_or_changed(field: str) -> None:
    central, ship = wire(CENTRAL, certificate(SHIP)), wire(SHIP)
    envelope = msgspec.json.decode(central.seal(frame(), SHELL, SHIP))
    assert field in envelope
    stripped = {name: value for name, value in envelope.items() if name != field}
    other = {
        "v": 0, "type": "notice", "sig": "", "body": {**envelope["body"], "tx": "u"}, "packs": 7,
        "key": KEYS[SHIP].id, "holds": "0" * 16,
    }  # fmt: skip
    for changed in (stripped, {**envelope, field: other[field]}):
        with pytest.raises(FrameError):
            ship.open(msgspec.json.encode(changed), SHELL)


@given(signature=st.binary(max_size=80), body=st.binary(max_size=80))
def test_no_signature_can_be_guessed(signature: bytes, body: bytes) -> None:
    payload = wire(CENTRAL).seal(frame(), SHELL, SHIP)
    envelope = msgspec.json.decode(payload)
    true = envelope["sig"]
    for sig in (signature, b"\0" * 64, signature.ljust(64, b"\xff")[:64]):
        changed = msgspec.json.encode({**envelope, "sig": sig})
        with pytest.raises(FrameError):
            wire(SHIP).open(changed, SHELL)
    with pytest.raises(FrameError):
        wire(SHIP).open(msgspec.json.encode({**envelope, "sig": true + "AAAA"}), SHELL)
    with pytest.raises(FrameError):
        wire(SHIP).open(body, SHELL)


def test_a_revoked_node_is_heard_no_more_and_a_new_key_beside_its_old_one_is() -> None:
    ship, new = wire(SHIP), SigningKey(b"n" * 32)
    central = wire(CENTRAL)
    assert ship.trust is not None
    assert central.trust is not None
    said = notice(SHIP, CENTRAL)
    ship.trust.keyring.learn(certificate(SHIP, 2, new))
    old = ship.seal(said, said.subject, CENTRAL)
    ship.trust.use(new)
    assert central.open(old, said.subject) == said
    assert central.open(ship.seal(said, said.subject, CENTRAL), said.subject) == said
    central.trust.keyring.learn(statements.issue(Revocation(name=SHIP, upto=1), ROOT))
    with pytest.raises(SignatureError):
        central.open(old, said.subject)
    assert central.open(ship.seal(said, said.subject, CENTRAL), said.subject) == said
    central.trust.keyring.learn(statements.issue(Revocation(name=SHIP, upto=2), ROOT))
    with pytest.raises(SignatureError):
        central.open(ship.seal(said, said.subject, CENTRAL), said.subject)


def test_each_command_has_an_order_of_its_own_and_events_have_none() -> None:
    opened = wire(SHIP).open(wire(CENTRAL).seal(frame(), SHELL, SHIP), SHELL)
    assert isinstance(opened, Frame)
    [entry] = opened.messages
    covered = order(CENTRAL, SHIP, SHELL, "m1", b'{"data":["true"]}')
    assert verify(ROOT.public, covered, entry.order)
    event = structs.replace(frame(), subject="ship1.EventACK.TextLogging")
    opened = wire(SHIP).open(wire(CENTRAL).seal(event, event.subject, SHIP), event.subject)
    assert isinstance(opened, Frame)
    assert opened.messages[0].order == b""


def test_receipts_and_outputs_are_signed_for_the_inbox_that_they_go_to() -> None:
    ship, central = wire(SHIP), wire(CENTRAL)
    receipt = Receipt(
        frm=SHIP, store="b", start="s", tx="t", to=CENTRAL, to_store="a", subject=SHELL, clock=1.0
    )
    output = Output(frm=SHIP, id=MessageId("m1"), stream="stdout", offset=0, data=b"x")
    for letter in (receipt, output):
        payload = ship.seal(letter, "_INBOX.central.abc", CENTRAL)
        assert central.open(payload, "_INBOX.central.abc") == letter
        with pytest.raises(SignatureError):
            central.open(payload, "_INBOX.central.other")


def test_an_introduction_needs_no_known_key_and_proves_nothing() -> None:
    central = wire(CENTRAL)
    said = notice(OTHER, CENTRAL, "Join")
    unknown = Trust(OTHER, KEYS[OTHER], Keyring(CENTRAL, ROOT.public))
    payload = Wire(is_narrow=False, trust=unknown).seal(said, said.subject, CENTRAL)
    assert central.is_introduction(said.subject)
    assert central.open(payload, said.subject) == said
    with pytest.raises(SignatureError):
        central.open(payload, "central.EventNACK.SayHello")


def test_only_central_may_tell_a_node_that_its_store_is_an_older_copy() -> None:
    assert wire(SHIP).obeys(CENTRAL)
    assert not wire(SHIP).obeys(OTHER)
    assert not wire(CENTRAL).obeys(SHIP)
    assert not wire(CENTRAL).obeys(CENTRAL)
    assert not Wire(is_narrow=False).obeys(CENTRAL)


def test_what_comes_with_a_letter_is_learned_from_its_sender_alone() -> None:
    """Statements are not under the letter's signature: whoever carries it can add others."""
    central, ship = wire(CENTRAL), wire(SHIP)
    assert central.trust is not None
    said = notice(SHIP, CENTRAL)
    payload = msgspec.json.decode(ship.seal(said, said.subject, CENTRAL))
    more = [msgspec.json.decode(certificate(OTHER)), *payload["said"]]
    stuffed = msgspec.json.encode({**payload, "said": more})
    assert central.open(stuffed, said.subject) == said
    assert central.trust.keyring.newest(SHIP) is not None
    assert central.trust.keyring.newest(OTHER) is None
    forged = msgspec.json.encode({**payload, "sig": "A" * 86 + "=="})
    fresh = wire(CENTRAL)
    assert fresh.trust is not None
    with pytest.raises(SignatureError):
        fresh.open(forged, said.subject)
    assert fresh.trust.keyring.newest(SHIP) is None


def test_an_old_certificate_does_not_take_the_place_of_one_by_a_newer_key_of_central() -> None:
    """It would go with central's old key, and the node with it."""
    newer = SigningKey(b"c" * 32)
    renewed = Certificate(name=SHIP, key=KEYS[SHIP].public, broker="U", serial=1, issued=2.0)
    chain = Certificate(name=CENTRAL, key=newer.public, broker="U", serial=1, issued=2.0)
    kept: list[bytes] = []
    ring = Keyring(
        CENTRAL, ROOT.public, (statements.issue(chain, ROOT), statements.issue(renewed, newer))
    )
    trust = Trust(CENTRAL, newer, ring, lambda _, signed: kept.append(signed))
    central, ship = Wire(is_narrow=False, trust=trust), wire(SHIP)
    said = notice(SHIP, CENTRAL)
    assert central.open(ship.seal(said, said.subject, CENTRAL), said.subject) == said
    assert kept == []
    ring.learn(statements.issue(Revocation(name=CENTRAL, upto=0), newer))
    assert ring.newest(SHIP) is not None
