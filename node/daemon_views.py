"""What people are shown of this daemon, as JSON: its status and health; the same in numbers."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Collection
from typing import Any, NamedTuple, Protocol

from node.roster import Presence
from node.views import Facts, NodeViews
from node.vitals import vitals
from steward import __version__
from steward.bus import Bus
from steward.metrics import Snapshot
from steward.outbox_queries import rfc3339
from steward.store import Store, Tables
from steward.subjects import NodeName
from steward.throughput import Throughput


class DaemonFacts(Facts, Protocol):
    """What the daemon knows beside the store."""

    started: float
    """Steady time."""

    @property
    def standing(self) -> str: ...

    def processes(self) -> list[dict[str, Any]]: ...

    def intake(self) -> tuple[bool, str]: ...

    def permits(self) -> dict[str, Any]: ...

    def dropped(self) -> int: ...


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


class DaemonViews:
    """Reads what is so now."""

    def __init__(
        self, facts: DaemonFacts, store: Store, bus: Bus, throughput: Throughput, nodes: NodeViews
    ) -> None:
        self._facts = facts
        self._store = store
        self._bus = bus
        self._throughput = throughput
        self._nodes = nodes
        self._states: dict[NodeName, Presence] | None = None
        self.on_turned: Callable[[Collection[NodeName]], None] = lambda _names: None
        """Told of the nodes whose state has changed though nothing was stored."""

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
            "permits": self._facts.permits(),
            "trusted": self._bus.wire.trust is not None,
            "standing": self._facts.standing,
            "processes": len(self._facts.processes()),
            "daemon": vitals(),
        }

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
            tasks=len(asyncio.all_tasks()),
        )

    def totals(self, tables: Tables) -> Totals:
        overview = self._nodes.overview(tables)
        before, self._states = self._states, overview.states
        turned = frozenset[NodeName]()
        if before is not None:
            turned = frozenset(n for n, s in overview.states.items() if before.get(n) is not s)
        counts = Counter(overview.states.values())
        return Totals(
            queue=tables.outbox.counts(),
            nodes={str(presence): counts[presence] for presence in Presence},
            errors=tables.records.errors_since(self._facts.now().wall - 3600.0),
            alarms=overview.alarms,
            heard=overview.heard,
            turned=turned,
        )

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
