"""Somebody on the broker who hears everything, and says it in whatever name, with any key."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from secrets import token_hex
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

import msgspec
import nats
from msgspec import structs
from nats.aio.client import Client
from nats.aio.msg import Msg

from steward import frames
from steward.errors import FrameError
from steward.frames import Entry, Frame, Letter, Notice, Output, Receipt
from steward.message import Body, MessageId, new_id
from steward.signing import SigningKey, key_id
from steward.subjects import NodeName, inbox
from steward.trust import is_command, order
from tests.attack.harbour import Harbour
from tests.attack.people import Identity

FORGED: Final = "FORGED"
"""Stands in whatever somebody says who may not."""
AT_ONCE: Final = 400
"""Letters, before they are given time: a node drops what it has no room for."""


class Captured(NamedTuple):
    """A letter as the broker has seen it."""

    subject: str
    reply: str
    payload: bytes


class Intruder:
    """A client of the broker as it is when somebody else has taken it over: there is no list of
    who may do what. ``seen``: true letters, each once."""

    def __init__(self, here: Harbour) -> None:
        self.here = here
        self.seen: dict[Captured, None] = {}
        self.listens = True
        self.tried = 0
        self._said: set[bytes] = set()
        self._client: Client

    async def __aenter__(self) -> Self:
        self._client = await nats.connect(self.here.broker.address)
        await self._client.subscribe(">", cb=self._take)
        await self._client.flush()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._client.close()

    async def _take(self, msg: Msg) -> None:
        if self.listens and msg.data not in self._said:
            self.seen[Captured(msg.subject, msg.reply, msg.data)] = None

    # ---------------------------------------------------------------- what he says

    async def say(self, letters: Iterable[Captured]) -> None:
        """Publish them, a few at a time; returns when every node has looked at them."""
        waiting = 0
        for letter in letters:
            self._said.add(letter.payload)
            await self._client.publish(letter.subject, letter.payload, letter.reply)
            self.tried += 1
            waiting += 1
            if waiting == AT_ONCE:
                await self.pause()
                waiting = 0
        await self.pause()

    async def pause(self) -> None:
        """Until what was said has arrived, and everybody has looked at it."""
        await self._client.flush()
        await self.here.idle()

    # ---------------------------------------------------------------- what he makes

    def seal(
        self,
        letter: Letter | Output,
        who: Identity,
        on: str = "",
        *,
        said: Sequence[bytes] | None = None,
        signed_for: str = "",
    ) -> Captured:
        """With his key, if he has one. ``on``: elsewhere than the letter says; ``signed_for``: yet
        another subject."""
        where = on or _subject(letter)
        if who.key and isinstance(letter, Frame | Notice) and is_command(letter.subject):
            letter = _ordered(letter, who.key)
        envelope = frames.enclose(letter, 1)
        if who.key:
            theirs = self.here.papers.keys.get(NodeName(where.split(".")[0]))
            shown = who.said if said is None else said
            envelope = structs.replace(
                envelope,
                key=who.key.id,
                holds=key_id(theirs.public) if theirs else "",
                said=tuple(map(msgspec.Raw, shown)),
            )
            covered = envelope.signed_part(signed_for or where)
            envelope = structs.replace(envelope, sig=who.key.sign(covered))
        reply = inbox(letter.frm, "a" * 16) if isinstance(letter, Frame) else ""
        return Captured(where, reply, frames.written(envelope))

    def frame(self, frm: NodeName, on: str, data: Sequence[str] = (), **more: Any) -> Frame:
        """One that the receiver would take: it knows its store, and begins a stream."""
        to = NodeName(on.split(".")[0])
        body = msgspec.json.encode(Body(data=tuple(data), parallel=True))
        entry = Entry(seq=1, id=MessageId(new_id()), body=frames.raw(body))
        known = self.here.started.get(to)
        facts: dict[str, Any] = {
            "frm": frm, "store": token_hex(16), "start": token_hex(8), "tx": token_hex(8),
            "to": to, "subject": on, "clock": time.time(), "messages": (entry,),
            "instance": known.store if known else "",
        }  # fmt: skip
        return Frame(**facts | more)

    def notice(self, frm: NodeName, on: str, data: Sequence[str] = (), **more: Any) -> Notice:
        body = msgspec.json.encode(Body(data=tuple(data)))
        facts: dict[str, Any] = {
            "frm": frm, "store": token_hex(16), "start": token_hex(8),
            "to": NodeName(on.split(".")[0]), "subject": on, "clock": time.time(),
            "id": MessageId(new_id()), "steady": 1e9, "body": frames.raw(body),
        }  # fmt: skip
        return Notice(**facts | more)

    def receipt(self, to: Frame, store: str, **more: Any) -> Receipt:
        """An answer to a frame."""
        facts: dict[str, Any] = {
            "frm": to.to, "store": store, "start": token_hex(8), "tx": to.tx, "to": to.frm,
            "to_store": to.store, "subject": to.subject, "clock": time.time(),
        }  # fmt: skip
        return Receipt(**facts | more)

    def letters(self, kind: type[Any]) -> list[tuple[Captured, Any]]:
        """Of what he has seen, those of one type."""
        found = []
        for captured in self.seen:
            try:
                letter = frames.decode(captured.payload)
            except FrameError:
                continue
            if isinstance(letter, kind):
                found.append((captured, letter))
        return found


def _ordered(letter: Frame | Notice, key: SigningKey) -> Frame | Notice:
    def signed(id: str, body: msgspec.Raw) -> bytes:
        return key.sign(order(letter.frm, letter.to, letter.subject, id, bytes(body)))

    if isinstance(letter, Notice):
        return structs.replace(letter, order=signed(letter.id, letter.body))
    entries = [structs.replace(e, order=signed(e.id, e.body)) for e in letter.messages]
    return structs.replace(letter, messages=tuple(entries))


def _subject(letter: Letter | Output) -> str:
    return "" if isinstance(letter, Receipt | Output) else letter.subject


def script(here: Harbour, who: Identity, what: str) -> tuple[str, ...]:
    """A command that shows in the ledger that it was started, and for whom."""
    return ("sh", "-c", f'echo "{FORGED} {who.title}: {what}" >> {here.ledger}')
