"""Screen 6: what the link, the store, the queue and the processes are like, well or not."""

from __future__ import annotations

from typing import Any

import pytest
from textual.pilot import Pilot

from tests.console.conftest import console, sees, shown, told, until
from tests.console.fake import FakeDaemon, stamp
from tests.console.test_hostile import NASTY, assert_tame
from tests.console.well import process, well
from tests.console.world import fleet
from tui import gauges, processes, rows, vitals
from tui.board import Board
from tui.ink import Tone, plain, width
from tui.widgets.table import Table

SMALL = (80, 24)
LARGE = (160, 48)


def healthy(**more: Any) -> FakeDaemon:
    """The fleet's daemon, which tells how it is."""
    daemon = fleet()
    daemon.health = well(**more)
    return daemon


def known(daemon: FakeDaemon, load: float | None = None) -> vitals.Known:
    status = rows.read(rows.Status, daemon.on_status())
    nodes = {name: rows.read(rows.NodeRow, row) for name, row in daemon.nodes.items()}
    held = Board(connected=True, status=status, nodes=nodes)
    return vitals.Known(rows.read(rows.Health, daemon.on_health()), held, daemon.clock, load)


def text_of(daemon: FakeDaemon, cells: int = 160, load: float | None = None) -> str:
    return "\n".join(plain(line) for line in vitals.panels(known(daemon, load), cells))


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_health_says_how_the_daemon_is_without_a_key(size: tuple[int, int]) -> None:
    async with console(healthy(), size) as pilot:
        await pilot.press("6")
        for words in (
            "● connected for 4 d 11 h",
            "nats://127.0.0.1:4222",
            "2 reconnects",
            "0.9 ms to 12 ms",
            "13.5 MiB",
            "41.2 GiB free",
            "oldest queued: 1 h 1 min, for ship3, offline",
            "60 min ago",
            "received",
            "41.0 MiB memory",
            "8: 1 terminated, 1 backoff, 2 running, 4 waiting",
            "✗ terminated",
        ):
            await sees(pilot, words)


@pytest.mark.parametrize("cells", [60, 80, 119, 120, 160, 250])
def test_the_panels_fit_every_width(cells: int) -> None:
    for broker in (well()["broker"], {"connected": False, "error": "no route to host " * 9}):
        found = known(healthy(broker=broker))
        for line in vitals.panels(found, cells):
            assert width(line) <= cells, plain(line)


def test_a_broker_that_is_down_says_since_when_and_why() -> None:
    gone = {"address": "nats://hub:4222", "connected": False, "since": stamp(0), "error": "refused"}
    daemon = healthy(broker=gone | {"since": stamp(healthy().now - 200)})
    text = text_of(daemon)
    assert "○ down for 3 min 20 s" in text
    assert "refused" in text
    assert "trying again by itself" in text


@pytest.mark.parametrize("cells", [80, 160])
def test_it_says_whether_names_are_believed(cells: int) -> None:
    daemon = healthy()
    lines = vitals.trust(known(daemon), cells)
    assert plain(lines[0]).startswith("⚠ OFF: any sender's name is believed")
    assert {span.tone for span in lines[0]} >= {Tone.BAD}
    assert "steward keys init" in text_of(daemon, cells)
    daemon.status = {"trusted": True}
    assert "● on: nobody without an accepted key is believed" in text_of(daemon, cells)
    assert "OFF" not in text_of(daemon, cells)
    standing = "refused at central; its fingerprint is ABCD"
    daemon.status = {"trusted": True, "node": "ship1", "standing": standing}
    assert f"◇ {standing}" in text_of(daemon, cells)


def test_little_room_is_said_in_words() -> None:
    def words(free: int) -> str:
        return text_of(healthy(store={"bytes": 1 << 20, "walBytes": 0, "freeBytes": free}))

    assert "2.0 GiB free" in words(2 << 30)
    assert "low" not in words(2 << 30)
    assert "900.0 MiB free: low" in words(900 << 20)
    assert "100.0 MiB free: too little for new messages" in words(100 << 20)


def test_throughput_numbers_are_of_minutes_and_the_bars_count_everything() -> None:
    daemon = healthy(throughput={"accepted": [0] * 58 + [7, 2]})
    (row,) = (line for line in text_of(daemon, 80).split("\n") if "accepted" in line)
    assert row.split()[-3:] == ["2", "7", "9"]
    assert gauges.per_bar(60, 42) == 2
    assert sum(gauges.sums(range(60), 3)) == sum(range(60))
    assert plain(gauges.spark([0, 1, 8], Tone.GOOD)) == "·▁█"


def test_round_trips_in_words() -> None:
    assert [gauges.trip(s) for s in (0.0012, 0.0126, 0.612, 1.24, None)] == [
        "1.2 ms", "13 ms", "612 ms", "1.24 s", "—",
    ]  # fmt: skip


def test_an_empty_daemon_says_so() -> None:
    daemon = FakeDaemon(health=well(queue={}, ages={}, rtts=[], processes=[], throughput={}))
    for cells in (80, 160):
        text = text_of(daemon, cells)
        assert "nothing waits" in text
        assert "no round trip measured yet" in text
    assert vitals.panels(known(FakeDaemon(health={})), 160)


def test_processor_time_becomes_a_share_once_it_is_measured() -> None:
    assert "25 min 30 s CPU" in text_of(healthy())
    assert "1.2 % CPU" in text_of(healthy(), load=0.0123)


async def test_what_is_known_stays_when_the_daemon_is_gone() -> None:
    daemon = healthy()
    async with console(daemon, SMALL) as pilot:
        await pilot.press("6")
        await sees(pilot, "13.5 MiB")
        daemon.die()
        await sees(pilot, "All this is as it was at")
        await sees(pilot, "13.5 MiB")


async def test_before_anything_is_read_it_says_what_will_be_here() -> None:
    async with console(FakeDaemon(alive=False), SMALL) as pilot:
        await pilot.press("6")
        await sees(pilot, "No daemon answers: how it is will be here when one does.")


async def test_it_is_read_again_every_second() -> None:
    daemon = healthy()
    async with console(daemon) as pilot:
        await pilot.press("6")
        await sees(pilot, "41.0 MiB memory")
        daemon.health["daemon"] |= {"rssBytes": 52 << 20, "uptime": 386410.0, "cpuSeconds": 1531.0}
        await sees(pilot, "52.0 MiB memory")
        await sees(pilot, "10.0 % CPU")


async def test_a_terminated_process_is_started_and_others_are_left_alone() -> None:
    daemon = healthy()
    async with console(daemon, SMALL) as pilot:
        await pilot.press("6")
        await sees(pilot, "▌ ✗ terminated")
        await pilot.press("j", "S")
        await told(pilot, "is backoff: only a terminated one is started")
        await pilot.press("k", "S")
        await told(pilot, "subscriber TextLogging: started again")
        await until(pilot, lambda: "terminated" not in shown(pilot.app), "it runs")
    assert daemon.asked_for("startProcess") == [{"name": "subscriber TextLogging"}]


async def test_a_process_that_is_gone_is_a_notice() -> None:
    daemon = healthy()
    async with console(daemon, SMALL) as pilot:
        await pilot.press("6")
        await sees(pilot, "▌ ✗ terminated")
        daemon.health["processes"] = []
        await pilot.press("S")
        await told(pilot, "no process is named")


async def test_a_thousand_processes_scroll() -> None:
    names = [f"ship{n}.CommandACK.ShellCommand" for n in range(1000)]
    async with console(healthy(processes=[process(name) for name in names]), SMALL) as pilot:
        await pilot.press("6")
        await sees(pilot, "1,000: 1,000 waiting")
        await pilot.press("G")
        await until(pilot, lambda: _table(pilot).cursor == 999, "the last")


def _table(pilot: Pilot[Any]) -> Table:
    return pilot.app.screen.query_one(Table)


async def test_hostile_words_stay_words() -> None:
    said = [process(one, one, lastError=one, role=one) for one in NASTY]
    broker = {"address": NASTY[5], "connected": False, "error": NASTY[1]}
    daemon = healthy(processes=said, broker=broker, daemon={"version": NASTY[6], "pid": NASTY[0]})
    daemon.status = {"alarms": list(NASTY)}
    async with console(daemon, LARGE) as pilot:
        await pilot.press("6")
        await sees(pilot, "disk [/dev/sda1] full")
        assert_tame(pilot.app)


@pytest.mark.parametrize(
    ("answer", "count"),
    [
        ('[{"name": "a", "state": "terminated"}, {"name": "b", "state": "running"}, 3]', 3),
        ('{"processes": [{"restarts": "many", "since": true, "queue": -1}]}', 1),
        ("[" * 100_000, None),
        ("not JSON", None),
        ("3", None),
    ],
)
def test_another_nodes_answer_is_read_whatever_it_is(answer: str, count: int | None) -> None:
    row = rows.MessageRow(id="x", result={"stdout": answer})
    found = processes.from_answer(row)
    assert (None if found is None else len(found)) == count
