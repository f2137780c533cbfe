"""The message view: its story, its output live and fetched whole, searched, as a table, as JSON."""

from __future__ import annotations

import json
from typing import Any

from tests.console.conftest import console, sees, shown, until
from tests.console.fake import NOON, FakeDaemon, stamp
from tests.console.far import far, opens
from tests.console.world import fleet, message, node
from tui import rows, story
from tui.ink import plain
from tui.live import KEPT, PIECES, Live, Stream
from tui.outcome import Outcome
from tui.rows import MessageRow, Output
from tui.sheets import Document
from tui.widgets.lines import Lines

SMALL, LARGE = (80, 24), (160, 48)
CLOCK = FakeDaemon().clock


def row(state: str, **more: Any) -> MessageRow:
    return rows.read(MessageRow, message(0, "ship1", state, ["uptime"], **more))


def told(found: MessageRow, node_state: str = "online", **more: Any) -> str:
    lines = story.timeline(found, CLOCK, node_state, 56, **more)
    return "\n".join(plain(one).rstrip() for one in lines)


def test_the_timeline_says_what_is_waited_for_and_what_is_to_come() -> None:
    sent = row("sent", attempts=2, retries=5, nextAttempt=stamp(NOON + 8))
    words = told(sent, "offline", held=True)
    assert "attempt 2 of 5" in words
    assert "ship1 is held" in words
    assert "no receipt for 19 s" in words
    assert "attempt 3 of 5 in 8s" in words
    assert words.index("· delivered") < words.index("· running") < words.index("· outcome")
    assert "ship1 is offline" in told(row("queued"), "offline")
    assert "attempt" not in told(row("delivered"))


def test_the_timeline_says_how_long_that_runs_which_it_waits_for() -> None:
    waits = row("delivered", behind="other")
    runs = rows.read(MessageRow, message(0, "ship1", "running", ["tar"]) | {"id": "other"})
    assert "waits behind other" in told(waits)
    assert "waits behind other, running for 18 s: tar" in told(waits, before=runs)


def test_the_timeline_says_how_it_ended_and_whether_that_is_proved() -> None:
    assert "exit 3" in told(row("failed"))
    assert "✓ confirmed" in told(row("failed"))
    late = told(row("expired", reason="ttl of 10m passed"))
    assert "┊ ttl of 10m passed" in late
    assert "? unconfirmed waits for ship1's proof" in late
    kind = {"commandOrEvent": "EventNACK", "result": None}
    assert "nobody confirms" in told(row("published", **kind))
    event = row("sent", commandOrEvent="EventACK", method="TextLogging")
    assert "delivered" not in told(event)


def test_another_day_is_said_where_it_begins() -> None:
    times = {"accepted": stamp(NOON - 90_000), "sent": stamp(NOON - 5)}
    lines = told(row("sent", times=times)).split("\n")
    assert lines[0] == "  2026-03-13"
    assert lines[2] == "  2026-03-14"


def test_output_that_comes_live_is_kept_with_its_holes_and_bounded() -> None:
    stream = Stream().after(0, b"abc").after(3, b"def").after(10, b"xyz")
    assert [(p.start, p.content) for p in stream.pieces] == [(0, b"abcdef"), (10, b"xyz")]
    assert stream.after(4, b"late") is stream
    assert stream.after(12, b"z!").pieces[-1].content == b"xyz!"
    full = Stream().after(0, b"a" * KEPT).after(KEPT + 5, b"b" * 100)
    assert full.size == KEPT
    assert full.pieces[0].start == 100
    holes = Stream()
    for n in range(PIECES * 2):
        holes = holes.after(n * 10, b"x")
    assert len(holes.pieces) == PIECES
    part = rows.read(Output, {"id": "a", "stream": "stderr", "offset": 0, "data": "e"})
    assert Live("a").after(part).stderr.end == 1


async def test_output_is_followed_while_it_runs_and_the_result_replaces_it() -> None:
    daemon = fleet()
    running = daemon.messages[0]
    async with console(daemon, LARGE) as pilot:
        page = await opens(pilot)
        await sees(pilot, "No output yet")
        await until(pilot, lambda: daemon.asked_for("follow")[-1:] == [{"id": running["id"]}], "it")
        daemon.write(running["id"], "stdout", 0, "".join(f"first {n}\n" for n in range(90)))
        await sees(pilot, "stdout live")
        await sees(pilot, "first 89")
        daemon.write(running["id"], "stdout", 14_000, "after the hole\n")
        daemon.write(running["id"], "stderr", 0, "a warning\n")
        await sees(pilot, "… 12.9 KiB not shown …")
        await sees(pilot, "a warning")
        await pilot.press("o", "g")
        await sees(pilot, "first 3")
        daemon.write(running["id"], "stdout", 14_015, "unseen, as somebody reads above\n" * 9)
        await sees(pilot, "stdout live · 14.0 KiB")
        assert "unseen" not in shown(pilot.app)
        await pilot.press("G")
        await sees(pilot, "unseen")
        running.update(message(0, "ship1", "succeeded", ["tar"]))
        daemon.tell(messages=[running["id"]])
        await sees(pilot, "engine.log")
        assert "live" not in shown(pilot.app).replace("delivered", "")
        await until(pilot, lambda: daemon.asked_for("follow")[-1] in ({"id": None}, {}), "no more")
        assert page.row is not None


async def test_on_a_small_screen_the_heading_stays_in_sight() -> None:
    daemon = fleet()
    async with console(daemon, SMALL) as pilot:
        await opens(pilot)
        await pilot.pause()
        id = daemon.messages[0]["id"]
        daemon.write(id, "stdout", 0, "".join(f"line {n}\n" for n in range(99)))
        await sees(pilot, "line 98")
        assert "stdout live" in shown(pilot.app).splitlines()[2]


async def test_processes_are_a_table_and_j_shows_how_they_came() -> None:
    found = [
        {"name": "executor", "state": "running", "restarts": 0, "queue": 2, "lastError": ""},
        {"name": "text log", "state": "backoff", "restarts": 7, "lastError": "disk full " * 9},
        ["what", "ever"],
    ]
    answer = message(0, "ship1", "succeeded", [], method="ListProcesses")
    answer["result"]["stdout"] = json.dumps(found)
    async with console(FakeDaemon({"ship1": node("ship1")}, [answer]), LARGE) as pilot:
        await opens(pilot)
        for word in ("── processes", "LAST ERROR", "◐ backoff", "● running", "disk full", "['what"):
            await sees(pilot, word)
        await pilot.press("J")
        await sees(pilot, '"method": "ListProcesses"')
        await pilot.press("o")
        await sees(pilot, "── processes")


async def test_output_of_both_streams_is_exported_with_their_names() -> None:
    both = message(0, "ship1", "failed", ["x"])
    both["result"] |= {"stdout": "out\n", "stderr": "err\n"}
    async with console(FakeDaemon({"ship1": node("ship1")}, [both])) as pilot:
        page = await opens(pilot)
        name, content = page.exported()
        assert name.endswith(".txt")
        assert content == "── stdout ──\nout\n\n── stderr ──\nerr\n".encode()
        assert "out" in page.copied()
        await pilot.press("J")
        name, content = page.exported()
        assert name.endswith(".json")
        assert json.loads(content)["toNode"] == "ship1"


async def test_what_it_waits_behind_is_read_and_named() -> None:
    async with console(fleet(), SMALL) as pilot:
        await opens(pilot, 1)
        await sees(pilot, "running for 18 s")
        await sees(pilot, "tar czf")


async def test_the_other_pane_scrolls_after_tab() -> None:
    async with console(far(), LARGE) as pilot:
        page = await opens(pilot)
        await pilot.press("tab", "G")
        assert page.query_one("#outcome", Lines).has_focus
        await sees(pilot, "line 021999")


def test_what_has_not_changed_stays_the_same_sheet() -> None:
    outcome, found = Outcome(str), row("failed")
    first, again = (Document(outcome.sheets(found, None, None, CLOCK, 80)) for _ in range(2))
    assert first == again
    assert first.sheets[1] is again.sheets[1]
    assert first != Document(outcome.sheets(found, None, None, CLOCK, 60))
