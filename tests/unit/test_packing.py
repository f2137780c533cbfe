"""Letters on narrow links: smaller, the same when unpacked, and only to whom it was agreed with."""

from __future__ import annotations

import contextlib
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steward import frames, packing
from steward.errors import FrameError
from steward.frames import Frame, Receipt
from steward.subjects import NodeName
from steward.wire import Wire

DICTIONARY_1 = 0xC0DA49C7
SHIP, CENTRAL = NodeName("ship1"), NodeName("central")


def frame(frm: NodeName = CENTRAL, to: NodeName = SHIP, start: str = "s" * 16) -> Frame:
    subject = f"{to}.EventACK.TextLogging"
    return Frame(frm=frm, store="a" * 16, start=start, tx="t", to=to, subject=subject, clock=1.0)


def receipt() -> Receipt:
    subject = "ship1.EventACK.TextLogging"
    return Receipt(
        frm=SHIP, store="b" * 16, start="u", tx="t", to=CENTRAL, to_store="a", subject=subject,
        clock=1.0, last=3, last_id="x",
    )  # fmt: skip


def sealed(wire: Wire, letter: Frame | Receipt) -> bytes:
    return wire.seal(letter, "x", letter.to)


def is_packed(payload: bytes) -> bool:
    return payload.startswith(packing.MARK)


@given(st.binary(max_size=5000), st.integers(1, 50))
def test_what_is_packed_unpacks_to_the_same(data: bytes, times: int) -> None:
    packed = packing.pack(data * times)
    assert len(packed) <= len(data * times)
    if len(packed) < len(data * times):
        assert packing.unpack(packed) == data * times


def test_a_small_letter_is_less_than_half_and_a_letter_never_larger() -> None:
    for letter in (frame(), receipt()):
        plain = frames.encode(letter)
        assert len(packing.pack(plain)) < len(plain) / 2
        assert frames.decode(packing.pack(plain)) == letter


def test_the_dictionary_is_part_of_the_wire_format() -> None:
    """Daemons of another one would not understand each other: a new one needs a bit in ``packs``,
    and this one has to be kept."""
    packed = packing.pack(frames.encode(frame()))
    assert int.from_bytes(packed[2:6], "big") == DICTIONARY_1


def test_a_bomb_is_refused_without_being_unpacked() -> None:
    bomb = packing.pack(b"x" * packing.MOST)
    assert len(packing.unpack(bomb)) == packing.MOST
    packer = zlib.compressobj(zdict=packing._DICTIONARY)
    larger = packer.compress(b"x" * (packing.MOST + 1)) + packer.flush()
    with pytest.raises(FrameError, match="larger than"):
        packing.unpack(larger)
    assert packing.pack(b"x" * (packing.MOST + 1)) == b"x" * (packing.MOST + 1)


def test_what_cannot_be_unpacked_is_refused_with_the_reason() -> None:
    packed = packing.pack(frames.encode(frame()))
    for wrong, why in (
        (packed[:-1], "cut"),
        (packed + b"x", "behind it"),
        (packed[:-4] + b"0000", "cannot be unpacked"),
        (b"x", "cut"),
        (b"xyz", "cannot be unpacked"),
        (zlib.compress(b"{}" * 100), "not an envelope"),
    ):
        with pytest.raises(FrameError, match=why):
            frames.decode(wrong)


@given(st.data())
def test_no_damage_to_packed_bytes_raises_anything_else(data: st.DataObject) -> None:
    packed = bytearray(packing.pack(frames.encode(receipt())))
    for _ in range(data.draw(st.integers(1, 5))):
        packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(FrameError):
        frames.decode(bytes(packed[: data.draw(st.integers(0, len(packed)))]))


def test_nothing_goes_packed_to_somebody_who_has_not_said_that_it_unpacks() -> None:
    wire = Wire(is_narrow=True)
    assert not is_packed(sealed(wire, frame()))
    wire.open(frames.encode(receipt()), "x")  # as a daemon without packing says it
    assert not is_packed(sealed(wire, frame()))
    wire.open(sealed(Wire(is_narrow=False), receipt()), "x")
    assert is_packed(sealed(wire, frame()))
    assert not is_packed(sealed(wire, frame(to=NodeName("ship2"))))


@pytest.mark.parametrize(
    ("here", "there", "packed"),
    [(False, False, False), (True, False, True), (False, True, True), (True, True, True)],
)
def test_it_is_packed_where_one_end_is_behind_a_narrow_link(
    here: bool, there: bool, packed: bool
) -> None:
    central, ship = Wire(is_narrow=here), Wire(is_narrow=there)
    central.open(sealed(ship, receipt()), "x")
    assert is_packed(sealed(central, frame())) is packed
    assert ship.open(sealed(central, frame()), "x") == frame()


def test_who_was_replaced_by_an_older_version_gets_plain_letters_once_it_has_spoken() -> None:
    wire = Wire(is_narrow=True)
    wire.open(sealed(Wire(is_narrow=True), receipt()), "x")
    assert is_packed(sealed(wire, frame()))
    wire.open(frames.encode(receipt()), "x")
    assert not is_packed(sealed(wire, frame()))


def test_bits_that_nobody_knows_yet_change_nothing() -> None:
    wire = Wire(is_narrow=False)
    wire.open(frames.encode(receipt(), 4), "x")
    assert not is_packed(sealed(wire, frame()))
    wire.open(frames.encode(receipt(), 4 + 2 + 1), "x")
    assert is_packed(sealed(wire, frame()))
