"""The secure demo's intruder: a client of the broker without manners, who tries what he may not."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

import msgspec
from nkeys import from_seed

from steward.access import Access
from steward.errors import BusError
from steward.link import LAN, Endpoint, Link

PATIENCE: Final = 10.0
"""Seconds for the broker to say anything."""
SILENCE: Final = 2.0
"""Seconds after which a broker that has said nothing will not."""
_SOME: Final = 65536


class Heard(NamedTuple):
    """What went by on the broker."""

    subject: str
    reply: str
    payload: bytes


class Intruder:
    """One connection. ``seed``: the broker key that he has, empty: none. ``heard``: what came to
    his subscriptions; ``refusals``: what the broker complained of."""

    def __init__(self, address: str, ca: str, seed: bytes = b"") -> None:
        self.heard: list[Heard] = []
        self.refusals: list[str] = []
        self.ended = asyncio.Event()
        self._endpoint = Endpoint.parse(address)
        self._ca = ca
        self._seed = seed
        self._pongs: asyncio.Queue[None] = asyncio.Queue()
        self._subscriptions = 0
        self._read_ahead = b""
        self._link: Link
        self._reading: asyncio.Task[None]

    async def __aenter__(self) -> Self:
        """Raises BusError with the broker's words if it does not let him in."""
        context = Access(ca=self._ca).context() if self._endpoint.tls else None
        self._link = await Link.open(self._endpoint, LAN, context)
        try:
            async with asyncio.timeout(PATIENCE):
                await self._enter()
        except BaseException:
            self._link.close()
            raise
        self._reading = asyncio.create_task(self._read(), name="intruder listens")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._link.close()
        self._reading.cancel()
        with suppress(asyncio.CancelledError):
            await self._reading

    async def _enter(self) -> None:
        info = msgspec.json.decode((await self._line()).removeprefix(b"INFO "))
        facts: dict[str, Any] = {"verbose": False, "pedantic": False, "headers": False}
        if self._seed:
            user = from_seed(bytearray(self._seed))
            signed = user.sign(str(info.get("nonce", "")).encode())
            facts["nkey"] = bytes(user.public_key).decode()
            facts["sig"] = base64.b64encode(signed).decode()
        self._say(b"CONNECT " + msgspec.json.encode(facts), b"PING")
        while (line := await self._line()) != b"PONG":
            if not line or line.startswith(b"-ERR"):
                raise BusError(_words(line) or "the broker hung up")

    def _say(self, *lines: bytes) -> None:
        self._link.write(b"".join(line + b"\r\n" for line in lines))

    async def _line(self) -> bytes:
        """The next one; empty at the end of the connection."""
        while b"\r\n" not in self._read_ahead:
            if not await self._more():
                return b""
        line, _, self._read_ahead = self._read_ahead.partition(b"\r\n")
        return line

    async def _more(self) -> bool:
        some = await self._link.read(_SOME)
        self._read_ahead += some
        return bool(some)

    async def _read(self) -> None:
        """Until the connection ends."""
        with suppress(OSError):
            while line := await self._line():
                word, *rest = line.split()
                if word == b"MSG":
                    await self._take([one.decode() for one in rest])
                elif word == b"PING":
                    self._say(b"PONG")
                elif word == b"PONG":
                    self._pongs.put_nowait(None)
                elif word == b"-ERR":
                    self.refusals.append(_words(line))
        self.ended.set()

    async def _take(self, words: Sequence[str]) -> None:
        """A message: subject, subscription, perhaps where to answer, size in bytes."""
        size = int(words[-1])
        while len(self._read_ahead) < size + 2:
            if not await self._more():
                return
        payload, self._read_ahead = self._read_ahead[:size], self._read_ahead[size + 2 :]
        self.heard.append(Heard(words[0], words[2] if len(words) == 4 else "", payload))

    # ---------------------------------------------------------------- what he tries

    async def flush(self) -> None:
        """Until the broker has looked at all of it. Raises BusError: it has turned him out."""
        self._say(b"PING")
        pong = asyncio.create_task(self._pongs.get(), name="pong")
        end = asyncio.create_task(self.ended.wait(), name="end")
        try:
            async with asyncio.timeout(PATIENCE):
                await asyncio.wait({pong, end}, return_when=asyncio.FIRST_COMPLETED)
            if not pong.done():
                raise BusError("the broker has turned him out", ", ".join(self.refusals))
        finally:
            pong.cancel()
            end.cancel()

    async def listen(self, subject: str) -> str:
        """What the broker says against it; empty: he may."""
        before = len(self.refusals)
        self._subscriptions += 1
        self._say(f"SUB {subject} {self._subscriptions}".encode())
        await self.flush()
        return " ".join(self.refusals[before:])

    async def say(self, subject: str, payload: bytes, reply: str = "") -> str:
        """Likewise for a message."""
        before = len(self.refusals)
        head = f"PUB {subject} {reply} {len(payload)}".replace("  ", " ")
        self._say(head.encode(), payload)
        await self.flush()
        return " ".join(self.refusals[before:])


def _words(line: bytes) -> str:
    return line.decode(errors="replace").strip().removeprefix("-ERR ").strip("'")


async def in_the_clear(host: str, port: int) -> bytes:
    """What the broker says to a client without TLS that says hello, until it hangs up or is silent
    for some seconds."""
    reader, writer = await asyncio.open_connection(host, port)
    heard = b""
    try:
        async with asyncio.timeout(SILENCE):
            writer.write(b'CONNECT {"verbose":true}\r\nSUB > 1\r\nPING\r\n')
            while some := await reader.read(4096):
                heard += some
    except (TimeoutError, ConnectionError):
        pass
    finally:
        writer.transport.abort()
    return heard
