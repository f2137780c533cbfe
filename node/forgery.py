"""What somebody makes of true letters who has taken over the broker: he has heard them all."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from secrets import token_hex
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import structs

from node.intruder import Heard
from steward import frames, statements
from steward.errors import FrameError
from steward.frames import Entry, Frame
from steward.message import Body, MessageId, new_id
from steward.signing import SigningKey
from steward.statements import Certificate
from steward.subjects import NodeName, inbox, parse, subject
from steward.trust import is_command, order

_CENTRAL: Final = NodeName("central")


class Stolen(NamedTuple):
    """A node's identity in other hands. ``said``: central's word for its key."""

    name: NodeName
    key: SigningKey
    said: tuple[bytes, ...]


class Attack(NamedTuple):
    """What is tried, and the letters that it takes."""

    title: str
    letters: Sequence[Heard]


class Forger:
    """``heard``: what went by; ``argv``: what he would have run on a ship; ``word``: what true
    orders of the time hold, which is as long as ``forged``."""

    def __init__(
        self, heard: Sequence[Heard], stolen: Stolen, argv: Sequence[str], word: str, forged: str
    ) -> None:
        self._heard = heard
        self._stolen = stolen
        self._argv = tuple(argv)
        self._word, self._forged = word.encode(), forged.encode()
        self._orders = [h for h in heard if _is_order(h)]
        self.stores = {f.to: f.instance for h in heard if (f := _frame(h)) and f.instance}
        """Of the nodes that were spoken to: a frame has to name it."""

    def attacks(self, ships: Sequence[str]) -> Iterator[Attack]:
        """All of them, against these ships."""
        yield Attack("orders in central's name, not signed", self._made(ships, _CENTRAL, None))
        yield Attack("every letter that went by, said again", self._heard)
        yield Attack("orders, said to another ship", list(self._readdressed(ships)))
        yield Attack("orders with another word in them", list(self._changed()))
        yield Attack("orders without their signature", [_stripped(h) for h in self._orders])
        own = SigningKey.generate()
        self_made = statements.issue(Certificate(_CENTRAL, own.public, "", 99, time.time()), own)
        yield Attack(
            "orders in central's name, signed with a key that says of itself that it is central's",
            self._made(ships, _CENTRAL, own, [self_made]),
        )
        name, key, said = self._stolen
        yield Attack(
            f"orders in central's name, signed with the stolen key of {name}",
            self._made(ships, _CENTRAL, key, said),
        )
        yield Attack(
            f"orders of {name}, signed with its own key, which was stolen and revoked",
            self._made(ships, name, key, said),
        )

    def _readdressed(self, ships: Sequence[str]) -> Iterator[Heard]:
        for letter in self._orders:
            node, kind, method = parse(letter.subject)
            for other in (*ships, _CENTRAL):
                if other != node:
                    yield letter._replace(subject=subject(NodeName(other), kind, method))

    def _changed(self) -> Iterator[Heard]:
        for letter in self._orders:
            yield letter._replace(payload=letter.payload.replace(self._word, self._forged))

    def _made(
        self,
        ships: Sequence[str],
        name: NodeName,
        key: SigningKey | None,
        said: Sequence[bytes] = (),
    ) -> list[Heard]:
        return [_sealed(self._order(name, NodeName(ship), key), key, said) for ship in ships]

    def _order(self, frm: NodeName, to: NodeName, key: SigningKey | None) -> Frame:
        on = subject(to, "CommandACK", "ShellCommand")
        return _frame_of(frm, on, Body(data=self._argv), key, self.stores.get(to, ""))


def unsigned(on: str) -> bytes:
    """A frame of ship2's on this subject, of which only the signature is missing."""
    return frames.encode(_frame_of(NodeName("ship2"), on, Body(data=("forged",)), None, ""))


def _frame_of(frm: NodeName, on: str, body: Body, key: SigningKey | None, store: str) -> Frame:
    """One that its receiver, who has this ``store``, would take: it begins a stream."""
    to, id, packed = parse(on).node, MessageId(new_id()), msgspec.json.encode(body)
    signed = key.sign(order(frm, to, on, id, packed)) if key else b""
    entry = Entry(seq=1, id=id, order=signed, body=frames.raw(packed))
    return Frame(
        frm=frm, store=token_hex(16), start=token_hex(8), tx=token_hex(8), to=to, subject=on,
        clock=time.time(), instance=store, messages=(entry,),
    )  # fmt: skip


def _sealed(frame: Frame, key: SigningKey | None, said: Sequence[bytes]) -> Heard:
    envelope = frames.enclose(frame)
    if key is not None:
        words: dict[str, Any] = {"key": key.id, "said": tuple(map(msgspec.Raw, said))}
        envelope = structs.replace(envelope, **words)
        envelope = structs.replace(envelope, sig=key.sign(envelope.signed_part(frame.subject)))
    return Heard(frame.subject, inbox(frame.frm, "a" * 16), frames.written(envelope))


def _stripped(letter: Heard) -> Heard:
    envelope = structs.replace(frames.opened(letter.payload), sig=b"", key="", said=())
    return letter._replace(payload=frames.written(envelope))


def _frame(letter: Heard) -> Frame | None:
    try:
        found = frames.decode(letter.payload)
    except FrameError:
        return None
    return found if isinstance(found, Frame) else None


def _is_order(letter: Heard) -> bool:
    frame = _frame(letter)
    return frame is not None and bool(frame.messages) and is_command(frame.subject)
