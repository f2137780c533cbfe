"""Somebody on the broker who says what he likes, in whatever name."""

from __future__ import annotations

import asyncio
from secrets import token_hex
from types import TracebackType
from typing import Any, Self

import msgspec
import nats
from nats.aio.client import Client
from nats.aio.msg import Msg

from steward import frames
from steward.errors import FrameError
from steward.frames import Letter, Receipt

Json = dict[str, Any]


class Stranger:
    """A client of the broker. ``name``: the node that he says he is; ``seen``: what came to its
    subjects and to its inbox, with the subject to answer to."""

    def __init__(self, address: str, name: str = "ship7") -> None:
        self.name = name
        self.store = token_hex(16)
        self.start = token_hex(8)
        self.seen: list[tuple[str, bytes]] = []
        self._address = address
        self._client: Client

    async def __aenter__(self) -> Self:
        self._client = await nats.connect(self._address)
        for subject in (f"{self.name}.*.*", f"_INBOX.{self.name}.>"):
            await self._client.subscribe(subject, cb=self._take)
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
        self.seen.append((msg.reply, msg.data))

    async def say(self, subject: str, payload: bytes, reply: str = "") -> None:
        """Publish bytes as they are; they have left when this returns."""
        await self._client.publish(subject, payload, reply)
        await self._client.flush()

    def letters(self, kind: type[Letter]) -> list[tuple[str, Any]]:
        """What came that can be read, with the subject to answer to."""
        found = []
        for reply, data in self.seen:
            try:
                letter = frames.decode(data)
            except FrameError:
                continue
            if isinstance(letter, kind):
                found.append((reply, letter))
        return found

    async def hears(self, kind: type[Letter], seconds: float = 10.0) -> tuple[str, Any]:
        """The next letter of a kind, and the subject to answer it to."""
        async with asyncio.timeout(seconds):
            while not (found := self.letters(kind)):
                await asyncio.sleep(0.01)
        self.seen.clear()
        return found[-1]

    def frame(self, to: str, subject: str, *messages: Json, **more: Any) -> Json:
        """A frame's body as JSON, to be spoilt."""
        return {
            "from": self.name, "store": self.store, "start": self.start, "tx": token_hex(8),
            "to": to, "subject": subject, "clock": 1.0e9, "messages": list(messages), **more,
        }  # fmt: skip

    async def send(self, body: Json, *, type: str = "frame", v: int = 1) -> None:
        """An envelope on the subject that it names, answers to the own inbox."""
        payload = msgspec.json.encode({"v": v, "type": type, "sig": "", "body": body})
        await self.say(body["subject"], payload, f"_INBOX.{self.name}.mine")

    async def instance(self, to: str, subject: str) -> str:
        """Ask a node for its store id, as a sender does."""
        self.seen.clear()
        await self.send(self.frame(to, subject))
        _, receipt = await self.hears(Receipt)
        assert isinstance(receipt, Receipt)
        return receipt.store
