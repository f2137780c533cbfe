"""I9 at the core: whatever a letter says, it is judged, and nobody else's messages suffer."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from steward import frames
from steward.frames import Entry, Frame, Receipt, Verdict
from steward.message import MessageId, State
from steward.subjects import NodeName
from tests.ends import Clock, End, exchange, meet

COUNTS = st.integers(0, 6) | st.integers(0, 2**53 - 1)
WORDS = st.sampled_from(["", "S", "R", "expired", "settled", "unknown", "nonsense", "x.y.z"])
WALL = st.floats(-1e11, 1e11) | st.just(1000.0)
SUBJECTS = st.sampled_from(
    ["R.CommandACK.Work", "R.EventACK.Work", "S.EventACK.Work", "R", "", "x"]
)


def one_of_mine(words: list[str]) -> Any:
    return WORDS | st.sampled_from(words)


def entries() -> st.SearchStrategy[tuple[Entry, ...]]:
    entry = st.builds(
        Entry,
        seq=st.integers(1, 6) | st.integers(1, 2**53 - 1),
        id=st.sampled_from([MessageId("m1"), MessageId("m2"), MessageId("m3")]),
        tombstone=WORDS,
        expires=st.none() | WALL,
        deadline=st.none() | WALL,
    )
    return st.lists(entry, max_size=4).map(tuple)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_frame_is_too_odd(data: st.DataObject) -> None:
    clock = Clock()
    s, r = End("S", clock), End("R", clock)
    m = s.send("R")
    meet(s, r, m.subject)
    good = s.frame(m.subject)
    for _ in range(data.draw(st.integers(1, 3))):
        said = {
            "frm": NodeName(data.draw(st.sampled_from(["S", "X"]))),
            "store": data.draw(one_of_mine([s.store, r.store])),
            "instance": data.draw(one_of_mine([r.store, r.store, r.store])),
            "subject": data.draw(SUBJECTS),
            "base": data.draw(COUNTS),
            "clock": data.draw(WALL),
            "messages": data.draw(entries()),
            "retired": data.draw(one_of_mine([r.store])),
        }
        odd = structs.replace(good, **said)
        decoded = frames.decode(frames.encode(odd))
        assert isinstance(decoded, Frame)
        r.take(decoded, signed=data.draw(st.booleans()))
    other = End("Z", clock)
    mine = other.send("R")
    meet(other, r, mine.subject)
    exchange(other, r, mine.subject)
    assert other.state(mine) == (State.DELIVERED, False)


def test_questions_alone_leave_no_rows() -> None:
    clock = Clock()
    s, r = End("S", clock), End("R", clock)
    m = s.send("R")
    meet(s, r, m.subject)
    good = s.frame(m.subject)
    for n in range(3):
        odd = structs.replace(good, store=f"made-up-{n}", messages=())
        answer = r.take(odd)
        assert answer is not None
        assert (answer.last, answer.base) == (0, 0)
    assert r.ledger.receiving.streams == {}
    s.judge(r.take(good))
    assert s.state(m) == (State.DELIVERED, False)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_receipt_is_too_odd(data: st.DataObject) -> None:
    clock = Clock()
    s, r, z = End("S", clock), End("R", clock), End("Z", clock)
    m, other = s.send("R"), s.send("Z")
    meet(s, r, m.subject)
    meet(s, z, other.subject)
    good = r.take(s.frame(m.subject))
    assert good is not None
    for _ in range(data.draw(st.integers(1, 3))):
        said = {
            "store": data.draw(one_of_mine([s.store, r.store, z.store])),
            "tx": data.draw(one_of_mine([good.tx])),
            "subject": data.draw(SUBJECTS),
            "last": data.draw(st.none() | COUNTS),
            "last_id": data.draw(one_of_mine([m.id])),
            "base": data.draw(COUNTS),
            "conflict": data.draw(st.booleans()),
            "clock": data.draw(WALL),
            "retired": data.draw(one_of_mine([s.store])),
            "verdicts": data.draw(
                st.dictionaries(COUNTS, st.builds(Verdict, state=WORDS, reason=WORDS), max_size=3)
            ),
        }
        decoded = frames.decode(frames.encode(structs.replace(good, **said)))
        assert isinstance(decoded, Receipt)
        s.judge(decoded)
    exchange(s, z, other.subject)
    assert s.state(other) == (State.DELIVERED, False)
