"""Central's office: has its decisions stored, learned, listed for the broker, and told to nodes."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final

from node import introduction
from node.authority import Authority
from node.broker_config import Member, nodes_file
from node.introduction import JOIN, REKEY
from node.issuer import Decision
from node.methods import Event
from node.own_keys import OwnKeys
from steward.errors import NotPossible
from steward.folders import make_folder, sync_folder
from steward.key_change import make_next
from steward.key_files import public_nkey, read_trust
from steward.signing import key_id
from steward.store import Store, Tables
from steward.subjects import NodeName, Subject, subject
from steward.supervisor import Process, ProcessState
from steward.token import Token

log = logging.getLogger(__name__)

LIST: Final = "broker/nodes.conf"
"""Whom the broker lets in, below the state folder."""
A_SECOND: Final = 20.0
"""Introductions that are looked at; each costs two signatures and a commit."""
BURST: Final = 100.0
LOOK: Final = 60.0
"""Seconds after which it looks whether something is due, if it knows of nothing earlier."""
AGAIN: Final = 60.0
"""Seconds before a node is told again what its hello says it does not know."""
MOST_ANSWERS: Final = 1000
MOST_TOLD: Final = 10_000
READS: Final = 1.0
"""Seconds in which a broker here reads a list that has changed."""
RELOADS: Final = 5.0
"""Seconds after which central itself comes with a new key."""
PATIENCE: Final = 7 * 86400.0
"""Seconds for which a node that waits to be accepted may still come to hear of it."""

Say = Callable[[NodeName, str, Sequence[str]], Awaitable[None]]


class Registrar:
    """What central does beside deciding. ``wake``: publishers of lanes, on the loop."""

    def __init__(
        self,
        keys: OwnKeys,
        authority: Authority,
        store: Store,
        say: Say,
        wake: Callable[[Iterable[Subject]], object],
        report: Callable[[str, str, str], object],
    ) -> None:
        self.authority = authority
        self._keys = keys
        self._trusting = keys.trusting
        self._store = store
        self._path = keys.state_dir / LIST
        self._say = say
        self._wake = wake
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self._answers: dict[NodeName, tuple[str, bytes]] = {}
        self._tokens, self._counted = BURST, time.monotonic()
        self._told: dict[NodeName, float] = {}

    # ---------------------------------------------------------------- from the control socket

    async def decide(self, decision: Callable[[Tables], Decision]) -> dict[str, Any]:
        """Store what was decided, believe it, let the broker know, then the nodes. Raises what
        ``decision`` does."""
        async with self._one_at_a_time:
            made = await self._store.write(decision)
            self.learn(made.new)
            await self.write_list()
        self._news.set()
        self._wake(made.lanes)
        return made.facts

    async def rotate(self, overlap: float) -> dict[str, Any]:
        """Change central's own keys. Raises NotPossible, TrustError, OSError."""
        trusting = self._trusting
        async with self._one_at_a_time:
            new, broker = make_next(self._keys.state_dir), trusting.keys.broker
            made = await self._store.write(lambda t: self.authority.rotate(t, new, broker, overlap))
            self.learn(made.new)
            self._keys.keep_chain()
            self._keys.advance()
            await self.write_list()
        self._news.set()
        self._wake(made.lanes)
        # The old nkey goes on being let in: there is time until the broker knows of the new one.
        self._loop.call_later(RELOADS, self._keys.enter, 0)
        return made.facts | {"note": f"{made.facts['told']} nodes will hear of it"}

    def token(self, until: float) -> Token:
        """What a new node needs until the wall time ``until``. Raises NotPossible, TrustError,
        OSError."""
        # The broker's part may have been told of another CA meanwhile.
        file = read_trust(self._keys.state_dir) or self._trusting.file
        ring = self._trusting.trust.keyring
        newest = ring.newest(ring.central)
        if newest is None or not file.brokers or not file.joiner:
            raise NotPossible(
                "central's trust.json names no broker, or no key of those who join",
                "steward keys init makes both, in a new state folder",
            )
        return Token(
            central=ring.central, key=newest.public, serial=newest.serial, brokers=file.brokers,
            ca=file.ca, joiner=file.joiner, expires=until,
        )  # fmt: skip

    def learn(self, new: Iterable[bytes]) -> None:
        """What was signed here and is stored."""
        for signed in new:
            self._trusting.trust.keyring.learn(signed)

    def answer(self, name: NodeName, state: str, key: bytes) -> None:
        """Tell a node soon how it stands."""
        if len(self._answers) < MOST_ANSWERS:
            self._answers[name] = state, key
            self._news.set()

    def answer_later(self, name: NodeName, state: str, key: bytes) -> None:
        """The same, once the broker has had the time to read the list."""
        self._loop.call_later(READS, self.answer, name, state, key)

    # ---------------------------------------------------------------- in the store's thread

    def introduced(self, tables: Tables, event: Event) -> None:
        """A Join has come. Raises Refused."""
        if not self._has_time():
            return
        name = event.arrival.frm
        new = introduction.told(JOIN, name, self._me, event.body)
        state, alarm = self.authority.introduced(tables, name, new)
        if alarm:
            hint = "steward nodes pending; accept --replace if that machine was set up anew"
            tables.touched.alarms.append(("trust_conflict", alarm, hint))
        self._loop.call_soon_threadsafe(self.answer, name, state, new.key)

    def _has_time(self) -> bool:
        now = time.monotonic()
        self._tokens = min(BURST, self._tokens + (now - self._counted) * A_SECOND)
        self._counted = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def changed(self, tables: Tables, event: Event) -> None:
        """A Rekey has come. Raises Refused."""
        name = event.arrival.frm
        new = introduction.told(REKEY, name, self._me, event.body)
        current = self._trusting.trust.keyring.newest(name)
        key = current.public if current else b""
        is_vouched = introduction.is_vouched(REKEY, name, self._me, event.body, key)
        made = self.authority.rekey(tables, name, new, is_vouched=is_vouched)
        self._loop.call_soon_threadsafe(self._follow, made)

    def heard(self, tables: Tables, name: NodeName, revocations: int) -> None:
        """What a hello says that a node knows. It is told again what it does not."""
        ring = self._trusting.trust.keyring
        known = tables.trust.known_revocations()
        now = time.monotonic()
        if revocations == known or not ring.keys_of(name) or name == self._me:
            return
        lane = subject(name, "EventACK", "Trust")
        if now - self._told.get(name, -AGAIN) < AGAIN or tables.outbox.open_in_lane(lane):
            return
        if len(self._told) > MOST_TOLD:
            self._told.clear()
        self._told[name] = now
        if revocations > known:
            text = f"{name} knows of keys that were revoked, and central does not: is it restored?"
            hint = "revoke them again: steward errors ls, and the log, name them"
            tables.touched.alarms.append(("trust_behind", text, hint))
            return
        own = [h.signed for h in ring.keys_of(name) if h.signed]
        said = [*ring.chain(), *own, *tables.trust.revocations()]
        lanes = self.authority.tell(tables, [name], said)
        self._loop.call_soon_threadsafe(self._wake, lanes)

    # ---------------------------------------------------------------- on its own

    async def run(self, process: Process) -> None:
        """Write the broker's list, answer who has asked, end what is due; for ever."""
        while True:
            process.enter(ProcessState.RUNNING)
            if await self._store.read(self._next_due) <= self._now():
                await self.decide(self.authority.end_due)
            await self.write_list()
            answers, self._answers = self._answers, {}
            for name, (state, key) in answers.items():
                await self._answer(name, state, key)
            process.enter(ProcessState.WAITING)
            await self._wait(await self._store.read(self._next_due))

    async def _wait(self, due: float) -> None:
        seconds = min(LOOK, max(0.1, due - self._now()))
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            pass
        self._news.clear()

    def _next_due(self, tables: Tables) -> float:
        times = [r.due for r in tables.trust.retirements()]
        if (until := tables.trust.open_until()) > self._now():
            times.append(until)
        return min(times, default=float("inf"))

    def _follow(self, made: Decision) -> None:
        self.learn(made.new)
        self._news.set()
        self._loop.call_later(0.1, self._wake, made.lanes)  # the list is written meanwhile

    async def _answer(self, name: NodeName, state: str, key: bytes) -> None:
        theirs = key if state == "accepted" else None
        said = await self._store.read(lambda t: self.authority.answer(t, name, theirs))
        await self._say(name, "Joined", [state, key_id(key), *(one.decode() for one in said)])

    # ---------------------------------------------------------------- the broker's list

    async def write_list(self) -> None:
        """Whom the broker lets in, if that is not what is written there already. What cannot be
        written now is told, and tried again."""
        text = await self._store.read(self._list)
        try:
            if not self._path.exists() or self._path.read_text(encoding="utf-8") != text:
                self._write(text)
                log.info("the broker's list is written anew: %s", self._path)
        except OSError as error:
            what = f"the broker's list {self._path} cannot be written: {error.strerror}"
            self._report("broker_list", what, "the broker lets in whom it did; see to the disk")

    def _write(self, text: str) -> None:
        make_folder(self._path.parent, 0o750)
        new = self._path.with_name(f"{self._path.name}.new")
        new.write_text(text, encoding="utf-8")
        new.chmod(0o640)
        new.replace(self._path)
        sync_folder(self._path.parent)

    def _list(self, tables: Tables) -> str:
        trusting, routes = self._trusting, tables.trust.routes()
        ring, now = trusting.trust.keyring, self._now()
        old = [r.broker for r in tables.trust.retirements() if r.name == self._me]
        members = [
            Member(name, [h.broker for h in ring.keys_of(name) if h.broker], routes.get(name, []))
            for name in ring.names()
            if name != self._me
        ]
        waiting = (i for i in tables.trust.introductions() if i.last_at > now - PATIENCE)
        is_open = now < tables.trust.open_until() or any(i.state == "pending" for i in waiting)
        joiner = trusting.file.joiner if is_open else ""
        nkeys = list(dict.fromkeys([trusting.keys.broker, *(nkey for nkey in old if nkey)]))
        return nodes_file(self._me, nkeys, members, public_nkey(joiner.encode()) if joiner else "")

    @property
    def _me(self) -> NodeName:
        return self._trusting.trust.me

    def _now(self) -> float:
        return self.authority.now().wall
