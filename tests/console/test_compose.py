"""Compose, with the keyboard alone: whom, what, what will happen, sent, and once more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.console.conftest import console, sees, shown, types, until
from tests.console.fake import FakeDaemon
from tests.console.world import fleet, node
from tui.draft import Draft
from tui.screens.compose import ComposePage
from tui.screens.confirm import Confirm
from tui.screens.message import MessagePage

SMALL = (80, 24)
LARGE = (160, 48)


def value(pilot: Pilot[Any], field: str) -> str:
    return pilot.app.screen.query_one(f"#{field}", Input).value


async def sent(pilot: Pilot[Any], daemon: FakeDaemon, count: int = 1) -> dict[str, Any]:
    await until(pilot, lambda: len(daemon.asked_for("submit")) == count, "sent")
    return daemon.asked_for("submit")[-1]


async def composed(pilot: Pilot[Any], to: str, text: str) -> None:
    """The form filled in, from any screen."""
    await pilot.press("3")
    await until(pilot, lambda: isinstance(pilot.app.screen, ComposePage), "compose")
    await pilot.press("f8")
    await types(pilot, to)
    await pilot.press("enter")
    await types(pilot, text)


async def followed(pilot: Pilot[Any]) -> None:
    await until(pilot, lambda: isinstance(pilot.app.screen, MessagePage), "its view")


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_from_a_node_it_takes_one_key_the_command_and_enter(size: tuple[int, int]) -> None:
    daemon = fleet()
    async with console(daemon, size) as pilot:
        await sees(pilot, "ship2")
        await pilot.press("j", "j", "c")
        await sees(pilot, "What will happen")
        await types(pilot, "uname -a")
        for words in (
            "1 of 9 matches",
            "ship2 is online: goes out now",
            '["uname", "-a"]',
            "steward send ship2 -- uname -a",
            "sends it",
        ):
            await sees(pilot, words)
        await pilot.press("enter")
        await followed(pilot)
        await sees(pilot, '["uname", "-a"]')
    body = {"data": ["uname", "-a"], "commandOrEvent": "CommandACK", "method": "ShellCommand"}
    assert daemon.asked_for("submit") == [{"messages": [{"toNode": "ship2", **body}], "job": None}]


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_what_happens_at_each_of_many_nodes_is_said(size: tuple[int, int]) -> None:
    daemon = fleet()
    async with console(daemon, size) as pilot:
        await composed(pilot, "ship* ship9", "df -h | sort")
        for words in (
            "8 of 9 match, 6 not online" if size == SMALL else "8 of 9 match, 1 stale, 1 unheard",
            "9 nodes: 3 now, 2 tried now, 4 later",
            "‖ ship5 (12 before it)",
            "○ ship3 (offline, 4 before it)",
            "? ship9",
            "env=prod: ship1, ship3, ship5",
            "no shell reads '|'",
            "steward send 'ship*,ship9' -- df -h '|' sort",
            "asks for the number, 9, then sends it",
        ):
            await sees(pilot, words)


async def test_a_small_screen_says_what_it_leaves_out_and_scrolls_to_it() -> None:
    daemon = FakeDaemon({f"node{n}": node(f"node{n}") for n in range(200)})
    async with console(daemon, SMALL) as pilot:
        await composed(pilot, "node*", "uptime")
        await sees(pilot, "200 nodes: 200 now")
        await sees(pilot, "steward send 'node*' -- uptime")
        await sees(pilot, "more: all of them below")
        await sees(pilot, "▾ ")
        assert "node199" not in shown(pilot.app)
        for _ in range(12):
            await pilot.press("pagedown")
        await sees(pilot, "node199")
        assert "▾" not in shown(pilot.app)
        await types(pilot, " -p")
        assert value(pilot, "text") == "uptime -p"


async def test_a_name_is_completed_with_tab_or_right_and_never_by_mistake() -> None:
    daemon = FakeDaemon({name: node(name) for name in ("ship1", "ship10", "ship12", "tug")})
    daemon.nodes["tug"]["labels"] = {"env": "test", "site": "north sea"}
    daemon.groups = {"harbour": ["tug"]}
    async with console(daemon) as pilot:
        await pilot.press("3")
        await types(pilot, "s")
        await sees(pilot, "→ ship1   or  ship10  ship12")
        await pilot.press("tab")
        assert value(pilot, "to") == "ship1"
        await sees(pilot, "1 of 4 matches")
        await pilot.press("tab")  # a whole name: nothing is suggested, tab goes on
        assert pilot.app.screen.query_one("#method").has_focus
        await pilot.press("shift+tab")
        for typed, taken in (
            (",tu", "ship1,tug"),
            (" e", "ship1,tug env="),
            ("t", "ship1,tug env=test"),
            (" site=n", "ship1,tug env=test site=north?sea"),
            (" @h", "ship1,tug env=test site=north?sea @harbour"),
        ):
            await types(pilot, typed)
            await sees(pilot, "→ " + taken.split()[-1].split(",")[-1])
            await pilot.press("right")
            assert value(pilot, "to") == taken
        await types(pilot, " nothing-like-this")
        await pilot.press("tab")
        assert pilot.app.screen.query_one("#method").has_focus


async def test_each_method_has_its_field_and_ping_has_none() -> None:
    daemon = fleet()
    async with console(daemon) as pilot:
        await composed(pilot, "ship2", "")
        await pilot.press("shift+tab", "right")
        await sees(pilot, "what its text log is to say")
        await pilot.press("enter")
        await types(pilot, "refuelled")
        await sees(pilot, r"--method TextLogging --kind"[:21])
        await sees(pilot, r"$'refuelled\n'")
        await pilot.press("shift+tab", "right")
        await sees(pilot, "ListProcesses, CommandACK")
        await pilot.press("enter", "ctrl+u")
        await sees(pilot, "--method ListProcesses")
        await pilot.press("shift+tab", "right")
        await sees(pilot, "steward send ship2 --kind EventACK --method Ping")
        assert not pilot.app.screen.query_one("#text-field").display
        await pilot.press("enter")
        (message,) = (await sent(pilot, daemon))["messages"]
    assert (message["method"], message["data"]) == ("Ping", [])


async def test_options_are_folded_away_and_travel_when_set() -> None:
    daemon = fleet()
    async with console(daemon, SMALL) as pilot:
        await composed(pilot, "ship2", "uptime")
        assert "Retries" not in shown(pilot.app)
        await pilot.press("f2")
        await sees(pilot, "Retries")
        await types(pilot, "soon")
        await sees(pilot, "timeout is 'soon', not a duration")
        await pilot.press("ctrl+u")
        await types(pilot, "90s")
        await pilot.press("enter")
        await types(pilot, "3")
        await sees(pilot, "steward send ship2 --timeout 90s --retries 3 -- uptime")
        await pilot.press("f2")
        assert "Retries" not in shown(pilot.app)
        await sees(pilot, "timeout 90.0, retries 3")
        await pilot.press("f5")
        (message,) = (await sent(pilot, daemon))["messages"]
    assert (message["timeout"], message["retries"]) == (90.0, 3)


async def test_a_name_that_none_can_have_and_a_pattern_without_a_match_are_said() -> None:
    daemon = fleet()
    async with console(daemon) as pilot:
        await composed(pilot, "tug*", "uptime")
        await sees(pilot, "tug* matches no node")
        await pilot.press("enter")
        await sees(pilot, "see 1 Nodes")
        await pilot.press("f8")
        await types(pilot, "ship.1")
        await sees(pilot, "'ship.1' is not a node name")
    assert daemon.asked_for("submit") == []


async def test_a_broker_that_is_down_and_a_message_sent_once_are_warned_of() -> None:
    daemon = fleet()
    daemon.status = {"broker": {"connected": False}}
    async with console(daemon) as pilot:
        await composed(pilot, "ship2", "uptime")
        await sees(pilot, "the broker is down: it is kept")
        await pilot.press("f2", "shift+tab", "shift+tab", "right", "right")
        await sees(pilot, "sent once: ship2 may well miss it")


async def test_many_nodes_are_sent_to_as_a_job_that_opens() -> None:
    daemon = fleet()
    async with console(daemon) as pilot:
        await composed(pilot, "env=test ship9", "uptime")
        await pilot.press("enter")
        await sees(pilot, "Send this to 3 nodes?")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, ComposePage), "no is the default")
        assert daemon.asked_for("submit") == []
        await pilot.press("f5")
        await sees(pilot, "Send this to 3 nodes?")
        await pilot.press("y")
        given = await sent(pilot, daemon)
        await until(pilot, lambda: not isinstance(pilot.app.screen, ComposePage), "the job")
    assert [one["toNode"] for one in given["messages"]] == ["ship2", "ship4", "ship9"]
    assert given["job"]


async def test_thousands_are_handed_in_in_parts_of_one_job() -> None:
    daemon = FakeDaemon({f"n{i}": node(f"n{i}") for i in range(2500)})
    async with console(daemon) as pilot:
        await composed(pilot, "n*", "uptime")
        await sees(pilot, "2,500 nodes")
        await pilot.press("enter")
        await sees(pilot, "Type 2500")
        await types(pilot, "2500")
        await pilot.press("enter")
        await sent(pilot, daemon, 3)
    parts = daemon.asked_for("submit")
    assert [len(part["messages"]) for part in parts] == [1000, 1000, 500]
    assert len({part["job"] for part in parts}) == 1


async def test_a_refused_message_says_why_and_the_draft_stays() -> None:
    async with console(fleet()) as pilot:
        await composed(pilot, "ship2", "refuse-me")
        await pilot.press("enter")
        await sees(pilot, "Refused: queue full. wait")
        assert value(pilot, "text") == "refuse-me"


async def test_a_daemon_that_is_lost_meanwhile_is_said_and_the_draft_stays() -> None:
    daemon = fleet()
    async with console(daemon) as pilot:
        await composed(pilot, "ship2", "uptime")
        await sees(pilot, "goes out now")
        daemon.die()
        await sees(pilot, "trying again by itself")
        await pilot.press("enter")
        await sees(pilot, "no daemon answers")
        assert value(pilot, "text") == "uptime"


async def test_the_preview_follows_the_roster() -> None:
    daemon = fleet()
    async with console(daemon) as pilot:
        await composed(pilot, "ship*", "uptime")
        await sees(pilot, "8 nodes")
        daemon.nodes["ship77"] = node("ship77")
        daemon.tell(nodes=["ship77"])
        await sees(pilot, "9 nodes")
        daemon.nodes["ship77"] = node("ship77", "offline")
        daemon.tell(nodes=["ship77"])
        await sees(pilot, "○ ship77 (offline)")


async def test_the_last_one_is_repeated_from_anywhere_always_after_a_question() -> None:
    daemon = fleet()
    async with console(daemon) as pilot:
        await pilot.press("full_stop")
        await sees(pilot, "Nothing was sent from here yet")
        await composed(pilot, "ship2", "uptime")
        await pilot.press("enter")
        await followed(pilot)
        await pilot.press("4", "full_stop")
        await sees(pilot, "Send this once more to ship2?")
        await sees(pilot, 'ShellCommand ["uptime"]')
        await pilot.press("enter")
        await until(pilot, lambda: not isinstance(pilot.app.screen, Confirm), "no")
        await pilot.press("full_stop")
        await sees(pilot, "Send this once more to ship2?")
        await pilot.press("y")
        await followed(pilot)
    first, again = daemon.asked_for("submit")
    assert first["messages"] == again["messages"]


async def test_the_history_is_walked_searched_taken_and_left() -> None:
    async with console(fleet(), SMALL) as pilot:
        memory = pilot.app.desk.memory  # type: ignore[attr-defined]  # Pilot doesn't say whose
        memory.add(Draft("ship1", text="systemctl restart ais"), pilot.app.desk.clock.now() - 90)  # type: ignore[attr-defined]  # as above
        memory.add(Draft("ship2", text="df -h /", timeout="5"), pilot.app.desk.clock.now() - 60)  # type: ignore[attr-defined]  # as above
        memory.add(Draft("ship6", method="TextLogging", text="rested"), 5.0)
        await pilot.press("3", "tab", "tab")
        await pilot.press("up")
        await sees(pilot, "1 of 3")
        lines = shown(pilot.app).splitlines()
        order = [n for n, line in enumerate(lines) if "→ ship" in line]
        assert ["ship6" in lines[order[0]], "ship2" in lines[order[2]]] == [True, True]
        await pilot.press("up", "up", "down", "escape")
        assert "1 of 3" not in shown(pilot.app)
        assert value(pilot, "text") == ""
        await types(pilot, "rest")
        await pilot.press("up")
        await sees(pilot, "1 of 2")
        await types(pilot, "ai")
        await sees(pilot, "1 of 1")
        await pilot.press("enter")
        assert (value(pilot, "to"), value(pilot, "text")) == ("ship1", "systemctl restart ais")
        await pilot.press("ctrl+u")
        await types(pilot, "df")
        await pilot.press("up", "right")
        assert (value(pilot, "to"), value(pilot, "text")) == ("ship1", "df -h /")
        await sees(pilot, "steward send ship1 --timeout 5 -- df -h /")
        await pilot.press("f8", "up")
        await sees(pilot, "1 of 3")
        await pilot.press("up", "enter")
        assert (value(pilot, "to"), value(pilot, "text")) == ("ship1", "")


async def test_a_draft_outlives_its_screen_and_the_console(tmp_path: Path) -> None:
    daemon = fleet()
    async with console(daemon, folder=tmp_path) as pilot:
        await composed(pilot, "ship2", "uptime")
        await pilot.press("enter")
        await followed(pilot)
        await pilot.press("3")
        await types(pilot, "half a com")
        await pilot.press("escape", "3")
        await sees(pilot, "half a com")
        await pilot.press("escape")
        file = tmp_path / "console.json"
        await until(pilot, lambda: file.exists() and b"half a com" in file.read_bytes(), "kept")
    async with console(daemon, folder=tmp_path) as pilot:
        await pilot.press("3")
        assert (value(pilot, "to"), value(pilot, "text")) == ("ship2", "half a com")
        await pilot.press("ctrl+u", "up")
        await sees(pilot, "uptime")


async def test_a_damaged_history_is_a_notice_and_a_read_only_console_writes_none(
    tmp_path: Path,
) -> None:
    (tmp_path / "console.json").write_bytes(b"{{{")
    async with console(fleet(), folder=tmp_path) as pilot:
        await sees(pilot, "is damaged")
        await sees(pilot, "ship1")
    async with console(fleet(), folder=tmp_path, read_only=True) as pilot:
        await sees(pilot, "ship1")
        await pilot.press("3", "full_stop")
    assert [p.name for p in tmp_path.iterdir()] == ["console.json"]


async def test_what_is_pasted_becomes_one_line_that_can_be_seen() -> None:
    async with console(fleet()) as pilot:
        await composed(pilot, "ship2", "")
        pilot.app.screen.query_one("#text").post_message(_paste("a\tb\r\nc\x1b[2Jd\n"))
        await until(pilot, lambda: value(pilot, "text"), "pasted")
        assert value(pilot, "text") == "a b c␛[2Jd"


def _paste(text: str) -> Any:
    from textual.events import Paste

    return Paste(text)
