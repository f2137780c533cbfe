"""What people are shown of nodes: all of them, some of them, and their sums, agree."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest

from node.daemon_views import DaemonViews
from node.outcomes import Hello
from node.views import NodeViews
from steward.subjects import NodeName
from tests.store.conftest import ME, SqliteLedger, at, message

NOW = 1000.0


SETTINGS = SimpleNamespace(node=ME, labels={"is": "central"}, hello_interval=15.0)
FACTS = MagicMock(settings=SETTINGS, now=lambda: at(NOW))


def views(listening_since: float | None) -> NodeViews:
    made = NodeViews(FACTS)
    made._listening_since = listening_since
    return made


def hello(box: SqliteLedger, name: str, ago: float, interval: float, **more: Any) -> None:
    said = Hello(
        start="s", boot_id="b", machine_id="m", version="1", interval=interval, uptime=1.0,
        clock=1.0, labels={"name": name}, **more,
    )  # fmt: skip
    box.tables.records.hello(NodeName(name), "store", "s", said, at(NOW - ago))


@pytest.fixture
def fleet(box: SqliteLedger) -> SqliteLedger:
    hello(box, "fresh", 1, 15)
    hello(box, "stale", 40, 15)
    hello(box, "gone", 300, 15)
    hello(box, "slow", 300, 600)
    hello(box, "left", 1, 15, goodbye=True)
    hello(box, "twice", 1, 15)
    peer = box.outbox.peer(NodeName("twice"))
    peer.alarm = "two machines"
    box.outbox.save_peer(peer)
    box.outbox.hold([NodeName("held")])
    box.outbox.submit([message(to=NodeName("dreamt"))], 0, at(1), None)
    box.tables.end()
    box.tables.records.add_error(NodeName("gone"), "c", "t", "", at(NOW - 5000))
    box.tables.records.add_error(NodeName("gone"), "c", "t", "", at(NOW - 30), count=3)
    return box


@pytest.mark.parametrize("listening_since", [None, 0.0, 990.0])
def test_the_sums_are_those_of_all_nodes(
    fleet: SqliteLedger, listening_since: float | None
) -> None:
    shown = views(listening_since)
    nodes = shown.nodes(fleet.tables)
    beside = MagicMock()
    totals = DaemonViews(FACTS, beside, beside, beside, shown).totals(fleet.tables)
    assert {s: n for s, n in totals.nodes.items() if n} == Counter(str(n["state"]) for n in nodes)
    assert totals.heard == 6
    assert (totals.errors, totals.alarms) == (3, ["two machines"])
    assert totals.queue["queued"] == 1
    by_name = {n["name"]: n for n in nodes}
    assert by_name.keys() == {
        *("central", "fresh", "stale", "gone", "slow", "left", "twice", "held", "dreamt")
    }
    if listening_since == 0.0:
        states = {name: str(n["state"]) for name, n in by_name.items()}
        assert states == {
            "central": "online", "fresh": "online", "stale": "stale", "gone": "offline",
            "slow": "online", "left": "offline", "twice": "conflict", "held": "offline",
            "dreamt": "offline",
        }  # fmt: skip


def test_some_nodes_are_shown_as_among_all(fleet: SqliteLedger) -> None:
    shown = views(0.0)
    by_name = {n["name"]: n for n in shown.nodes(fleet.tables)}
    for name, node in by_name.items():
        assert shown.nodes(fleet.tables, [name]) == [node]
    assert shown.nodes(fleet.tables, ["nobody"]) == []
    assert [n["name"] for n in shown.nodes(fleet.tables, ["slow", "gone"])] == ["gone", "slow"]
    assert by_name["gone"]["errorsLastHour"] == 3


def test_some_nodes_cost_what_they_are(fleet: SqliteLedger) -> None:
    """However many there are: no statement looks at all of them."""
    shown = views(0.0)
    asked: list[str] = []
    fleet.con.set_trace_callback(asked.append)
    shown.nodes(fleet.tables, ["gone"])
    shown.heard_of(fleet.tables, ["gone"])
    fleet.con.set_trace_callback(None)
    for statement in asked:
        plan = [row[3] for row in fleet.con.execute(f"EXPLAIN QUERY PLAN {statement}")]
        scanned = [step for step in plan if step.startswith("SCAN")]
        assert not [s for s in scanned if s.split()[1] not in ("json_each", "first", "busy")], plan


def test_labels_are_those_of_the_hellos(fleet: SqliteLedger) -> None:
    labels = views(0.0).labels(fleet.tables)
    assert labels["gone"] == {"name": "gone"}
    assert labels["central"] == {"is": "central"}
    assert (labels["held"], labels["dreamt"]) == (None, None)
    heard = views(0.0).heard_of(fleet.tables, ["gone", "dreamt"])
    assert heard == {"gone": {"name": "gone"}, "central": {"is": "central"}}
