"""The screens, used with the keyboard on a fake daemon."""

from __future__ import annotations

from typing import Any

import pytest
from textual.pilot import Pilot

from tests.console.conftest import console, sees, shown, told, types, until
from tests.console.fake import FakeDaemon, Refusing, stamp
from tests.console.world import error, fleet, message, node
from tui.keymap import Keymap
from tui.settings import Settings
from tui.widgets.table import Table

SMALL = (80, 24)
LARGE = (160, 48)


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_nodes_answers_who_is_there_without_a_key(size: tuple[int, int]) -> None:
    async with console(fleet(), size) as pilot:
        for word in ("● online", "◐ stale", "○ offline", "◌ unheard", "‖ held", "ship8", "4 under"):
            await sees(pilot, word)
        if size == LARGE:
            await sees(pilot, "── processes")


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_messages_tells_how_far_each_is(size: tuple[int, int]) -> None:
    async with console(fleet(), size) as pilot:
        await pilot.press("2")
        for word in ("▶ running", "for 18 s", "behind …", "2/5", "exit 3", "◷ expired ?"):
            await sees(pilot, word)


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_a_message_opens_with_timeline_output_and_json(size: tuple[int, int]) -> None:
    async with console(fleet(), size) as pilot:
        await pilot.press("2")
        await sees(pilot, "exit 3")
        await pilot.press("j", "j", "j", "j", "enter")
        for word in ("timeline", "accepted", "stdout", "engine.log"):
            await sees(pilot, word)
        await pilot.press("J")
        await sees(pilot, '"commandOrEvent": "CommandACK"')
        await pilot.press("escape")
        await sees(pilot, "HOW FAR")


async def test_a_message_is_live_while_it_is_open() -> None:
    daemon = fleet()
    async with console(daemon) as pilot:
        await pilot.press("2")
        await sees(pilot, "▶ running")
        await pilot.press("enter")
        await sees(pilot, "No output yet")
        done = message(0, "ship1", "succeeded", ["tar"])
        daemon.messages[0].update(done)
        daemon.tell(messages=[done["id"]])
        await sees(pilot, "✓ succeeded")
        await sees(pilot, "engine.log")


async def test_errors_follow_and_stand_still() -> None:
    daemon = fleet()
    async with console(daemon) as pilot:
        await pilot.press("4")
        await sees(pilot, "disk [/dev/sda1] is full")
        await sees(pilot, "×9")
        await pilot.press("f")
        daemon.errors.insert(0, error(10, "ship1", "error", "something new", ""))
        daemon.tell(errors=1)
        await sees(pilot, "paused, 1 new")
        assert "something new" not in shown(pilot.app)
        await pilot.press("f")
        await sees(pilot, "something new")


async def test_an_error_leads_to_its_message_and_to_its_node() -> None:
    async with console(fleet()) as pilot:
        await pilot.press("4")
        await sees(pilot, "ShellCommand: central may not")
        await pilot.press("j", "j", "enter")
        await sees(pilot, "⊘ refused")
        await pilot.press("escape", "n")
        await sees(pilot, "filter name=ship6")


async def test_a_node_leads_to_its_messages() -> None:
    async with console(fleet()) as pilot:
        await sees(pilot, "ship3")
        await pilot.press("j", "j", "j", "enter")
        await sees(pilot, "filter node=ship3")
        await until(pilot, lambda: rows_of(pilot) == {"ship3"}, "only ship3's")
        await pilot.press("escape")
        await until(pilot, lambda: len(rows_of(pilot)) > 3, "all again")


def rows_of(pilot: Pilot[Any]) -> set[str]:
    return {row.to_node for row in pilot.app.screen.query_one(Table).rows}


async def test_the_filter_narrows_with_every_key_and_esc_takes_it_away() -> None:
    async with console(fleet()) as pilot:
        await sees(pilot, "9 nodes")
        await pilot.press("slash")
        await types(pilot, "ship")
        await sees(pilot, "8 of 9 nodes")
        await pilot.press("enter", "z")
        await sees(pilot, "5 of 9 nodes")
        await pilot.press("z", "escape")
        await sees(pilot, "9 nodes")
        assert "filter" not in shown(pilot.app).splitlines()[1]


async def test_a_lost_daemon_shows_a_banner_and_comes_back() -> None:
    daemon = fleet()
    async with console(daemon) as pilot:
        await sees(pilot, "ship8")
        daemon.die()
        await sees(pilot, "trying again by itself")
        await sees(pilot, "ship8")
        await pilot.press("j", "h")
        await sees(pilot, "no daemon answers")
        daemon.alive = True
        await until(pilot, lambda: "trying again" not in shown(pilot.app), "reconnected")


async def test_it_starts_without_a_daemon_and_says_what_to_do() -> None:
    daemon = FakeDaemon(alive=False)
    async with console(daemon, SMALL) as pilot:
        await sees(pilot, "start one with: steward node")
        await sees(pilot, "No daemon answers: the roster will be here when one does.")
        await pilot.press("2", "4", "3")


async def test_empty_screens_teach() -> None:
    async with console(FakeDaemon(), SMALL) as pilot:
        await sees(pilot, "steward node --node ship1 --central central")
        await pilot.press("2")
        await sees(pilot, "steward send ship1 -- uptime")
        await pilot.press("4")
        await sees(pilot, "Whatever fails on any node is reported here")


async def test_what_the_daemon_cannot_answer_is_a_notice_not_a_crash() -> None:
    async with console(Refusing(fleet().nodes)) as pilot:
        await sees(pilot, "the store is damaged [/oops]")


async def test_an_error_about_a_message_that_central_does_not_know() -> None:
    daemon = fleet()
    daemon.errors[0]["messageId"] = "not-ours"
    async with console(daemon) as pilot:
        await pilot.press("4")
        await sees(pilot, "disk [/dev/sda1] is full")
        await pilot.press("enter")
        await sees(pilot, "no message not-ours")


async def test_read_only_has_no_key_that_changes_anything() -> None:
    daemon = fleet()
    async with console(daemon, read_only=True) as pilot:
        await sees(pilot, "ship1")
        await pilot.press("h", "X", "H", "c", "3", "2")
        await sees(pilot, "▶ running")
        await pilot.press("K", "R", "c", "enter", "K")
        await sees(pilot, "timeline")
        assert "3 Compose" not in shown(pilot.app)
        assert "cancel" not in shown(pilot.app).splitlines()[-1]
    asked = {name for name, _ in daemon.asked}
    assert asked <= {"status", "watch", "nodes", "node", "messages", "message", "errors", "follow"}


async def test_the_cursor_stays_on_its_message_when_new_ones_come() -> None:
    daemon = fleet()
    async with console(daemon, SMALL) as pilot:
        await pilot.press("2")
        await sees(pilot, "▶ running")
        await pilot.press("j", "j")
        table = pilot.app.screen.query_one(Table)
        here = table.current_key
        fresh = message(0, "ship2", "queued", ["new"]) | {"id": "fresh"}
        daemon.messages.insert(0, fresh | {"times": {"accepted": stamp(daemon.now)}})
        daemon.tell(messages=["fresh"])
        await until(pilot, lambda: len(table.rows) == 41, "the new one")
        assert (table.current_key, table.cursor) == (here, 3)


async def test_ten_thousand_nodes_scroll_and_filter() -> None:
    daemon = FakeDaemon({f"n{i}": node(f"n{i}") for i in range(10_000)})
    async with console(daemon) as pilot:
        await sees(pilot, "10,000 nodes")
        await pilot.press("G")
        await sees(pilot, "n9999")
        await pilot.press("g", "slash")
        await types(pilot, "n777")
        await sees(pilot, "11 of 10,000 nodes")


async def test_older_messages_come_when_somebody_scrolls_to_them() -> None:
    daemon = FakeDaemon()
    daemon.messages = [
        message(n % 900, "ship1", "succeeded", [f"job {n}"]) | {"id": f"m{n}"} for n in range(500)
    ]
    async with console(daemon) as pilot:
        await pilot.press("2")
        await sees(pilot, "200 of 500 messages")
        await pilot.press("G")
        await sees(pilot, "400 of 500 messages")
        await pilot.press("G")
        await sees(pilot, "500 messages")


async def test_without_colours_the_chosen_row_is_still_marked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with console(fleet(), SMALL) as pilot:
        await sees(pilot, "▌ ● online")
        await pilot.press("t")
        await sees(pilot, "▌ ● online")


async def test_ctrl_c_closes_nothing_and_says_what_does() -> None:
    async with console(fleet(), settings=Settings(keymap=Keymap({"quit": ("Q",)}))) as pilot:
        await sees(pilot, "ship1")
        await pilot.press("ctrl+c")
        await told(pilot, "ctrl+q closes the console, and Q where no text is typed")
