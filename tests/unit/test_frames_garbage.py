"""Bytes from the wire: a letter within its bounds, or a FrameError, whatever they are."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from steward import frames
from steward.errors import FrameError
from steward.frames import Entry, Frame, Letter, Notice, Output, Receipt, Verdict
from steward.message import MessageId
from steward.subjects import NodeName

ID = MessageId("0199-abc")
ENDS: dict[str, Any] = {
    "frm": NodeName("central"), "to": NodeName("ship1"), "store": "s1", "start": "t1",
    "subject": "ship1.CommandACK.ShellCommand", "clock": 1.7e9,
}  # fmt: skip
LETTERS: tuple[Letter | Output, ...] = (
    Frame(**ENDS, tx="x", instance="i", base=3, messages=(
        Entry(seq=4, id=ID, expires=1.8e9, deadline=1.8e9, body=frames.raw(b'{"data":["a"]}')),
        Entry(seq=5, id=ID, tombstone="expired"),
    )),
    Receipt(**ENDS, tx="x", to_store="s2", last=4, last_id=ID, base=3, verdicts={
        4: Verdict(state="refused", reason="no"),
    }),
    Notice(**ENDS, id=ID, body=frames.raw(b'{"data":["a"]}')),
    Output(frm=NodeName("ship1"), id=ID, stream="stdout", offset=9, data=b"\xff\n"),
)  # fmt: skip
WIRE = [frames.encode(letter) for letter in LETTERS]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=80),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


def judged(payload: bytes) -> Letter | Output | None:
    """What is made of it: nothing, or a letter within its bounds."""
    try:
        letter = frames.decode(payload)
    except FrameError:
        return None
    assert isinstance(letter, Output) or abs(letter.clock) <= 1e11
    if isinstance(letter, Output):
        numbers = [letter.offset]
    elif isinstance(letter, Frame):
        numbers = [letter.base, *(e.seq for e in letter.messages)]
    elif isinstance(letter, Receipt):
        numbers = [letter.base, letter.last or 0, *letter.verdicts]
    else:
        numbers = []
    assert all(0 <= n < 2**53 for n in numbers)
    return letter


@pytest.mark.parametrize("letter", LETTERS)
def test_what_is_sent_is_what_arrives(letter: Letter | Output) -> None:
    assert frames.encode(judged(frames.encode(letter))) == frames.encode(letter)  # type: ignore[arg-type]


@given(st.binary(max_size=300))
@example(b"[" * 100_000)
@example(b'{"v":1,"type":"frame","sig":"","body":' + b"[" * 100_000)
def test_bytes(payload: bytes) -> None:
    judged(payload)


@given(st.data())
def test_letters_with_flipped_bits(data: st.DataObject) -> None:
    spoilt = bytearray(data.draw(st.sampled_from(WIRE)))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(spoilt) * 8 - 1))
        spoilt[at // 8] ^= 1 << at % 8
    judged(bytes(spoilt))


@given(st.data())
def test_letters_with_a_field_of_another_kind(data: st.DataObject) -> None:
    envelope = msgspec.json.decode(data.draw(st.sampled_from(WIRE)))
    where = data.draw(st.sampled_from([envelope, envelope["body"]]))
    where[data.draw(st.sampled_from(sorted(where)))] = data.draw(JSON)
    judged(msgspec.json.encode(envelope))
