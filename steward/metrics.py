"""What a daemon counts, and what Prometheus is told of it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from prometheus_client import CollectorRegistry, Counter, Histogram, MetricsHandler
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

import steward
from steward.frames import Frame, Receipt
from steward.ledger import Touched
from steward.listener import Listener
from steward.throughput import Throughput

SNAPSHOT_AGE = 1.0
"""Seconds for which one snapshot answers every scrape."""
SNAPSHOT_TIMEOUT = 5.0
"""Seconds that a scrape waits for a snapshot; then it is answered without its gauges."""

_MOST_STREAMS = 10_000
_SECONDS = (0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0, 600.0, 3600.0, 86400.0)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


@dataclass(frozen=True)
class Snapshot:
    """What is so now. Counts by state; ``oldest`` = seconds that the oldest open message waits;
    ``reconnects`` and ``dropped`` since the daemon's start; ``hello_nodes`` = nodes that have ever
    said hello; ``tasks`` of the loop, those of other daemons on it too."""

    messages: Mapping[str, int] = field(default_factory=dict)
    oldest: float = 0.0
    nodes: Mapping[str, int] = field(default_factory=dict)
    processes: Mapping[str, int] = field(default_factory=dict)
    hello_nodes: int = 0
    connected: bool = False
    reconnects: int = 0
    dropped: int = 0
    tasks: int = 0


TakeSnapshot = Callable[[], Coroutine[Any, Any, Snapshot]]


class Ended(Protocol):
    """What is counted of a command's outcome: wall seconds, None where it never started."""

    @property
    def state(self) -> str: ...

    @property
    def started(self) -> float | None: ...

    @property
    def ended(self) -> float | None: ...


class Metrics:
    """One daemon's counters. Several daemons of one process have one of these each."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.frames = Counter("steward_frames_sent", "Frames sent.", registry=registry)
        self.attempts = Counter(
            "steward_delivery_attempts",
            "Messages sent in frames; one that is sent again counts again.",
            registry=registry,
        )
        self.received = Counter(
            "steward_messages_received",
            "Messages that came in frames, repeated ones too.",
            registry=registry,
        )
        self.duplicates = Counter(
            "steward_duplicates_suppressed",
            "Messages that came again and were not taken again.",
            registry=registry,
        )
        self.results = Counter(
            "steward_results", "Commands that ended here.", ["outcome"], registry=registry
        )
        self.delivery_seconds = Histogram(
            "steward_delivery_seconds",
            "From the acceptance of a message to the receipt for it.",
            buckets=_SECONDS,
            registry=registry,
        )
        self.run_seconds = Histogram(
            "steward_run_seconds", "Run time of commands.", buckets=_SECONDS, registry=registry
        )
        self.commit_batch = Histogram(
            "steward_commit_batch_size",
            "Units of work in one commit.",
            buckets=_SIZES,
            registry=registry,
        )
        ProcessCollector(registry=registry)
        self.throughput = Throughput()
        self._last: dict[tuple[str, str, str], int] = {}

    def frame_sent(self, messages: int) -> None:
        """A frame with so many messages has been handed to the broker's client."""
        self.frames.inc()
        self.attempts.inc(messages)

    def frame_taken(self, frame: Frame, receipt: Receipt | None) -> None:
        """A frame's commit is done and ``receipt`` answers it."""
        self.received.inc(len(frame.messages))
        if receipt is None or receipt.last is None:
            return
        stream = (frame.frm, frame.store, frame.subject)
        before = self._last.get(stream, 0)
        repeated = sum(1 for entry in frame.messages if entry.seq <= before)
        self.duplicates.inc(repeated)
        self.throughput.add("received", len(frame.messages) - repeated)
        # Anybody can name new streams, so what is remembered of them is bounded.
        if len(self._last) >= _MOST_STREAMS and stream not in self._last:
            self._last.clear()
        self._last[stream] = receipt.last

    def committed(self, touched: Touched) -> None:
        """A commit is done, and changed this."""
        if touched.units:
            self.commit_batch.observe(touched.units)
        for seconds in touched.delivered:
            self.delivery_seconds.observe(max(0.0, seconds))
        self.throughput.add("accepted", touched.accepted)
        self.throughput.add("delivered", len(touched.delivered))
        self.throughput.add("ended", touched.ended)

    def ended(self, outcome: Ended) -> None:
        """A command's end, as it runs or was to run here, is committed."""
        self.results.labels(str(outcome.state)).inc()
        if outcome.started is not None and outcome.ended is not None:
            self.run_seconds.observe(max(0.0, outcome.ended - outcome.started))


class MetricsServer:
    """Serves ``metrics``, and gauges from ``snapshot``, on http://host:port/metrics.

    ``snapshot`` always runs on the loop that called ``start``, at most once a second.
    """

    def __init__(self, metrics: Metrics, snapshot: TakeSnapshot, host: str, port: int) -> None:
        self._gauges = _Gauges(snapshot)
        self._registry = metrics.registry
        handler = MetricsHandler.factory(metrics.registry)
        self._listener = Listener(host, port, handler, "prom-host-and-port")

    @property
    def port(self) -> int:
        return self._listener.port

    def start(self) -> None:
        """Call it on the daemon's loop. Raises ConfigError if the port cannot be had."""
        self._listener.start()
        self._registry.register(self._gauges)
        self._gauges.loop = asyncio.get_running_loop()

    async def stop(self) -> None:
        """Idempotent."""
        if self._gauges.loop is not None:
            self._gauges.loop = None
            self._registry.unregister(self._gauges)
            await asyncio.to_thread(self._listener.stop)


class _Gauges(Collector):
    """Collected in the HTTP server's threads."""

    def __init__(self, snapshot: TakeSnapshot) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None
        self._take = snapshot
        self._lock = threading.Lock()
        self._snapshot: Snapshot | None = None
        self._taken = 0.0
        self._failures = 0

    def describe(self) -> Iterator[Metric]:
        return self._metrics(Snapshot())

    def collect(self) -> Iterator[Metric]:
        snapshot = self._current()
        if snapshot is not None:
            yield from self._metrics(snapshot)
        yield CounterMetricFamily(
            "steward_snapshot_failures",
            "Scrapes answered without gauges, because the daemon did not answer in time.",
            self._failures,
        )

    def _current(self) -> Snapshot | None:
        with self._lock:
            if self._snapshot is None or time.monotonic() - self._taken > SNAPSHOT_AGE:
                self._snapshot = self._ask()
                self._taken = time.monotonic()
                self._failures += self._snapshot is None
            return self._snapshot

    def _ask(self) -> Snapshot | None:
        loop = self.loop
        if loop is None:
            return None
        asked = self._take()
        try:
            answer = asyncio.run_coroutine_threadsafe(asked, loop)
        except RuntimeError:  # the loop is closed
            asked.close()
            return None
        try:
            return answer.result(SNAPSHOT_TIMEOUT)
        except Exception:  # whatever it is, the counters are still worth having
            answer.cancel()
            return None

    def _metrics(self, now: Snapshot) -> Iterator[Metric]:
        yield _by_state("steward_messages", "Messages of this node not ended yet.", now.messages)
        yield _by_state("steward_nodes", "Nodes in the roster.", now.nodes)
        yield _by_state("steward_processes", "Supervised processes.", now.processes)
        for name, text, value in (
            ("steward_oldest_message_seconds", "How long the oldest open one waits.", now.oldest),
            ("steward_broker_connected", "1 while the broker is connected.", int(now.connected)),
            ("steward_tasks", "Tasks of the daemon's loop.", now.tasks),
            ("total_running_processes", "Processes not terminated.", _alive(now.processes)),
            ("hello_nodes", "Nodes that have said hello.", now.hello_nodes),
        ):
            yield GaugeMetricFamily(name, text, value)
        yield CounterMetricFamily(
            "steward_broker_reconnects", "Connections after the first.", now.reconnects
        )
        yield CounterMetricFamily(
            "steward_arrivals_dropped",
            "Frames and receipts that found their queue full; they are sent again.",
            now.dropped,
        )
        info = GaugeMetricFamily("steward_build_info", "Always 1.", labels=["version"])
        info.add_metric([steward.__version__], 1)
        yield info


def _by_state(name: str, text: str, counts: Mapping[str, int]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=["state"])
    for state, count in counts.items():
        family.add_metric([str(state)], count)
    return family


def _alive(processes: Mapping[str, int]) -> int:
    return sum(count for state, count in processes.items() if state != "terminated")
