"""What is typed in one go does what it would do typed slowly."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from textual.events import Key
from textual.widgets import Input

from tests.console.conftest import console, sees, until
from tests.console.fake import FakeDaemon
from tests.console.world import fleet
from tui.screens.message import MessagePage


async def test_keys_that_come_all_at_once_wait_for_the_screen_that_they_are_for() -> None:
    daemon = fleet()
    async with console(daemon) as pilot:
        await sees(pilot, "ship8")
        keys = ["slash", *"ship2", "enter", "c", *"qKXhs"]
        for key in keys:
            pilot.app.post_message(Key(key, {"slash": "/", "enter": "\r"}.get(key, key)))
        await sees(pilot, "steward send ship2 -- qKXhs")
        assert pilot.app.screen.query_one("#text", Input).value == "qKXhs"
        pilot.app.post_message(Key("enter", "\r"))
        pilot.app.post_message(Key("J", "J"))
        await until(pilot, lambda: isinstance(pilot.app.screen, MessagePage), "sent")
    assert [one["toNode"] for one in daemon.asked_for("submit")[0]["messages"]] == ["ship2"]
    assert daemon.asked_for("hold") == []


async def test_the_answer_waits_for_a_question_that_the_daemon_is_asked_about_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer = FakeDaemon.call

    async def slowly(self: FakeDaemon, method: str, /, **params: Any) -> Any:
        if method == "resolve":
            await asyncio.sleep(0.2)
        return await answer(self, method, **params)

    monkeypatch.setattr(FakeDaemon, "call", slowly)
    daemon = fleet()
    async with console(daemon) as pilot:
        await sees(pilot, "ship8")
        for key in ["slash", *"ship3", "enter", "c", *"true", "enter", "1", "enter"]:
            pilot.app.post_message(Key(key, {"slash": "/", "enter": "\r"}.get(key, key)))
        await until(pilot, lambda: isinstance(pilot.app.screen, MessagePage), "sent")
    assert [one["data"] for one in daemon.asked_for("submit")[0]["messages"]] == [["true"]]
