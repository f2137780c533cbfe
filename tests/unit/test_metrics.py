"""Metrics over real HTTP, gauges from the loop, ports that are taken, and the profile."""

from __future__ import annotations

import asyncio
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from steward import metrics as metrics_module
from steward.errors import ConfigError
from steward.frames import Entry, Frame, Receipt
from steward.ledger import Touched
from steward.message import MessageId
from steward.metrics import Metrics, MetricsServer, Snapshot
from steward.profiling import ProfileServer, collapsed, sample, top
from steward.subjects import NodeName, Subject
from tests.conftest import WaitFor


def get(port: int, path: str = "/metrics", host: str = "127.0.0.1") -> str:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Host": host})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return str(answer.read(), "utf-8")


def status(port: int, path: str, host: str = "127.0.0.1") -> int:
    try:
        get(port, path, host)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    return 200


async def scrape(server: MetricsServer) -> dict[str, float]:
    text = await asyncio.to_thread(get, server.port)
    samples: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for one in family.samples:
            labels = ",".join(f"{k}={v}" for k, v in one.labels.items())
            samples[one.name + (f"{{{labels}}}" if labels else "")] = one.value
    return samples


class Daemon:
    def __init__(self) -> None:
        self.metrics = Metrics()
        self.snapshot = Snapshot(
            messages={"queued": 3, "sent": 1},
            oldest=7.5,
            nodes={"online": 2, "offline": 1},
            processes={"running": 4, "waiting": 2, "terminated": 1},
            hello_nodes=3,
            connected=True,
            reconnects=5,
            dropped=7,
            tasks=9,
        )
        self.asked = 0
        self.threads: set[int] = set()
        self.fails = False
        self.server = MetricsServer(self.metrics, self.take, "127.0.0.1", 0)

    async def take(self) -> Snapshot:
        self.asked += 1
        self.threads.add(threading.get_ident())
        if self.fails:
            raise OSError("no store")
        return self.snapshot


@pytest.fixture
async def daemon() -> AsyncIterator[Daemon]:
    daemon = Daemon()
    daemon.server.start()
    yield daemon
    await daemon.server.stop()


@dataclass
class Outcome:
    state: str
    started: float | None = None
    ended: float | None = None


def frame(*seqs: int) -> Frame:
    entries = tuple(Entry(seq=n, id=MessageId(str(n)), body=msgspec.Raw(b"{}")) for n in seqs)
    ship, central = NodeName("ship1"), NodeName("central")
    subject = Subject("ship1.CommandACK.ShellCommand")
    return Frame(
        frm=central,
        store="s",
        start="t",
        tx="x",
        to=ship,
        subject=subject,
        clock=0.0,
        messages=entries,
    )


def receipt(last: int | None) -> Receipt:
    ship, central = NodeName("ship1"), NodeName("central")
    subject = Subject("ship1.CommandACK.ShellCommand")
    return Receipt(
        frm=ship,
        store="r",
        start="t",
        tx="x",
        to=central,
        to_store="s",
        subject=subject,
        clock=0.0,
        last=last,
    )


async def test_gauges_are_what_the_daemon_says_now(daemon: Daemon) -> None:
    samples = await scrape(daemon.server)
    assert samples["steward_messages{state=queued}"] == 3
    assert samples["steward_oldest_message_seconds"] == 7.5
    assert samples["steward_nodes{state=offline}"] == 1
    assert samples["steward_processes{state=terminated}"] == 1
    assert samples["total_running_processes"] == 6
    assert samples["hello_nodes"] == 3
    assert samples["steward_tasks"] == 9
    assert samples["steward_broker_connected"] == 1
    assert samples["steward_broker_reconnects_total"] == 5
    assert samples["steward_arrivals_dropped_total"] == 7
    assert samples["steward_build_info{version=0.1.0}"] == 1


async def test_counters_count(daemon: Daemon) -> None:
    metrics = daemon.metrics
    metrics.frame_sent(3)
    metrics.frame_taken(frame(1, 2, 3), receipt(3))
    metrics.frame_taken(frame(2, 3, 4), receipt(4))
    metrics.frame_taken(frame(5), receipt(None))
    metrics.ended(Outcome("succeeded", 10.0, 11.0))
    metrics.ended(Outcome("expired"))
    metrics.committed(Touched(units=3, delivered=[0.3], accepted=2, ended=1))
    samples = await scrape(daemon.server)
    assert samples["steward_frames_sent_total"] == 1
    assert samples["steward_delivery_attempts_total"] == 3
    assert samples["steward_messages_received_total"] == 7
    assert samples["steward_duplicates_suppressed_total"] == 2
    assert samples["steward_results_total{outcome=succeeded}"] == 1
    assert samples["steward_run_seconds_sum"] == 1
    assert samples["steward_delivery_seconds_bucket{le=0.5}"] == 1
    assert samples["steward_commit_batch_size_count"] == 1
    this_minute = {name: counts[-1] for name, counts in metrics.throughput.last_hour().items()}
    assert this_minute == {"accepted": 2, "delivered": 1, "ended": 1, "received": 4}


async def test_a_snapshot_is_taken_on_the_loop_and_at_most_once_a_second(daemon: Daemon) -> None:
    await asyncio.gather(*(scrape(daemon.server) for _ in range(5)))
    assert daemon.asked == 1
    assert daemon.threads == {threading.get_ident()}


async def test_without_a_snapshot_the_counters_are_served_and_no_old_gauges(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics_module, "SNAPSHOT_AGE", 0.0)
    assert "hello_nodes" in await scrape(daemon.server)
    daemon.fails = True
    samples = await scrape(daemon.server)
    assert "hello_nodes" not in samples
    assert samples["steward_frames_sent_total"] == 0
    assert samples["steward_snapshot_failures_total"] == 1


async def test_daemons_of_one_process_count_apart(daemon: Daemon) -> None:
    other = Daemon()
    other.server.start()
    other.metrics.frame_sent(1)
    assert (await scrape(other.server))["steward_frames_sent_total"] == 1
    assert (await scrape(daemon.server))["steward_frames_sent_total"] == 0
    await other.server.stop()
    await other.server.stop()


async def test_a_stopped_server_gives_its_port_back(free_port: int) -> None:
    for _ in range(2):
        daemon = Daemon()
        server = MetricsServer(daemon.metrics, daemon.take, "127.0.0.1", free_port)
        server.start()
        assert "hello_nodes" in await scrape(server)
        await server.stop()


@pytest.mark.parametrize(
    ("host", "text"),
    [("127.0.0.1", "taken by another program"), ("192.0.2.1", "prom-host-and-port: 192.0.2.1")],
)
async def test_a_port_that_cannot_be_had_is_a_clear_error(host: str, text: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        daemon = Daemon()
        server = MetricsServer(daemon.metrics, daemon.take, host, other.getsockname()[1])
        with pytest.raises(ConfigError, match=text):
            server.start()
        await server.stop()


def busy_work(stop: threading.Event) -> None:
    while not stop.is_set():
        sum(range(100))


@pytest.fixture
def worker() -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=busy_work, args=(stop,), name="worker")
    thread.start()
    yield
    stop.set()
    thread.join()


@pytest.mark.usefixtures("worker")
def test_a_profile_names_the_busy_function() -> None:
    seen = sample(0.2)
    line = next(line for line in collapsed(seen).splitlines() if line.startswith("worker;"))
    assert f"{__name__}.busy_work" in line
    assert line.rpartition(" ")[2].isdecimal()
    assert f"worker: {__name__}.busy_work" in top(seen)


@pytest.mark.usefixtures("worker")
def test_the_profile_is_served_on_loopback_to_loopback_names_only() -> None:
    profiling = ProfileServer(0)
    profiling.start()
    try:
        text = get(profiling.port, "/profile?seconds=0.2", host=f"localhost:{profiling.port}")
        assert text.startswith("  own%  total%")
        assert "\nworker;" in text
        assert "own%" not in get(profiling.port, "/profile?seconds=0.1&format=collapsed")
        assert status(profiling.port, "/profile?seconds=0.1", "evil.example:80") == 403
        assert status(profiling.port, "/") == 404
        assert status(profiling.port, "/profile?seconds=x") == 400
        assert status(profiling.port, "/profile?seconds=1e9") == 400
    finally:
        profiling.stop()


async def test_stopping_ends_a_profile_that_is_being_taken(wait_for: WaitFor) -> None:
    profiling = ProfileServer(0)
    profiling.start()
    asked = asyncio.create_task(asyncio.to_thread(get, profiling.port, "/profile?seconds=60"))

    await wait_for(lambda: "steward.profiling.sample" in collapsed(sample(0.01)))
    assert await asyncio.to_thread(status, profiling.port, "/profile?seconds=0.001") == 409
    await asyncio.to_thread(profiling.stop)
    assert "own%" in await asked
