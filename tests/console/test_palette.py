"""The palette and the command line, used with the keyboard."""

from __future__ import annotations

from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.console.conftest import console, sees, shown, types, until
from tests.console.world import fleet
from tui.keymap import Keymap
from tui.screens.command import CommandLine
from tui.screens.message import MessagePage
from tui.screens.messages import MessagesPage
from tui.screens.nodes import NodesPage
from tui.screens.palette import Palette
from tui.settings import Settings
from tui.widgets.table import Table

SMALL = (80, 24)


async def line(pilot: Pilot[Any], text: str) -> None:
    """Type it on the command line and press enter."""
    await pilot.press("colon")
    await until(pilot, lambda: isinstance(pilot.app.screen, CommandLine), "the command line")
    await types(pilot, text)
    await pilot.press("enter")
    await pilot.pause()


def typed(pilot: Pilot[Any]) -> str:
    return pilot.app.screen.query_one(Input).value


@pytest.mark.parametrize("size", [SMALL, (160, 48)])
async def test_the_palette_does_it_on_the_screen_below(size: tuple[int, int]) -> None:
    daemon = fleet()
    async with console(daemon, size) as pilot:
        await sees(pilot, "ship1")
        await pilot.press("j", "ctrl+p")
        await until(pilot, lambda: isinstance(pilot.app.screen, Palette), "the palette")
        await types(pilot, "hol")
        await sees(pilot, "Hold its queue, or release it")
        await pilot.press("enter")
        await until(pilot, lambda: daemon.nodes["ship1"]["held"], "held")


async def test_the_palette_is_walked_with_the_arrows_and_left_with_esc() -> None:
    async with console(fleet()) as pilot:
        await sees(pilot, "ship1")
        await pilot.press("ctrl+p")
        await types(pilot, "messages")
        table = pilot.app.screen.query_one(Table)
        ids = [match.action.id for match in table.rows]
        assert ids[:2] == ["go.messages", "open.node"]
        await pilot.press("down", "up", "down")
        assert table.cursor == 1
        await pilot.press("escape")
        assert isinstance(pilot.app.screen, NodesPage)
        await pilot.press("ctrl+p")
        await types(pilot, "qqqq")
        await sees(pilot, "Nothing that can be done here fits qqqq")
        await pilot.press("enter", "escape")
        assert isinstance(pilot.app.screen, NodesPage)


async def test_what_takes_an_argument_goes_on_on_the_command_line() -> None:
    async with console(fleet()) as pilot:
        await sees(pilot, "ship1")
        await pilot.press("ctrl+p")
        await types(pilot, "go to a node")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, CommandLine), "the line")
        assert typed(pilot) == "node "
        await types(pilot, "ship6")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, NodesPage), "the nodes")
        table = pilot.app.screen.query_one(Table)
        await until(pilot, lambda: table.current_key == "ship6", "ship6")


async def test_a_widgets_action_is_done_by_the_widget() -> None:
    async with console(fleet()) as pilot:
        await sees(pilot, "ship1")
        await line(pilot, "last")
        assert pilot.app.screen.query_one(Table).current_key == "ship8"


async def test_filter_sort_and_theme_by_name() -> None:
    async with console(fleet()) as pilot:
        await sees(pilot, "9 nodes")
        await line(pilot, "filter env=prod")
        await sees(pilot, "3 of 9 nodes")
        await line(pilot, "sort queued")
        await sees(pilot, "QUEUED")
        table = pilot.app.screen.query_one(Table)
        await until(pilot, lambda: table.rows[0].name == "ship5", "the fullest queue first")
        await line(pilot, "theme light")
        assert pilot.app.theme == "steward-light"
        await line(pilot, "theme drak")
        await sees(pilot, "No theme drak: did you mean 'dark'?")
        await line(pilot, "sort colour")
        await sees(pilot, "Nodes are not sorted by colour")


async def test_messages_are_sorted_newest_or_oldest_first() -> None:
    daemon = fleet()
    async with console(daemon) as pilot:
        await pilot.press("2")
        table = pilot.app.screen.query_one(Table)
        await until(pilot, lambda: table.rows and table.rows[0].state == "running", "the newest")
        await pilot.press("s")
        oldest = daemon.messages[-1]["id"]
        await until(pilot, lambda: table.rows[0].id == oldest, "the oldest")
        await line(pilot, "sort newest")
        await until(pilot, lambda: table.rows[0].state == "running", "the newest again")
        await line(pilot, "sort size")
        await sees(pilot, "Messages are not sorted by size")


async def test_nodes_and_messages_are_found_from_anywhere() -> None:
    daemon = fleet()
    id = daemon.messages[4]["id"]
    async with console(daemon) as pilot:
        await sees(pilot, "ship1")
        await pilot.press("4")
        await sees(pilot, "disk [/dev/sda1]")
        await line(pilot, f"message …{id[-8:]}")
        await until(pilot, lambda: isinstance(pilot.app.screen, MessagePage), "the message")
        await sees(pilot, "timeline")
        await pilot.press("escape")
        await line(pilot, "message zzz")
        await sees(pilot, "no message's id is zzz")
        await line(pilot, "message 0195943b")
        await sees(pilot, "40 messages' ids begin or end with")
        await line(pilot, "node shp1")
        await sees(pilot, "No node shp1: did you mean 'ship1'?")
        await line(pilot, "node ship")
        await sees(pilot, "8 of 9 nodes")


async def test_a_line_that_is_none_stays_and_says_why() -> None:
    async with console(fleet(), SMALL) as pilot:
        await sees(pilot, "ship1")
        await line(pilot, "hodl")
        await sees(pilot, "nothing is called 'hodl': did you mean hold")
        assert typed(pilot) == "hodl"
        await pilot.press("escape")
        assert isinstance(pilot.app.screen, NodesPage)


async def test_tab_completes_and_the_arrows_bring_earlier_lines() -> None:
    async with console(fleet(), SMALL) as pilot:
        await sees(pilot, "ship1")
        await line(pilot, "sort queued")
        await line(pilot, "theme light")
        await pilot.press("colon")
        await types(pilot, "thm")
        await pilot.press("tab")
        assert typed(pilot) == "theme "
        await types(pilot, "da")
        await pilot.press("tab")
        assert typed(pilot) == "theme dark"
        await pilot.press("up")
        assert typed(pilot) == "theme light"
        await pilot.press("up", "up")
        assert typed(pilot) == "sort queued"
        await pilot.press("down", "down")
        assert typed(pilot) == ""
        await types(pilot, "c")
        await pilot.press("tab")
        first = typed(pilot)
        await pilot.press("tab")
        assert typed(pilot) != first
        await pilot.press("shift+tab")
        assert typed(pilot) == first


async def test_a_read_only_console_offers_nothing_that_changes_anything() -> None:
    daemon = fleet()
    async with console(daemon, read_only=True) as pilot:
        await sees(pilot, "ship1")
        await pilot.press("ctrl+p")
        offered = pilot.app.screen.query_one(Table).rows
        assert offered
        assert not any(match.action.changes for match in offered)
        await pilot.press("escape")
        await line(pilot, "hold")
        await sees(pilot, "this console is read-only")


async def test_the_screen_below_goes_on() -> None:
    daemon = fleet()
    async with console(daemon) as pilot:
        await pilot.press("2")
        await sees(pilot, "▶ running")
        await pilot.press("colon")
        daemon.messages[0]["state"] = "failed"
        daemon.tell(messages=[daemon.messages[0]["id"]])
        await until(pilot, lambda: "▶ running" not in shown(pilot.app), "the change")
        await pilot.press("escape")
        assert isinstance(pilot.app.screen, MessagesPage)


async def test_mapped_keys_are_shown() -> None:
    mapped = Settings(keymap=Keymap({"node.hold": ("ctrl+k",), "go.messages": ("f11",)}))
    async with console(fleet(), settings=mapped) as pilot:
        await sees(pilot, "ctrl+k hold")
        await sees(pilot, "f11 Messages")
        await pilot.press("ctrl+p")
        await types(pilot, "hold")
        await sees(pilot, "ctrl+k")
