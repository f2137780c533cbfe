"""A node of the fleet whose key and name somebody else has: he answers central as he likes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from secrets import token_hex
from types import TracebackType
from typing import Any, Final, Self

import nats
from msgspec import structs
from nats.aio.client import Client
from nats.aio.msg import Msg

from steward import frames
from steward.frames import Frame, Receipt, Verdict
from tests.attack.harbour import Harbour
from tests.attack.intruder import FORGED, Intruder
from tests.attack.papers import CENTRAL
from tests.attack.people import Identity

Lie = Callable[["Insider", Frame], list[Receipt]]


class Insider:
    """In the place of a node that is stopped. ``lie``: what he answers to a frame."""

    def __init__(self, here: Harbour, intruder: Intruder, who: Identity, lie: Lie) -> None:
        self.here = here
        self.intruder = intruder
        self.who = who
        self.lie = lie
        self.store = token_hex(16)
        self.other = token_hex(16)
        self.answered = 0
        self._client: Client
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._client = await nats.connect(self.here.broker.address)
        await self._client.subscribe(f"{self.who.name}.*.*", cb=self._take)
        await self._client.flush()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._client.close()

    def plain(self, frame: Frame, **more: Any) -> Receipt:
        """An honest one, but for ``more``."""
        return structs.replace(self.intruder.receipt(frame, self.store), **more)

    async def _take(self, msg: Msg) -> None:
        letter = frames.decode(msg.data)
        if not isinstance(letter, Frame) or letter.frm != CENTRAL:
            return
        for receipt in self.lie(self, letter):
            sealed = self.intruder.seal(receipt, self.who, msg.reply)
            await self._client.publish(sealed.subject, sealed.payload)
            self.answered += 1


def last_of(frame: Frame) -> int:
    return max((e.seq for e in frame.messages), default=frame.base)


def retired(he: Insider, frame: Frame) -> list[Receipt]:
    """That central's own store was replaced."""
    return [he.plain(frame, retired=he.here.started[CENTRAL].store)]


def conflict(he: Insider, frame: Frame) -> list[Receipt]:
    return [he.plain(frame), he.plain(frame, last=last_of(frame), conflict=True)]


def base_above(he: Insider, frame: Frame) -> list[Receipt]:
    return [he.plain(frame), he.plain(frame, last=last_of(frame), base=frame.base + 1000)]


def last_above(he: Insider, frame: Frame) -> list[Receipt]:
    more = {"last": 10**9, "last_id": "someone-s"}
    return [he.plain(frame), he.plain(frame, **more), he.plain(frame, **more)]


def by_turns(he: Insider, frame: Frame) -> list[Receipt]:
    """Of two stores, sometimes of a new one."""
    he.store, he.other = he.other, he.store
    if he.answered % 5 == 4:
        he.other = token_hex(16)
    return [he.plain(frame), he.plain(frame, store=he.other)]


def all_refused(he: Insider, frame: Frame) -> list[Receipt]:
    no = {e.seq: Verdict(state="refused", reason=FORGED) for e in frame.messages}
    return [he.plain(frame, last=last_of(frame) if no else None, verdicts=no)]


def of_others(he: Insider, frame: Frame) -> list[Receipt]:
    """His answer is about streams to other ships, and about all numbers there are."""
    answers = [he.plain(frame)]
    for ship in he.here.started:
        on = frame.subject.replace(he.who.name, ship, 1)
        answers.append(he.plain(frame, subject=on, last=5, conflict=True))
        no = {n: Verdict(state="refused", reason=FORGED) for n in range(1, 200)}
        answers.append(he.plain(frame, subject=on, last=199, verdicts=no))
    return answers


def years_off(he: Insider, frame: Frame) -> list[Receipt]:
    """His clock is ahead by years, then behind."""
    shift = 1e8 if he.answered % 2 else -1e8
    clock = frame.clock + shift
    return [he.plain(frame, clock=clock, last=last_of(frame) if frame.messages else None)]


def silent(he: Insider, frame: Frame) -> list[Receipt]:
    return []


LIES: Final[tuple[Lie, ...]] = (
    retired, conflict, base_above, last_above, by_turns, all_refused, of_others, years_off, silent,
)  # fmt: skip
