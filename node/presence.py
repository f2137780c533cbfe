"""Hello: says that this node is there, and keeps what the others say."""

from __future__ import annotations

import asyncio
import random
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path

from node.methods import Event
from node.outcomes import MOST_ALARMS, Hello, told
from node.roster import is_second_machine
from node.spawn import boot_id
from steward import __version__
from steward.config import Settings
from steward.handoff import Handoff
from steward.handoff.state import Now
from steward.records import Speaker
from steward.store import Tables
from steward.subjects import NodeName, Subject
from steward.supervisor import Process, ProcessState

JITTER = 0.1
MOST_TOLD = 10_000

SOONER = 8
MOST_AT_ONCE = 100

Say = Callable[[bool, Collection[NodeName], bool], Awaitable[None]]
"""(to every peer or to central alone, whom else, goodbye): publish a hello."""


def machine_id() -> str:
    """This machine's own id; empty where the system keeps none."""
    for path in (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id")):
        try:
            return path.read_text().strip()
        except OSError:
            continue
    return ""


class Greeter:
    """Says hello at the start, each interval (± 10 %), when the link is back, to whoever is met for
    the first time, and at the stop. After each connect the first few come sooner: central may just
    be starting, too."""

    def __init__(self, interval: float, say: Say) -> None:
        self._interval = interval
        self._say = say
        self._pause = interval
        self._link_up = False
        self._met: OrderedDict[tuple[NodeName, str], None] = OrderedDict()
        self._strangers: set[NodeName] = set()
        self._wake = asyncio.Event()

    def link_changed(self, up: bool) -> None:
        if up:
            self._link_up = True
            self._wake.set()

    def met(self, name: NodeName, start: str) -> None:
        """Something has come from this start of a node: let it know who is here."""
        if (name, start) not in self._met and len(self._strangers) < MOST_AT_ONCE:
            self._met[name, start] = None
            self._strangers.add(name)
            self._wake.set()
            if len(self._met) > MOST_TOLD:
                self._met.popitem(last=False)

    async def run(self, process: Process) -> None:
        while True:
            process.enter(ProcessState.WAITING)
            try:
                jitter = random.uniform(1 - JITTER, 1 + JITTER)
                async with asyncio.timeout(self._pause * jitter):
                    await self._wake.wait()
                self._wake.clear()
            except TimeoutError:
                self._pause = min(self._interval, self._pause * 2)
            process.enter(ProcessState.RUNNING)
            to_all, self._link_up = self._link_up, False
            strangers, self._strangers = self._strangers, set()
            if to_all:
                self._pause = self._interval / SOONER
            await self._say(to_all, strangers, False)

    async def close(self) -> None:
        await self._say(True, (), True)


def facts(
    tables: Tables, settings: Settings, start: str, started: float, now: Now, *, goodbye: bool
) -> Hello:
    """What this node says of itself. ``started``: monotonic time of the daemon's start."""
    counts = tables.outbox.counts()
    return Hello(
        start=start,
        boot_id=boot_id(),
        machine_id=machine_id(),
        version=__version__,
        interval=settings.hello_interval,
        uptime=time.monotonic() - started,
        clock=now.wall,
        labels=dict(settings.labels),
        queue=counts,
        running_now=tables.inbox.running_now(),
        oldest_waiting=tables.inbox.oldest_waiting(now),
        revocations=tables.trust.known_revocations(),
        alarms=tuple(alarm[:1000] for alarm in tables.outbox.alarms()[:MOST_ALARMS]),
        goodbye=goodbye,
    )


class Roster:
    """Keeps the last hello of every node, and raises an alarm when two machines use one name."""

    def __init__(
        self, handoff: Handoff, wake: Callable[[tuple[Subject, ...]], object], *, is_central: bool
    ) -> None:
        """``is_central``: the others' own alarms are told in its error log."""
        self._handoff = handoff
        self._wake = wake
        self._is_central = is_central
        self.knows: Callable[[Tables, NodeName, int], None] = lambda tables, name, count: None
        """Told what a node says that it knows of revoked keys."""
        self._told: OrderedDict[tuple[NodeName, str], tuple[str, ...]] = OrderedDict()
        """By name and start, as two machines with one name say different things."""

    def heard(self, tables: Tables, event: Event, now: Now) -> None:
        """One hello, in the transaction that takes it."""
        hello = told(event.body, Hello)
        name, store = event.arrival.frm, event.arrival.store
        speaking = Speaker(store, hello.machine_id)
        history = tables.records.identities(name)
        if is_second_machine(history, speaking):
            peer = tables.outbox.peer(name)
            if not peer.alarm:
                peer.alarm = f"two machines say hello as {name}: rename one, then release it"
                tables.outbox.save_peer(peer)
        if self._is_central and name != event.arrival.subject.partition(".")[0]:
            self._tell_alarms(tables, name, hello)
        self.knows(tables, name, hello.revocations)
        tables.records.hello(name, store, hello.start, hello, now)
        self._wake(self._handoff.sender.on_hello(tables.outbox, name, hello.start, store, now))

    def _tell_alarms(self, tables: Tables, name: NodeName, hello: Hello) -> None:
        known = self._told.pop((name, hello.start), ())
        for alarm in hello.alarms:
            if alarm not in known:
                text = f"{name} holds its messages: {alarm}"
                tables.touched.alarms.append(("alarm_there", text, f"see to it on {name}"))
        self._told[name, hello.start] = hello.alarms
        if len(self._told) > MOST_TOLD:
            self._told.popitem(last=False)
