"""The whole output of a message: fetched, checked, waited for, given up, searched."""

from __future__ import annotations

import pytest
from textual.widgets import Input

from tests.console.conftest import console, sees, types, until
from tests.console.far import WHOLE, far, opens
from tests.console.world import fleet

SMALL, LARGE = (80, 24), (160, 48)


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_f_fetches_all_and_checks_it(size: tuple[int, int]) -> None:
    daemon = far()
    async with console(daemon, size) as pilot:
        page = await opens(pilot)
        await pilot.press("o")
        await sees(pilot, "F fetches all")
        await pilot.press("F")
        await sees(pilot, "sha256 ")
        await sees(pilot, "agrees")
        await sees(pilot, "line 000000")
        assert page.exported()[1] == WHOLE
        await pilot.press("F")
        await sees(pilot, "This is all of its output")
        await pilot.press("G")
        await sees(pilot, "stderr empty")
        await sees(pilot, "line 021999")
        await pilot.resize_terminal(100, 30)
        await sees(pilot, "agrees")


async def test_what_was_fetched_and_is_not_as_announced_is_said() -> None:
    async with console(far(stdoutSha256="00" * 32), LARGE) as pilot:
        await opens(pilot)
        await pilot.press("F")
        await sees(pilot, "not what was announced")
        await sees(pilot, "SHA-256")


async def test_a_node_that_is_away_is_waited_for_and_esc_stops_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("steward.control.whole_output.PATIENCE", 0.01)
    daemon = far()
    daemon.is_away = True
    daemon.nodes["ship1"]["state"] = "offline"
    async with console(daemon, LARGE) as pilot:
        page = await opens(pilot)
        await pilot.press("F")
        await sees(pilot, "fetching 0.0 of 1.0 MiB")
        await sees(pilot, "ship1 has the rest and is offline")
        await pilot.press("escape")
        await sees(pilot, "F goes on")
        assert pilot.app.screen is page
        await until(pilot, lambda: daemon.cancelled == list(daemon.reads), "taken back")
        daemon.is_away = False
        await pilot.press("F")
        await sees(pilot, "agrees")
        await pilot.press("escape")
        await sees(pilot, "HOW FAR")


async def test_leaving_ends_the_fetching() -> None:
    daemon = far()
    daemon.is_away = True
    async with console(daemon, LARGE) as pilot:
        await opens(pilot)
        await pilot.press("F")
        await sees(pilot, "fetching")
        await pilot.press("1")
        await until(pilot, lambda: len(daemon.cancelled) == len(daemon.reads) > 0, "taken back")


async def test_without_a_daemon_the_fetching_says_so_and_goes_on_later() -> None:
    daemon = far()
    async with console(daemon, LARGE) as pilot:
        page = await opens(pilot)
        daemon.die()
        await sees(pilot, "gone for")
        await pilot.press("F")
        await sees(pilot, "no daemon answers")
        await sees(pilot, "F goes on")
        daemon.alive = True
        await until(pilot, lambda: page.desk.board.connected, "the daemon")
        await pilot.press("F")
        await sees(pilot, "agrees")


async def test_there_is_nothing_to_fetch_before_the_end() -> None:
    async with console(fleet(), LARGE) as pilot:
        await opens(pilot)
        await pilot.press("F")
        await sees(pilot, "There is no result yet")


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_a_search_goes_from_place_to_place(size: tuple[int, int]) -> None:
    async with console(far(), size) as pilot:
        page = await opens(pilot)
        await pilot.press("F")
        await sees(pilot, "agrees")
        await pilot.press("slash")
        await types(pilot, "LINE 0217")
        await sees(pilot, "1 of 100")
        await sees(pilot, "line 021700")
        await pilot.press("enter", "n", "n")
        await sees(pilot, "3 of 100")
        await pilot.press("N", "N", "N")
        await sees(pilot, "100 of 100")
        await sees(pilot, "line 021799")
        await pilot.press("slash")
        await types(pilot, "nowhere")
        await sees(pilot, "not there")
        await pilot.press("escape")
        await pilot.pause()
        assert not page.query_one("#searching").display
        assert pilot.app.screen is page
        await pilot.press("n")
        assert page.query_one("#search", Input).has_focus
