"""Lists that come page by page: the console reads on by itself, and keeps what it has found."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.console.conftest import console, sees, shown, types, until
from tests.console.fake import FakeDaemon
from tests.console.world import error, fleet, message
from tui.screens import paged
from tui.screens.paged import PagedPage


class Slow(FakeDaemon):
    """Its further pages come when they may."""

    gate: asyncio.Event

    async def on_messages(self, **asked: Any) -> Any:
        if "cursor" in asked:
            await self.gate.wait()
        return super().on_messages(**asked)


def sea(count: int = 400) -> FakeDaemon:
    """Many messages, of which the oldest but four is another one."""
    daemon = fleet()
    daemon.messages = [message(n, f"ship{n % 3}", "succeeded", ["uptime"]) for n in range(count)]
    daemon.messages[-5].update(data=["find", "needle"])
    return daemon


def page(pilot: Pilot[Any]) -> PagedPage:
    found = pilot.app.screen
    assert isinstance(found, PagedPage)
    return found


def rows(pilot: Pilot[Any]) -> int:
    return len(page(pilot).table.rows)


async def filtered(pilot: Pilot[Any], text: str) -> None:
    await pilot.press("slash")
    await types(pilot, text)


async def test_a_search_goes_on_by_itself_says_how_far_and_when_all_was_seen() -> None:
    daemon = Slow(fleet().nodes, sea().messages, looks=30)
    daemon.gate = asyncio.Event()
    async with console(daemon) as pilot:
        await pilot.press("2")
        await sees(pilot, "of 400 messages")
        await filtered(pilot, "needle")
        await until(pilot, lambda: "searching back to 2026-03-12 08:00" in shown(pilot.app), "how")
        assert "Nothing here" not in shown(pilot.app)
        daemon.gate.set()
        await sees(pilot, "find needle")
        await sees(pilot, "all searched")
        await sees(pilot, "1 message")
    asked = [one for one in daemon.asked_for("messages") if one.get("text") == ["needle"]]
    cursors = [one["cursor"] for one in asked if "cursor" in one]
    assert cursors == [str(n) for n in range(371, 1, -30)]


async def test_without_a_hit_it_says_so_only_when_all_was_seen() -> None:
    daemon = sea()
    daemon.looks = 100
    async with console(daemon) as pilot:
        await pilot.press("2")
        await filtered(pilot, "nowhere")
        await sees(pilot, "Nothing here with: filter nowhere")
        await sees(pilot, "all searched")


async def test_what_was_found_further_back_outlives_new_messages() -> None:
    daemon = sea()
    daemon.looks = 100
    async with console(daemon) as pilot:
        await pilot.press("2")
        await filtered(pilot, "needle")
        await sees(pilot, "all searched")
        count = len(daemon.asked_for("messages"))
        fresh = message(900, "ship1", "queued", ["another", "needle"])
        daemon.messages.insert(0, fresh)
        daemon.tell(messages=None)
        await sees(pilot, "another needle")
        assert rows(pilot) == 2
        again = daemon.asked_for("messages")[count:]
        assert all("cursor" not in asked for asked in again)


async def test_a_search_ends_with_its_filter_and_with_its_screen() -> None:
    daemon = sea(3000)
    daemon.looks = 2
    async with console(daemon) as pilot:
        await pilot.press("2")
        await filtered(pilot, "needle")
        await until(pilot, lambda: len(daemon.asked_for("messages")) > 5, "a search")
        await pilot.press("backspace")
        await until(
            pilot, lambda: "needl" in daemon.asked_for("messages")[-1].get("text", ()), "the other"
        )
        await pilot.press("enter", "1")
        await sees(pilot, "QUEUED")
        await asyncio.sleep(0.3)  # what was under way
        asked = daemon.asked_for("messages")
        await asyncio.sleep(0.3)
        assert daemon.asked_for("messages") == asked


async def test_what_only_the_console_can_filter_is_looked_through_up_to_a_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(paged, "LOOKED", 800)
    daemon = sea(2000)
    async with console(daemon) as pilot:
        await pilot.press("2")
        await sees(pilot, "of 2,000 messages")
        field = page(pilot).query_one("#filter")
        await pilot.press("slash")
        field.value = "~ne+dle"  # type: ignore[attr-defined]
        await sees(pilot, "G goes on")
        assert len(page(pilot).held().rows) == 800
        await pilot.press("enter", "G")
        await until(pilot, lambda: len(page(pilot).held().rows) == 1600, "further ones")
        await sees(pilot, "G goes on")
        await pilot.press("G")
        await sees(pilot, "find needle")
        await sees(pilot, "all searched")


async def test_going_down_brings_the_next_page_before_the_last_row_is_reached() -> None:
    daemon = sea(1000)
    async with console(daemon) as pilot:
        await pilot.press("2")
        await sees(pilot, "200 of 1,000 messages")
        await pilot.press("G")
        await sees(pilot, "400 of 1,000 messages")
        assert page(pilot).table.cursor == 199
        await pilot.press("s")
        await until(pilot, lambda: "needle" in shown(pilot.app), "the oldest first")
        await pilot.press("G")
        await sees(pilot, "400 of 1,000 messages")


async def test_errors_of_a_level_are_looked_for_by_the_daemon() -> None:
    daemon = fleet()
    many = [error(n, "ship1", "info", "all is well", "") for n in range(500, 1, -1)]
    daemon.errors = [*many, error(1, "ship6", "critical", "fire in the hold", "run")]
    daemon.looks = 100
    async with console(daemon) as pilot:
        await pilot.press("4")
        await sees(pilot, "all is well")
        await pilot.press("l")
        await sees(pilot, "fire in the hold")
        await sees(pilot, "all searched")
        await pilot.press("f")
        daemon.errors.insert(0, error(501, "ship2", "error", "one more", ""))
        daemon.tell(errors=1)
        await sees(pilot, "paused, 1 new")
    levels = [asked.get("level") for asked in daemon.asked_for("errors")]
    assert levels[-1] == ["critical", "error", "warning"]


async def test_a_list_holds_no_output_and_a_copied_command_has_all_of_the_data(
    tmp_path: Path,
) -> None:
    daemon = fleet()
    daemon.messages[4]["data"] = ["echo", "word " * 500]
    async with console(daemon, folder=tmp_path) as pilot:
        await pilot.press("2")
        await sees(pilot, "echo word")
        held = {row.id: row for row in page(pilot).held().rows}
        assert not any({"stdout", "stderr"} & (row.result or {}).keys() for row in held.values())
        assert held[daemon.messages[4]["id"]].data_cut
        await pilot.press("j", "j", "j", "j", "Y")
        copied = tmp_path / "copied.txt"
        await until(pilot, copied.exists, "the copy")
        assert copied.read_text().count("word") == 500
        await pilot.press("enter")
        await sees(pilot, "engine.log")
