"""How a node comes to belong: it introduces itself until central's word on its key has come.

The daemon runs as usual meanwhile, without a link for anything else: what it is given is kept.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final

from node import introduction
from node.introduction import JOIN, REKEY
from node.methods import Event
from node.own_keys import OwnKeys
from node.presence import machine_id
from steward import __version__
from steward.bus import Bus
from steward.config import Settings
from steward.errors import NotPossible, Refused, TrustError
from steward.key_change import make_next
from steward.keyring import Keyring
from steward.message import Kind, Message, new_id
from steward.outage import is_refusal
from steward.signing import fingerprint
from steward.store import Store, Tables
from steward.subjects import NodeName, Subject
from steward.supervisor import Process, ProcessState

log = logging.getLogger(__name__)

FIRST: Final = 5.0
MOST: Final = 60.0
"""Seconds between two introductions, growing."""
SOON: Final = 0.5
"""Seconds after which it looks again for a link to introduce itself on."""
LATER: Final = 5.0
"""Seconds for the broker to hear of a new key beside the old."""
GRACE: Final = 20.0
"""Seconds that a way in gets, where others could be tried."""
BACK: Final = 300.0
"""Seconds after which it looks whether the better way works again."""

ACCEPTED: Final = "accepted"
_STANDING: Final = {
    "new": "not accepted yet: central has not heard of it",
    "pending": "waiting to be accepted at central (steward nodes pending)",
    "refused": "refused at central (steward nodes pending shows it, accept still lets it in)",
    "closed": "central hears no new nodes now (steward keys token there opens it for a while)",
    "revoked": "its key was revoked at central; it has to be accepted anew",
}

Say = Callable[[NodeName, str, Sequence[str]], Awaitable[None]]


class Enrolment:
    """One node's. ``wake``: publishers of lanes; ``changed``: its standing is another one."""

    def __init__(
        self,
        settings: Settings,
        keys: OwnKeys,
        store: Store,
        bus: Bus,
        say: Say,
        wake: Callable[[Iterable[Subject]], object],
        changed: Callable[[], object],
    ) -> None:
        self._settings = settings
        self._keys = keys
        self._store = store
        self._bus = bus
        self._say = say
        self._wake = wake
        self._changed = changed
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._since = time.monotonic()
        self._pause = FIRST
        self._asked = -MOST
        self.state = ACCEPTED if keys.certified else "new"
        bus.listen(self._link_changed)

    @property
    def standing(self) -> str:
        """A sentence, while this node does not belong; else empty."""
        if self.state == ACCEPTED:
            return ""
        return f"{_STANDING[self.state]}; its fingerprint is {self._keys.fingerprint}"

    # ---------------------------------------------------------------- in the store's thread

    def answered(self, tables: Tables, event: Event) -> None:
        """A Joined has come: state, key id, statements. Raises Refused."""
        self._from_central(event)
        state, key, *said = event.body.data
        if key == self._keys.trust.key.id:
            learned = self._take(tables, said)
            self._loop.call_soon_threadsafe(self._told, state, learned)

    def told(self, tables: Tables, event: Event) -> None:
        """A Trust has come. Raises Refused."""
        self._from_central(event)
        learned = self._take(tables, event.body.data)
        self._loop.call_soon_threadsafe(self._told, "", learned)

    def _from_central(self, event: Event) -> None:
        if event.arrival.frm != self._ring.central:
            raise Refused(f"only {self._ring.central} says whose key holds")

    def _take(self, tables: Tables, said: Sequence[str]) -> list[bytes]:
        """Store what can be believed; that."""
        ring, learned = self._ring.copy(), []
        for signed in (text.encode() for text in said):
            try:
                tables.trust.keep(ring.learn(signed), signed, self._store.clock.now())
                learned.append(signed)
            except TrustError as error:
                log.info("central says what does not concern this node: %s", error)
        return learned

    # ---------------------------------------------------------------- on the loop

    def _told(self, state: str, learned: Sequence[bytes]) -> None:
        was = self._keys.certified
        for signed in learned:
            try:
                self._ring.learn(signed)
            except TrustError as error:  # it was learned from a letter meanwhile
                log.debug("%s", error)
        if learned:
            self._keys.trust.use(self._keys.trust.key)  # its certificate may be a new one
            self._keys.move_anchor()
        if self._keys.advance():
            # The old nkey goes on being let in: there is no hurry.
            self._loop.call_later(LATER, self._enter, 0)
        elif self._keys.certified and (not was or (state == ACCEPTED and not self._keys.is_best)):
            self._enter(0)
        if self._keys.certified and (state in ("", ACCEPTED) or not self._keys.way.joining):
            self._stand(ACCEPTED)
        elif was and not self._keys.certified:
            self._stand("revoked")
        elif state in _STANDING:
            self._stand(state)
        self._news.set()

    def _stand(self, state: str) -> None:
        if state == self.state:
            return
        self.state = state
        log.warning("%s", self.standing or f"accepted by {self._ring.central}")
        self._changed()

    def _link_changed(self, _up: bool) -> None:
        self._since = time.monotonic()
        self._news.set()

    async def run(self, process: Process) -> None:
        """See to it that this node belongs, and gets in; for ever."""
        if self.standing:
            log.warning("%s", self.standing)
        while True:
            process.enter(ProcessState.RUNNING)
            self._keys.tidy()
            self._choose()
            wait = await self._introduce()
            process.enter(ProcessState.WAITING)
            try:
                async with asyncio.timeout(wait):
                    await self._news.wait()
            except TimeoutError:
                pass
            self._news.clear()

    def _choose(self) -> None:
        """Another way in, where this one does not lead anywhere."""
        keys, age = self._keys, time.monotonic() - self._since
        if self._bus.may_ask:
            if not keys.is_best and keys.certified and age > BACK:
                self._enter(0)
        elif age > max(GRACE, 3 * self._bus.settings.connect) and (
            not keys.certified or not keys.is_best or is_refusal(self._bus.last_error)
        ):
            self._enter(None)

    def _enter(self, at: int | None) -> None:
        self._since = time.monotonic()
        if at is None:
            self._keys.enter_next()
        else:
            self._keys.enter(at)

    async def _introduce(self) -> float:
        """Say who this node is, if that is needed; seconds until there may be something to do."""
        keys = self._keys
        if keys.certified and not keys.way.joining:
            self._pause = FIRST
            return MOST if self._bus.connected else FIRST
        left = self._asked + self._pause - time.monotonic()
        if not self._bus.may_ask:
            return SOON
        if left > 0:
            return left
        self._asked = time.monotonic()
        self._pause = min(MOST, self._pause * 1.5)
        facts = introduction.tell(
            JOIN, keys.trust.me, self._ring.central, keys.trusting.keys,
            serial=await self._store.read(lambda t: t.trust.highest_serial(keys.trust.me)),
            version=__version__, machine=machine_id()[:12], labels=self._settings.labels,
        )  # fmt: skip
        await self._say(self._ring.central, "Join", facts)
        return self._pause

    # ---------------------------------------------------------------- from the control socket

    async def rotate(self, overlap: float) -> dict[str, Any]:
        """Make new keys, and have central certify them. Raises NotPossible, TrustError, OSError."""
        keys = self._keys
        if not keys.certified:
            raise NotPossible("this node does not belong yet", self.standing)
        new = make_next(keys.state_dir)
        message = Message(
            id=new_id(),
            to=self._ring.central,
            kind=Kind.EVENT_ACK,
            method="Rekey",
            data=introduction.tell(
                REKEY,
                keys.trust.me,
                self._ring.central,
                new,
                overlap=overlap,
                before=keys.trust.key,
            ),
            timeout=self._settings.default_message_timeout,
            retries=0,
        )
        now = self._store.clock.now()
        await self._store.write(lambda t: t.outbox.submit([message], None, now))
        self._wake([message.subject])
        return {
            "fingerprint": fingerprint(new.signing.public),
            "note": f"in use as soon as {self._ring.central} has certified it",
        }

    @property
    def _ring(self) -> Keyring:
        return self._keys.trust.keyring
