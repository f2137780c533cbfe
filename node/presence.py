"""Hello: says that this node is there, and keeps what the others say."""

from __future__ import annotations

import asyncio
import random
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
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

Say = Callable[[bool, bool], Awaitable[None]]
"""(to every peer or to central alone, goodbye): publish a hello."""


def machine_id() -> str:
    """This machine's own id; empty where the system keeps none."""
    for path in (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id")):
        try:
            return path.read_text().strip()
        except OSError:
            continue
    return ""


class Greeter:
    """Says hello at the start, each interval (± 10 %), when the link is back, and at the stop."""

    def __init__(self, interval: float, say: Say) -> None:
        self._interval = interval
        self._say = say
        self._link_up = asyncio.Event()

    def link_changed(self, up: bool) -> None:
        if up:
            self._link_up.set()

    async def run(self, process: Process) -> None:
        while True:
            process.enter(ProcessState.WAITING)
            to_all = False
            try:
                jitter = random.uniform(1 - JITTER, 1 + JITTER)
                async with asyncio.timeout(self._interval * jitter):
                    await self._link_up.wait()
                self._link_up.clear()
                to_all = True
            except TimeoutError:
                pass
            process.enter(ProcessState.RUNNING)
            await self._say(to_all, False)

    async def close(self) -> None:
        await self._say(True, True)


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
