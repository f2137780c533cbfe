"""What people are shown of nodes, as JSON, and the state that each is judged to be in."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple, Protocol

import msgspec

from node.outcomes import Hello
from node.roster import Presence, Sighting, judge
from steward.config import Settings
from steward.handoff.state import Now
from steward.outbox_loads import Load
from steward.outbox_queries import rfc3339
from steward.records import Seen
from steward.store import Tables
from steward.subjects import NodeName


class Facts(Protocol):
    """What is known of this node beside the store."""

    settings: Settings

    def now(self) -> Now: ...


class _Known(NamedTuple):
    seen: Seen
    hello: Hello


class Heard(NamedTuple):
    """A node's last hello, as far as its silence is judged by it. ``at``: steady time."""

    at: float
    interval: float
    goodbye: bool


class Overview(NamedTuple):
    """Every known node's state, with what is wrong with some."""

    states: dict[NodeName, Presence]
    heard: int
    """Nodes that have ever said hello."""
    alarms: list[str]


class _Labels(msgspec.Struct):
    labels: dict[str, str] = {}


class NodeViews:
    """Reads; ``link_changed`` has to be told, so that silence is judged by who listened."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._listening_since: float | None = None

    def link_changed(self, up: bool) -> None:
        self._listening_since = self._facts.now().steady if up else None

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
        heard = {*tables.records.names(), *tables.outbox.nodes(), here}
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

    def overview(self, tables: Tables) -> Overview:
        """Each console asks for it every second: no hello is decoded for it."""
        now, alarms = self._facts.now(), tables.outbox.alarming()
        heard = {
            name: Heard(at, interval, bool(goodbye))
            for name, at, interval, goodbye in tables.records.sightings()
        }
        unheard = {*tables.outbox.nodes(), self._facts.settings.node} - heard.keys()
        everyone = (*heard.items(), *((name, None) for name in unheard))
        return Overview(
            {name: self.presence(name, one, alarms.get(name, ""), now) for name, one in everyone},
            len(heard),
            [alarms[name] for name in sorted(alarms)],
        )

    def presence(self, name: NodeName, heard: Heard | None, alarm: str, now: Now) -> Presence:
        """A node in the light of how long this one has listened. Its own is online."""
        settings = self._facts.settings
        if name == settings.node:
            return Presence.ONLINE
        at, interval, goodbye = heard or (None, settings.hello_interval, False)
        sighting = Sighting(at, interval, goodbye, bool(alarm))
        return judge(sighting, self._listening_since, now)


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
