"""Every key that the help names does what it says, on every screen, mapped or not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.console.conftest import console, sees, shown, types, until
from tests.console.jobs_world import jobs_fleet
from tests.console.world import fleet
from tui import actions, keymap
from tui.app import PLACES, Console
from tui.keymap import Keymap
from tui.registry import ACTIONS, EVERYWHERE, LISTS, TEXTS, Action
from tui.screens.job import JobPage
from tui.screens.message import MessagePage
from tui.screens.page import Page
from tui.settings import Settings
from tui.widgets.cards import Cards
from tui.widgets.lines import Lines
from tui.widgets.table import Table

DOERS: Mapping[str, tuple[type, ...]] = {place: (page,) for place, page in PLACES.items()} | {
    "message": (MessagePage,),
    "job": (JobPage,),
    LISTS: (Table, Cards),
    TEXTS: (Lines,),
    EVERYWHERE: (Console,),
}
SCREENS = (*PLACES, "message", "job")
MAPPED = Keymap(
    {
        "message.cancel": ("ctrl+k",),
        "node.hold": ("X",),
        "node.clear": ("h", "f7"),
        "help": ("f3",),
        "move.down": ("w",),
        "quit": ("Q",),
        "go.nodes": ("f11",),
        "draft.send": ("ctrl+g",),
    }
)


def test_every_action_has_its_handler() -> None:
    lacking = [
        (action.id, doer.__name__)
        for action, doer in doers()
        if not callable(getattr(doer, action.handler, None))
    ]
    assert lacking == []


def doers() -> Iterator[tuple[Action, type]]:
    for action in ACTIONS:
        for where in action.where:
            for doer in DOERS[where]:
                yield action, doer


@pytest.mark.parametrize("mapped", [Keymap(), MAPPED])
def test_no_key_means_two_things_in_one_place(mapped: Keymap) -> None:
    assert keymap.clash(mapped) is None


async def opened(pilot: Pilot[Any], place: str) -> None:
    app = pilot.app
    assert isinstance(app, Console)
    await until(pilot, lambda: app.desk.board.nodes_read, "the roster")
    page = app.screen
    assert isinstance(page, Page)
    if place == "message":
        page.post_message(page.MessageChosen(fleet().messages[4]["id"]))
        await sees(pilot, "timeline")
    elif place == "job":
        page.post_message(page.JobChosen(jobs_fleet().on_jobs()["jobs"][0]["job"]))
    else:
        app.go(place)
    await until(pilot, lambda: isinstance(app.screen, DOERS[place]), place)
    await pilot.pause()


@pytest.mark.parametrize("mapped", [Keymap(), MAPPED], ids=["plain", "mapped"])
@pytest.mark.parametrize("place", SCREENS)
async def test_every_key_in_the_help_reaches_its_handler(
    place: str, mapped: Keymap, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    daemon = jobs_fleet() if place in ("jobs", "job") else fleet()
    async with console(daemon, settings=Settings(keymap=mapped)) as pilot:
        await opened(pilot, place)
        for action, doer in doers():
            note = lambda self, *_, id=action.id: done.append(id)  # noqa: E731
            monkeypatch.setattr(doer, action.handler, note, raising=False)
        for _, found in actions.help_groups(place, mapped, read_only=False):
            for shown_keys, action in found:
                assert shown_keys
                for key in mapped.of(action):
                    if place == "compose" and keymap.field_takes(key):
                        continue
                    done.clear()
                    await pilot.press(key)
                    await pilot.pause()
                    assert action.id in done, (key, action.id)


async def test_a_key_that_was_mapped_away_does_nothing() -> None:
    async with console(fleet(), settings=Settings(keymap=MAPPED)) as pilot:
        await opened(pilot, "nodes")
        await pilot.press("question_mark", "1")
        assert isinstance(pilot.app.screen, PLACES["nodes"])
        await pilot.press("f3")
        await sees(pilot, "Everywhere")
        assert "f3" in shown(pilot.app)


async def test_letters_that_keys_were_mapped_to_are_still_typed() -> None:
    async with console(fleet(), settings=Settings(keymap=MAPPED)) as pilot:
        await pilot.press("slash")
        await types(pilot, "Qw")
        await sees(pilot, "filter Qw")


async def test_the_help_of_each_screen_names_each_of_its_keys() -> None:
    async with console(fleet()) as pilot:
        for place in ("nodes", "messages", "compose", "errors", "health", "pending"):
            await opened(pilot, place)
            await pilot.press("f1")
            await until(pilot, lambda: pilot.app.screen.query(Lines), "the help")
            lines = pilot.app.screen.query_one(Lines).lines
            text = "\n".join("".join(span.text for span in line) for line in lines)
            for action in actions.of(place):
                if Keymap().shown(action, typing=place == "compose"):
                    assert action.help in text
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(pilot.app.screen, Page), "the screen")
