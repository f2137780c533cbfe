"""A broker that is a function call: what real daemons in this process publish, and what strangers
do. It takes the place of ``node.membership.Bus``; all behind ``Bus._on_message`` is real."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple, NoReturn

from steward import frames
from steward.bus import Bus
from steward.errors import BusError, FrameError
from steward.frames import Frame, Notice, Receipt
from steward.link import LAN, LinkSettings
from steward.subjects import NodeName, is_subject
from tests.fuzz.inputs import Finding
from tests.fuzz.letters import NOBODY, settled

_REMEMBERED = 64


class _Msg(NamedTuple):
    """As the client hands it over."""

    subject: str
    reply: str
    data: bytes
    headers: dict[str, str] | None = None


class Air:
    """Carries what is published to the nodes, and keeps what they tell strangers."""

    def __init__(self) -> None:
        self.buses: dict[str, AirBus] = {}
        self.asked: dict[tuple[str, bool], deque[Frame]] = {}
        """The newest frames that a node has sent to a stranger: questions, others."""
        self.answers = 0
        """Receipts that strangers got."""

    def bus(
        self, node: NodeName, addresses: Sequence[str], *, link: LinkSettings = LAN,
        start: str = "", **_access: object,
    ) -> AirBus:  # fmt: skip
        """In the place of ``Bus``."""
        self.buses[node] = AirBus(self, node, addresses, link=link, start=start)
        return self.buses[node]

    async def carry(self, frm: str, to: str, payload: bytes, reply: str) -> None:
        """Deliver by subject, as the broker's subscriptions would."""
        name, *rest = to.removeprefix("_INBOX.").split(".")
        bus = self.buses.get(name)
        if bus is None:
            self._keep(frm, payload)
        elif not to.startswith("_INBOX."):
            if len(rest) == 2:
                await bus._on_message(_Msg(to, reply, payload))  # type: ignore[arg-type]
        elif len(rest) == 1:
            await bus._on_reply(_Msg(to, reply, payload))  # type: ignore[arg-type]

    def _keep(self, frm: str, payload: bytes) -> None:
        try:
            letter = frames.decode(payload)
        except FrameError as error:
            raise Finding(f"{frm} says what nobody can read: {error}: {payload[:500]!r}") from error
        if isinstance(letter, Frame) and letter.to.startswith("ghost"):
            kept = self.asked.setdefault((frm, bool(letter.messages)), deque(maxlen=_REMEMBERED))
            kept.append(letter)
        elif isinstance(letter, Receipt):
            self.answers += 1
            for seq, verdict in letter.verdicts.items():
                if verdict.state == "refused" and not verdict.reason:
                    raise Finding(f"{frm} refuses {seq} without a reason")

    async def greet(self, name: str) -> bool:
        """Answer that node's questions as honest strangers do; whether it has sent more since."""
        for asked in self.asked.pop((name, False), ()):
            answer = Receipt(
                frm=asked.to, store=f"{asked.to}-store", start="start-1", tx=asked.tx, to=asked.frm,
                to_store=asked.store, subject=asked.subject, clock=asked.clock,
            )  # fmt: skip
            await self.carry(asked.to, f"_INBOX.{name}.mine", frames.encode(answer), "")
        return (name, True) in self.asked

    async def publish(self, store: str, era: str, to: str, payload: bytes, reply: str) -> bytes:
        """What a stranger says; returned as it went out."""
        name, n = to.removeprefix("_INBOX.").partition(".")[0], len(payload)
        asked = self.asked.get((name, n % 4 > 0)) or self.asked.get((name, False))
        if reply.startswith(NOBODY):
            headers = {"Status": "503", "Nats-Subject": reply.removeprefix(NOBODY)}
            await self.buses[name]._on_reply(_Msg(to, "", b"", headers))  # type: ignore[arg-type]
            return b""
        payload = settled(payload, store, asked[n % len(asked)] if asked else None, era)
        await self.carry("stranger", to, payload, reply.replace("ghost", f"ghost{era}"))
        return payload


class AirBus(Bus):
    """One node's end of it; the link is up from the first moment on."""

    def __init__(
        self, air: Air, node: NodeName, addresses: Sequence[str], *, link: LinkSettings, start: str
    ) -> None:
        super().__init__(node, addresses, link=link, start=start)
        self._air = air

    async def run(self) -> NoReturn:
        self.max_payload = 1024 * 1024
        self._change(True)
        await asyncio.Event().wait()
        raise AssertionError

    async def publish(self, to: str, payload: bytes, reply: str = "") -> bool:
        if not is_subject(to):
            raise BusError(f"{to[:80]!r} cannot be published on")
        if len(payload) > 1024 * 1024:
            raise BusError("too large")
        await self._air.carry(self.node, to, payload, reply)
        return True


def is_unreadable(where: str, payload: bytes) -> bool:
    """Whether the node has to say that it refuses it; of nothing, it has not."""
    if not payload:
        return False
    try:
        letter = frames.decode(payload)
    except FrameError:
        return _is_heard(where)
    if where.startswith("_INBOX."):
        return _is_heard(where) and not isinstance(letter, Receipt)
    if not isinstance(letter, Frame | Notice):
        return True
    return letter.subject != where or letter.to != where.partition(".")[0]


def _is_heard(where: str) -> bool:
    return not where.startswith("_INBOX.") or where.count(".") == 2
