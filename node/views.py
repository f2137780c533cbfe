"""What people are shown of nodes and of this daemon, as JSON."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Mapping
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
from steward.outbox_care import Load
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


class _Known(NamedTuple):
    seen: Seen
    hello: Hello


class NodeViews:
    """Reads; ``link_changed`` has to be told, so that silence is judged by who listened."""

    def __init__(self, facts: Facts, store: Store, bus: Bus, throughput: Throughput) -> None:
        self._facts = facts
        self._throughput = throughput
        self._store = store
        self._bus = bus
        self._listening_since: float | None = None

    def link_changed(self, up: bool) -> None:
        self._listening_since = self._facts.now().steady if up else None

    # ---------------------------------------------------------------- nodes

    def labels(self, tables: Tables) -> dict[str, Mapping[str, str] | None]:
        """Every node that is known, with its labels; None: it was sent to, but never heard of."""
        labels = {
            name: known.hello.labels if known else None for name, known in self._known(tables)
        }
        here = self._facts.settings
        return labels | {here.node: here.labels}

    def nodes(self, tables: Tables, names: Collection[str] | None = None) -> list[dict[str, Any]]:
        """Every known node, by name, this one too; or those of ``names`` alone."""
        now = self._facts.now()
        loads = tables.outbox.loads()
        by_minute = tables.records.errors_by_minute(now)
        return [
            self._node(tables, name, known, loads.get(name, Load()), by_minute.get(name), now)
            for name, known in self._known(tables)
            if names is None or name in names
        ]

    def _known(self, tables: Tables) -> list[tuple[NodeName, _Known | None]]:
        roster = {seen.name: _Known(seen, _hello(seen)) for seen in tables.records.roster()}
        names = {*roster, *tables.outbox.nodes(), self._facts.settings.node}
        return [(name, roster.get(name)) for name in sorted(names)]

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
        return {
            "name": name,
            "state": self.presence(name, known, peer.alarm, now),
            "held": peer.held,
            "alarm": peer.alarm,
            "instance": peer.instance or (known.seen.store if known else None),
            "queued": load.queued,
            "underWay": load.under_way,
            "oldestWaiting": None if load.oldest is None else max(0.0, now.wall - load.oldest),
            "errorsLastHour": sum(minutes),
            "errorsByMinute": minutes,
            "neverSeen": known is None,
            **_said(known),
        }

    def presence(self, name: NodeName, known: _Known | None, alarm: str, now: Now) -> Presence:
        """A node in the light of how long this one has listened. Its own is online."""
        settings = self._facts.settings
        if name == settings.node:
            return Presence.ONLINE
        sighting = Sighting(None, settings.hello_interval, goodbye=False, conflict=bool(alarm))
        if known is not None:
            hello = known.hello
            sighting = Sighting(known.seen.heard, hello.interval, hello.goodbye, bool(alarm))
        return judge(sighting, self._listening_since, now)

    # ---------------------------------------------------------------- the daemon

    async def status(self) -> dict[str, Any]:
        settings, now = self._facts.settings, self._facts.now()
        queue, nodes, errors, alarms = await self._store.read(self._totals)
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
            "queue": queue,
            "nodes": nodes,
            "newErrors": errors,
            "intake": {"open": is_open, "reason": reason},
            "store": {"bytes": self._store.bytes(), "freeBytes": self._store.room.free()},
            "alarms": alarms,
            "trusted": False,
            "processes": len(self._facts.processes()),
            "daemon": vitals(),
        }

    def _totals(self, tables: Tables) -> tuple[dict[str, int], dict[str, int], int, list[str]]:
        now = self._facts.now()
        states: dict[str, int] = {str(p): 0 for p in Presence}
        alarms: list[str] = []
        for name, known in self._known(tables):
            alarm = tables.outbox.peer(name).alarm
            states[self.presence(name, known, alarm, now)] += 1
            if alarm:
                alarms.append(alarm)
        errors = sum(map(sum, tables.records.errors_by_minute(now).values()))
        return tables.outbox.counts(), states, errors, alarms

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
        (queue, nodes, _, _), oldest, heard = await self._store.read(
            lambda t: (
                self._totals(t),
                [load.oldest for load in t.outbox.loads().values()],
                len(t.records.roster()),
            )
        )
        wall = self._facts.now().wall
        return Snapshot(
            messages=queue,
            oldest=max((wall - at for at in oldest if at is not None), default=0.0),
            nodes=nodes,
            processes=Counter(str(p["state"]) for p in self._facts.processes()),
            hello_nodes=heard,
            connected=self._bus.connected,
            reconnects=self._bus.reconnects,
        )


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
