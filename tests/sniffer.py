"""Listens on a broker beside the real nodes: counts what travels."""

from __future__ import annotations

from types import TracebackType

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg

from steward import frames
from steward.errors import FrameError
from steward.frames import Frame, Receipt


class Sniffer:
    """Collects the frames, and the receipts, on one subject while it is entered."""

    def __init__(self, address: str, subject: str) -> None:
        self.frames: list[Frame] = []
        self.receipts: list[Receipt] = []
        self._address = address
        self._subject = subject
        self._client: Client

    async def __aenter__(self) -> Sniffer:
        self._client = await nats.connect(self._address)
        await self._client.subscribe(self._subject, cb=self._take)
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
        try:
            letter = frames.decode(msg.data)
        except FrameError:
            return
        if isinstance(letter, Frame):
            self.frames.append(letter)
        elif isinstance(letter, Receipt):
            self.receipts.append(letter)
