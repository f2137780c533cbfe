"""Rows become words: how far a message is, what a node is doing, what came out."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.console.fake import NOON, FakeDaemon, stamp
from tests.console.world import fleet, message, node
from tui import bars, filters, ink, looks, outcome, render, rows, story, texts, times
from tui.board import Board
from tui.ink import Line, plain
from tui.rows import MessageRow, NodeRow, Status

CLOCK = FakeDaemon().clock


def row(state: str, **more: Any) -> MessageRow:
    return rows.read(MessageRow, message(0, "ship1", state, ["uptime"], **more))


def text(lines: list[Line]) -> str:
    return "\n".join(plain(one) for one in lines)


@pytest.mark.parametrize(
    ("found", "node_state", "words"),
    [
        (row("queued"), "online", "waits for its turn"),
        (row("queued"), "offline", "ship1 is offline"),
        (row("queued", behind="my-id"), "online", "behind my-id"),
        (
            row("sent", attempts=2, retries=5, nextAttempt=stamp(NOON + 8)),
            "online",
            "attempt 2/5 · next in 8s",
        ),
        (row("sent", attempts=7, nextAttempt=stamp(NOON - 1)), "", "attempt 7 · next now"),
        (row("delivered"), "online", "waits for its start"),
        (row("running"), "online", "for 18 s"),
        (row("succeeded"), "online", "exit 0 · 0.38 s"),
        (row("failed"), "online", "exit 3 · 0.38 s"),
        (row("expired", reason="ttl passed"), "online", "unconfirmed · ttl passed"),
        (row("cancelled", reason="by you"), "online", "by you"),
        (
            row("undelivered", attempts=3, confirmed=True),
            "offline",
            "3 attempts without a receipt",
        ),
    ],
)
def test_how_far_a_message_is(found: MessageRow, node_state: str, words: str) -> None:
    assert plain(render.progress(found, CLOCK, node_state)) == words


def test_what_is_not_proved_is_marked_however_narrow_the_column() -> None:
    assert plain(looks.message_state(row("expired"))) == "◷ expired (unconfirmed)"
    assert plain(looks.message_state(row("expired"), room=15)) == "◷ expired ?"
    assert plain(looks.message_state(row("expired", confirmed=True))) == "◷ expired"
    assert plain(looks.message_state(row("published", result=None))) == "✓ published"


def test_every_state_has_a_glyph_of_its_own_word() -> None:
    from steward.message import State

    assert set(looks.MESSAGE_LOOKS) == {str(state) for state in State}


def test_a_held_node_says_so_beside_its_own_glyph() -> None:
    held = rows.read(NodeRow, node("ship1", "offline", held=True))
    assert plain(looks.node_state(held)) == "○ ‖ held"


def test_the_sparkline_puts_the_newest_at_its_right() -> None:
    assert plain(looks.sparkline([0] * 60, 12)) == "·" * 12
    assert plain(looks.sparkline([0] * 59 + [3], 12)) == "·" * 11 + "█"
    assert plain(looks.sparkline([9], 4)) == "···█"


def test_the_story_tells_each_step_with_its_time() -> None:
    told = text(story.timeline(row("succeeded"), CLOCK, "online", 60))
    for word in (
        "accepted",
        "sent",
        "delivered",
        "running",
        "succeeded",
        "11:59:40.000",
        "+0.37 s",
    ):
        assert word in told


def test_stdout_and_stderr_are_apart_with_marks_where_something_is_missing() -> None:
    found = row("failed")
    result = (found.result or {}) | {
        "stdout": "head\n",
        "stdoutTail": "tail\n",
        "stdoutCut": 5 * 1024 * 1024,
        "stdoutSize": 6 * 1024 * 1024,
        "stderrB64": base64.b64encode(b"\x00\x01\xffbinary").decode(),
        "stderrSize": 9,
        "stderrLost": 1024,
    }
    del result["stderr"]
    told = text(outcome.lines(row("failed", result=result), CLOCK, 70))
    assert told.index("stdout") < told.index("head") < told.index("5.0 MiB left out here")
    assert told.index("left out") < told.index("tail") < told.index("stderr")
    assert "00 01 ff 62 69 6e" in told
    assert "1.0 KiB were cut off by the runner" in told


def test_output_keeps_its_columns_and_shows_its_controls() -> None:
    found = texts.opened(b"a\tb\r\n\x1b[31mred\n\n", 80)
    assert [plain(found.line(i)) for i in range(found.rows)] == ["a       b", "␛[31mred", ""]


def test_an_event_has_no_output_and_says_why() -> None:
    found = row("succeeded", commandOrEvent="EventACK", method="TextLogging", result=None)
    assert "brings nothing back" in text(outcome.lines(found, CLOCK, 60))


@pytest.mark.parametrize("cells", [60, 80, 120, 200])
def test_the_header_takes_the_room_there_is(cells: int) -> None:
    daemon = fleet()
    board = Board(connected=True, status=rows.read(Status, daemon.on_status()))
    line = bars.header(board, CLOCK, cells)
    assert ink.width(line) == cells
    assert "● 5" in plain(line)


def test_the_banner_says_what_stands_in_the_way_and_what_to_do() -> None:
    board = Board(lost=NOON - 5, lost_reason="no daemon answers", lost_hint="start one")
    assert "No daemon answers: gone for 5s" in text(bars.banner(board, CLOCK, "", 80))
    status = fleet().on_status()
    board = Board(connected=True, status=rows.read(Status, status))
    assert bars.banner(board, CLOCK, "", 80) == []
    full = status | {"intake": {"open": False, "reason": "disk full"}}
    board.status = rows.read(Status, full)
    assert "No new messages are taken: disk full" in text(bars.banner(board, CLOCK, "", 80))
    board.status = rows.read(Status, status | {"broker": {"connected": False}})
    assert "wait on disk" in text(bars.banner(board, CLOCK, "", 80))


@pytest.mark.parametrize(
    ("seconds", "short", "long"),
    [
        (0.4, "0s", "0.40 s"),
        (59.7, "1m", "60 s"),
        (200, "3m", "3 min 20 s"),
        (7500, "2h", "2 h 5 min"),
        (41 * 86400, "41d", "41 d"),
    ],
)
def test_durations(seconds: float, short: str, long: str) -> None:
    assert (times.short(seconds), times.long(seconds)) == (short, long)


def test_the_filter_knows_words_not_keys_and_patterns() -> None:
    found = row("failed", reason="disk full")
    look, fields = render.as_text(found), render.fields(found)

    def keeps(typed: str) -> bool:
        return filters.parse(typed).keeps(look, fields)

    assert keeps("UPTIME disk")
    assert not keeps("uptime !disk")
    assert keeps("state=failed,expired node=ship1")
    assert not keeps("state=succeeded")
    assert keeps("~^0195.*ship1")
    assert filters.parse("~[").fault
    assert not filters.parse("~[ ! = key=")


def test_a_key_goes_to_the_daemon_only_when_its_value_is_whole() -> None:
    assert filters.parse("node=ship1").exact("node", {"ship1"}) == ["ship1"]
    assert filters.parse("node=shi").exact("node", {"ship1"}) == []


def test_an_answer_of_another_shape_is_said_and_no_crash() -> None:
    with pytest.raises(Exception, match="cannot be read"):
        rows.read(NodeRow, {"name": 7})


def test_cutting_and_folding_count_cells_not_characters() -> None:
    wide = (ink.say("日本語テキスト"),)
    assert ink.width(ink.fit(wide, 7)) == 7
    assert plain(ink.fit(wide, 7)) == "日本語…"
    assert [plain(one) for one in ink.wrapped((ink.say("aa bb cc"),), 5)] == ["aa bb", "cc"]
    assert all(ink.width(one) <= 5 for one in ink.wrapped(wide, 5))
