"""What a node says of its new keys: taken from whoever has them, for what it was said for."""

from __future__ import annotations

import msgspec
import pytest

from node import introduction
from node.introduction import JOIN, MOST_LABELS, REKEY, is_vouched, tell, told
from steward.errors import Refused
from steward.key_files import Keys, new_nkey
from steward.message import Body
from steward.signing import SigningKey
from steward.subjects import NodeName

SHIP, CENTRAL = NodeName("ship1"), NodeName("central")
MINE, THEIRS = (Keys(SigningKey.generate(), new_nkey()) for _ in range(2))


def said() -> Body:
    return Body(data=tell(JOIN, SHIP, CENTRAL, MINE, version="1", machine="m", labels={"a": "b"}))


def test_it_says_again_what_was_said() -> None:
    new = told(JOIN, SHIP, CENTRAL, said())
    assert (new.key, new.broker) == (MINE.signing.public, MINE.broker)
    assert (new.version, new.machine, new.labels) == ("1", "m", {"a": "b"})


@pytest.mark.parametrize(
    ("what", "frm", "to"), [(REKEY, SHIP, CENTRAL), (JOIN, CENTRAL, SHIP), (JOIN, SHIP, SHIP)]
)
def test_it_is_of_no_use_for_anything_else(what: str, frm: NodeName, to: NodeName) -> None:
    with pytest.raises(Refused, match="does not have these keys"):
        told(what, frm, to, said())


def test_nobody_tells_of_a_key_that_is_not_its_own() -> None:
    for mixed in (Keys(MINE.signing, THEIRS.broker_seed), Keys(THEIRS.signing, MINE.broker_seed)):
        facts, *_ = said().data
        _, *proofs = tell(JOIN, SHIP, CENTRAL, mixed)
        with pytest.raises(Refused, match="does not have these keys"):
            told(JOIN, SHIP, CENTRAL, Body(data=(facts, *proofs)))


def test_the_key_before_vouches_for_the_new_ones() -> None:
    old = SigningKey.generate()
    body = Body(data=tell(REKEY, SHIP, CENTRAL, MINE, before=old))
    assert told(REKEY, SHIP, CENTRAL, body).key == MINE.signing.public
    assert is_vouched(REKEY, SHIP, CENTRAL, body, old.public)
    assert not is_vouched(REKEY, SHIP, CENTRAL, body, MINE.signing.public)
    assert not is_vouched(JOIN, SHIP, CENTRAL, body, old.public)
    assert not is_vouched(REKEY, SHIP, CENTRAL, Body(data=body.data[:3]), old.public)
    assert not is_vouched(REKEY, SHIP, CENTRAL, Body(data=(*body.data[:3], "!")), old.public)


def test_many_and_long_labels_are_left_out() -> None:
    labels = {f"k{n}": "v" for n in range(MOST_LABELS)} | {"long": "x" * 65, "last": "v"}
    body = Body(data=tell(JOIN, SHIP, CENTRAL, MINE, labels={"long": "x" * 65} | labels))
    assert told(JOIN, SHIP, CENTRAL, body).labels == {f"k{n}": "v" for n in range(MOST_LABELS)}


@pytest.mark.parametrize("place", [0, 1, 2])
def test_every_part_is_under_both_signatures(place: int) -> None:
    data = list(said().data)
    data[place] = ("B" if data[place][0] == "A" else "A") + data[place][1:]
    with pytest.raises(Refused):
        told(JOIN, SHIP, CENTRAL, Body(data=tuple(data)))


@pytest.mark.parametrize(
    "data", [(), ("{}",), ("{}", "", ""), ("[]", "!", "!"), ("\ud800", "x", "y"), ("{", "", "")]
)
def test_garbage_is_refused(data: tuple[str, ...]) -> None:
    with pytest.raises(Refused):
        told(JOIN, SHIP, CENTRAL, Body(data=data))


def test_an_nkey_is_one_of_a_user() -> None:
    facts, *proofs = said().data
    for broker in ("U" + "A" * 55, MINE.broker[:-1] + ("A" if MINE.broker[-1] != "A" else "B")):
        new = msgspec.json.decode(facts, type=introduction.NewKeys)
        wrong = msgspec.json.encode(msgspec.structs.replace(new, broker=broker)).decode()
        with pytest.raises(Refused):
            told(JOIN, SHIP, CENTRAL, Body(data=(wrong, *proofs)))
