"""What people are shown of nodes and of this daemon, as JSON."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple, Protocol

import msgspec

from node.outcomes import Hello
from node.roster import Presence, Sighting, judge
from node.vitals import vitals
from steward import __version__
from steward.bus import Bus
from steward.config import Settings
from steward.handoff.state import Now
from steward.metrics import Snapshot
from steward.outbox_loads import Load
from steward.outbox_queries import rfc3339
from steward.records import Seen
from steward.store import Store, Tables
from steward.subjects import NodeName
from steward.throughput import Throughput


class Facts(Protocol):
    """What the daemon knows beside the store."""

    settings: Settings
    started: float

    def now(self) -> Now: ...

    def processes(self) -> list[dict[str, Any]]: ...

    def intake(self) -> tuple[bool, str]: ...

    def dropped(self) -> int: ...


class _Known(NamedTuple):
    seen: Seen
    hello: Hello


class Heard(NamedTuple):
    """A node's last hello, as far as its silence is judged by it. ``at``: steady time."""

    at: float
    interval: float
    goodbye: bool


class Totals(NamedTuple):
    """All nodes and messages in a few numbers."""

    queue: dict[str, int]
    nodes: dict[str, int]
    errors: int
    alarms: list[str]
    heard: int
    """Nodes that have ever said hello."""
    turned: frozenset[NodeName]
    """Nodes whose state is another than when this was asked last: silence changes it, too."""


class _Labels(msgspec.Struct):
    labels: dict[str, str] = {}


class NodeViews:
    """Reads; ``link_changed`` has to be told, so that silence is judged by who listened."""

    def __init__(self, facts: Facts, store: Store, bus: Bus, throughput: Throughput) -> None:
        self._facts = facts
        self._throughput = throughput
        self._store = store
        self._bus = bus
        self._listening_since: float | None = None
        self._presences: dict[NodeName, Presence] | None = None
        self.on_turned: Callable[[Collection[NodeName]], None] = lambda _names: None
        """Told of the nodes whose state has changed though nothing was stored."""

    def link_changed(self, up: bool) -> None:
        self._listening_since = self._facts.now().steady if up else None

    # ---------------------------------------------------------------- nodes

    def labels(self, tables: Tables) -> dict[str, Mapping[str, str] | None]:
        """Every node that is known, with its labels; None: it was sent to, but never heard of."""
        labels: dict[str, Mapping[str, str] | None] = dict.fromkeys(tables.outbox.nodes())
        labels |= {name: _labels(said).labels for name, said in tables.records.hellos()}
        here = self._facts.settings
        return {name: labels[name] for name in sorted(labels)} | {here.node: here.labels}

    def heard_of(
        self, tables: Tables, names: Collection[str]
    ) -> dict[str, Mapping[str, str] | None]:
        """The same of those of ``names`` that were heard of, whatever else there is."""
        roster = tables.records.roster(names)
        heard: dict[str, Mapping[str, str] | None] = {
            seen.name: _hello(seen).labels for seen in roster
        }
        here = self._facts.settings
        return heard | {here.node: here.labels}

    def nodes(self, tables: Tables, names: Collection[str] | None = None) -> list[dict[str, Any]]:
        """Every known node, by name, this one too; or those of ``names`` alone."""
        now = self._facts.now()
        loads = tables.outbox.loads(names)
        by_minute = tables.records.errors_by_minute(now, names=names)
        return [
            self._node(tables, name, known, loads.get(name, Load()), by_minute.get(name), now)
            for name, known in self._known(tables, names)
        ]

    def names(self, tables: Tables, names: Collection[str] | None = None) -> list[NodeName]:
        """Every known node, in order, this one too; or those of ``names`` that are."""
        here = self._facts.settings.node
        heard = {name for name, *_ in tables.records.sightings()} | tables.outbox.nodes() | {here}
        return sorted(heard if names is None else heard.intersection(names))

    def _known(
        self, tables: Tables, names: Collection[str] | None
    ) -> list[tuple[NodeName, _Known | None]]:
        roster = {seen.name: _Known(seen, _hello(seen)) for seen in tables.records.roster(names)}
        known = {*roster, *tables.outbox.nodes(names)}
        if names is None or self._facts.settings.node in names:
            known.add(self._facts.settings.node)
        return [(name, roster.get(name)) for name in sorted(known)]

    def _node(
        self,
        tables: Tables,
        name: NodeName,
        known: _Known | None,
        load: Load,
        by_minute: list[int] | None,
        now: Now,
    ) -> dict[str, Any]:
        peer = tables.outbox.peer(name)
        minutes = by_minute or [0] * 60
        heard = None
        if known is not None:
            heard = Heard(known.seen.heard, known.hello.interval, known.hello.goodbye)
        return {
            "name": name,
            "state": self.presence(name, heard, peer.alarm, now),
            "held": peer.held,
            "alarm": peer.alarm,
            "instance": peer.instance or (known.seen.store if known else None),
            "queued": load.queued,
            "underWay": load.under_way,
            "oldestWaiting": None if load.oldest is None else max(0.0, now.wall - load.oldest),
            "waitingSince": rfc3339(load.oldest),
            "errorsLastHour": sum(minutes),
            "errorsByMinute": minutes,
            "neverSeen": known is None,
            **_said(known),
        }

    def presence(self, name: NodeName, heard: Heard | None, alarm: str, now: Now) -> Presence:
        """A node in the light of how long this one has listened. Its own is online."""
        settings = self._facts.settings
        if name == settings.node:
            return Presence.ONLINE
        at, interval, goodbye = heard or (None, settings.hello_interval, False)
        sighting = Sighting(at, interval, goodbye, bool(alarm))
        return judge(sighting, self._listening_since, now)

    # ---------------------------------------------------------------- the daemon

    async def status(self) -> dict[str, Any]:
        settings, now = self._facts.settings, self._facts.now()
        totals = await self._store.read(self.totals)
        self.on_turned(totals.turned)
        is_open, reason = self._facts.intake()
        return {
            "node": settings.node,
            "central": settings.central,
            "version": __version__,
            "stateDir": str(settings.state_dir),
            "storeId": self._store.store_id,
            "start": self._store.start,
            "uptime": self._uptime(),
            "wall": now.wall,
            "broker": self._broker(),
            "queue": totals.queue,
            "nodes": totals.nodes,
            "newErrors": totals.errors,
            "intake": {"open": is_open, "reason": reason},
            "store": {"bytes": self._store.bytes(), "freeBytes": self._store.room.free()},
            "alarms": totals.alarms,
            "trusted": False,
            "processes": len(self._facts.processes()),
            "daemon": vitals(),
        }

    def totals(self, tables: Tables) -> Totals:
        """Each console asks for it every second: no hello is decoded for it."""
        now = self._facts.now()
        alarms = tables.outbox.alarming()
        heard = {
            name: Heard(at, interval, bool(goodbye))
            for name, at, interval, goodbye in tables.records.sightings()
        }
        unheard = {*tables.outbox.nodes(), self._facts.settings.node} - heard.keys()
        everyone = (*heard.items(), *((name, None) for name in unheard))
        states = {
            name: self.presence(name, one, alarms.get(name, ""), now) for name, one in everyone
        }
        before, self._presences = self._presences, states
        found = Counter(states.values())
        return Totals(
            queue=tables.outbox.counts(),
            nodes={str(presence): found[presence] for presence in Presence},
            errors=tables.records.errors_since(now.wall - 3600.0),
            alarms=[alarms[name] for name in sorted(alarms)],
            heard=len(heard),
            turned=frozenset()
            if before is None
            else frozenset(name for name, state in states.items() if before.get(name) is not state),
        )

    async def health(self) -> dict[str, Any]:
        """How the daemon itself does: what a person looks at when it seems slow."""
        now, store = self._facts.now(), self._store
        queue, ages = await store.read(lambda t: (t.outbox.counts(), t.outbox.ages(now)))
        return {
            "broker": self._broker(),
            "rtts": [list(trip) for trip in self._bus.round_trips],
            "store": {
                "bytes": store.bytes(),
                "walBytes": store.wal_bytes(),
                "freeBytes": store.room.free(),
            },
            "queue": queue,
            "ages": ages,
            "throughput": self._throughput.last_hour(),
            "processes": self._facts.processes(),
            "daemon": {**vitals(), "version": __version__, "uptime": self._uptime()},
        }

    def _uptime(self) -> float:
        return time.monotonic() - self._facts.started

    def _broker(self) -> dict[str, Any]:
        bus = self._bus
        return {
            "address": bus.address,
            "connected": bus.connected,
            "since": rfc3339(bus.since),
            "rtt": bus.rtt,
            "reconnects": bus.reconnects,
            "error": "" if bus.connected else bus.last_error,
        }

    async def snapshot(self) -> Snapshot:
        """The same for metrics."""
        totals, loads = await self._store.read(lambda t: (self.totals(t), t.outbox.loads()))
        self.on_turned(totals.turned)
        oldest = [load.oldest for load in loads.values()]
        wall = self._facts.now().wall
        return Snapshot(
            messages=totals.queue,
            oldest=max((wall - at for at in oldest if at is not None), default=0.0),
            nodes=totals.nodes,
            processes=Counter(str(p["state"]) for p in self._facts.processes()),
            hello_nodes=totals.heard,
            connected=self._bus.connected,
            reconnects=self._bus.reconnects,
            dropped=self._facts.dropped() + self._bus.incoming.dropped + self._bus.replies.dropped,
        )


_labels = msgspec.json.Decoder(_Labels).decode


def _hello(seen: Seen) -> Hello:
    return msgspec.convert(seen.hello, Hello)


def _said(known: _Known | None) -> dict[str, Any]:
    """What a node has told of itself; the same keys for one that never spoke."""
    if known is None:
        silent = ("start", "version", "uptime", "machineId", "interval", "lastSeen", "clockSkew")
        nothing: dict[str, Any] = {"labels": {}, "runningNow": None, "theirQueue": {}, "alarms": []}
        return {**dict.fromkeys(silent), **nothing}
    seen, hello = known
    return {
        "start": seen.start,
        "version": hello.version,
        "uptime": hello.uptime,
        "machineId": hello.machine_id,
        "interval": hello.interval,
        "lastSeen": rfc3339(seen.last_seen),
        "clockSkew": hello.clock - seen.last_seen,
        "labels": dict(hello.labels),
        "runningNow": hello.running_now,
        "theirQueue": dict(hello.queue),
        "alarms": list(hello.alarms),
    }
