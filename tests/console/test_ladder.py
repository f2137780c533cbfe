"""Confirmation grows with what is at stake: nothing, y or N, the count; the same for every deed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from textual.pilot import Pilot

from steward.errors import StewardError
from tests.console.conftest import console, sees, shown, told, types, until
from tests.console.fake import FakeDaemon
from tests.console.test_compose import composed, sent
from tests.console.world import message, node
from tui import question, rows
from tui.ink import plain, say, width
from tui.question import Question
from tui.rows import NodeRow
from tui.screens.confirm import Confirm
from tui.stakes import Deed, Stake, stake

NODES = {
    row.name: row
    for row in (
        *(rows.read(NodeRow, node(f"ship{n}")) for n in range(20)),
        rows.read(NodeRow, node("prod1", labels={"env": "prod"})),
        rows.read(NodeRow, node("away", "offline")),
        rows.read(NodeRow, node("name", neverSeen=True)),
    )
}
TEN = [f"ship{n}" for n in range(10)]
ELEVEN = [f"ship{n}" for n in range(11)]


@pytest.mark.parametrize(
    ("names", "messages", "needed"),
    [
        (["ship1"], 1, Stake.NONE),
        (["away"], 1, Stake.YES),
        (["never-seen"], 1, Stake.YES),
        (["ship1"], 2, Stake.YES),
        (TEN, 10, Stake.YES),
        (ELEVEN, 11, Stake.COUNT),
        (["ship1"], 11, Stake.COUNT),
        (["prod1"], 1, Stake.COUNT),
        (["ship1", "prod1"], 2, Stake.COUNT),
    ],
)
def test_the_ladder(names: Sequence[str], messages: int, needed: Stake) -> None:
    assert stake(Deed.SEND, names, NODES, messages) is needed
    for deed in (Deed.REPEAT, Deed.RETRY, Deed.CANCEL, Deed.CLEAR):
        assert stake(deed, names, NODES, messages) is max(needed, Stake.YES)
    if len(names) > 1:
        assert stake(Deed.RELEASE, names, NODES, messages) is needed
        assert stake(Deed.HOLD, names, NODES, messages) is Stake.YES


@pytest.mark.parametrize("name", ["ship1", "away", "prod1"])
def test_to_hold_or_release_one_node_is_a_key_pressed_twice(name: str) -> None:
    assert stake(Deed.HOLD, [name], NODES) is Stake.NONE
    assert stake(Deed.RELEASE, [name], NODES, 500) is Stake.NONE


@pytest.mark.parametrize("height", [24, 30, 48])
@pytest.mark.parametrize("needed", [Stake.YES, Stake.COUNT])
def test_the_dialog_fits_its_screen_and_says_what_it_leaves_out(height: int, needed: Stake) -> None:
    what = [(say("ShellCommand " + "x" * 1000),)]
    asked = Question(
        "Sure? " * 20, needed, 43, what, question.nodes(NODES, NODES), [(say("then"),)]
    )
    text = question.lines(asked, height)
    assert len(text) <= max(height * 9 // 10 - question.TAKEN, 16)
    assert all(width(line) <= question.CELLS for line in text)
    listed = [line for line in text if plain(line).startswith("  ") and "more" not in plain(line)]
    left_out = len(NODES) - len(listed)
    assert (f"… and {left_out} more" in "\n".join(map(plain, text))) == (left_out > 0)


def test_production_comes_first_and_names_are_in_the_order_that_people_expect() -> None:
    named = [plain(line).split()[0] for line in question.nodes(NODES, NODES)]
    assert named[:4] == ["prod1", "away", "name", "ship0"]
    assert named[-1] == "ship19"


@pytest.mark.parametrize(
    ("waiting", "running", "sure", "said"),
    [
        (1, 0, True, "It waits: it ends here."),
        (3, 0, True, "3 wait: they end here."),
        (0, 1, True, "It runs: it is killed, unsaved work of its own is lost."),
        (1, 2, True, "1 waits: it ends here. 2 run: they are killed, unsaved work of theirs is"),
        (0, 2, False, "2 are under way: if they run by now, they are killed"),
    ],
)
def test_what_becomes_of_the_cancelled(waiting: int, running: int, sure: bool, said: str) -> None:
    assert said in " ".join(map(plain, question.endings(waiting, running, sure=sure)))


def calm() -> FakeDaemon:
    """Twelve nodes that nobody depends on, one that somebody does, and messages of all sorts."""
    nodes = [node(f"tug{n}", queued=n) for n in range(12)]
    nodes.append(node("prod", labels={"env": "prod"}))
    states = ["queued"] * 11 + ["running", "failed"]
    daemon = FakeDaemon({row["name"]: row for row in nodes})
    daemon.messages = [message(n, f"tug{n % 12}", s, ["true"]) for n, s in enumerate(states)]
    return daemon


@asynccontextmanager
async def opened(daemon: FakeDaemon, *keys: str) -> AsyncIterator[Pilot[Any]]:
    """A small console, these keys pressed, and the question there."""
    async with console(daemon, (80, 24)) as pilot:
        await until(pilot, lambda: pilot.app.desk.board.nodes_read, "the roster")  # type: ignore[attr-defined]  # Pilot doesn't say whose app it is
        await pilot.press(*keys)
        await until(pilot, lambda: isinstance(pilot.app.screen, Confirm), "the question")
        yield pilot


async def left(pilot: Pilot[Any]) -> None:
    await until(pilot, lambda: not isinstance(pilot.app.screen, Confirm), "the question is gone")


async def at_messages(pilot: Pilot[Any], *keys: str) -> None:
    await pilot.press("2")
    await sees(pilot, "▶ running")
    await pilot.press(*keys)


@pytest.mark.parametrize("no", ["enter", "n", "escape", "q"])
async def test_no_is_the_default(no: str) -> None:
    daemon = calm()
    async with console(daemon) as pilot:
        await at_messages(pilot, "K")
        await sees(pilot, "Cancel this message?")
        await sees(pilot, "It waits: it ends here.")
        await pilot.press(no)
        await left(pilot)
    assert daemon.asked_for("cancel") == []


async def test_a_key_pressed_twice_asks_once() -> None:
    daemon = calm()
    async with console(daemon) as pilot:
        await at_messages(pilot, "K", "K")
        await sees(pilot, "Cancel this message?")
        await pilot.press("y")
        await left(pilot)
        await until(pilot, lambda: daemon.asked_for("cancel"), "cancelled")
    assert len(daemon.asked_for("cancel")) == 1


async def test_some_are_cancelled_with_y_and_it_says_what_that_means() -> None:
    daemon = calm()
    async with console(daemon) as pilot:
        await at_messages(pilot, *["j"] * 10, "space", "space", "K")
        await sees(pilot, "Cancel these 2 messages?")
        await sees(pilot, "1 runs: it is killed, unsaved work of its own is lost.")
        await sees(pilot, "tug10  ◌ queued")
        await pilot.press("y")
        await until(pilot, lambda: daemon.asked_for("cancel"), "cancelled")
        await sees(pilot, "2 cancelled")


async def test_many_are_cancelled_only_with_their_number() -> None:
    daemon = calm()
    async with console(daemon, (80, 24)) as pilot:
        await at_messages(pilot, "a", "K")
        await sees(pilot, "Type 12 and press enter")
        await sees(pilot, "more")
        await pilot.press("y", "enter")
        await sees(pilot, "y is not 12: nothing was done")
        assert pilot.app.screen.query_one("#count").has_class("wrong")
        await pilot.press("backspace", "1", "3")
        assert not pilot.app.screen.query_one("#count").has_class("wrong")
        await pilot.press("enter")
        await sees(pilot, "13 is not 12: nothing was done")
        assert daemon.asked_for("cancel") == []
        await pilot.press("backspace", "2", "enter")
        await until(pilot, lambda: daemon.asked_for("cancel"), "cancelled")
    assert len(daemon.asked_for("cancel")[0]["ids"]) == 12


async def test_nothing_is_asked_where_nothing_can_be_cancelled() -> None:
    daemon = calm()
    async with console(daemon) as pilot:
        await at_messages(pilot, "G", "K")
        await sees(pilot, "Nothing to cancel")


async def test_one_is_sent_again_after_y_and_opens() -> None:
    daemon = calm()
    async with console(daemon) as pilot:
        await at_messages(pilot, "G", "R")
        await sees(pilot, "Send this again?")
        await sees(pilot, "what was done before is not undone")
        await pilot.press("y")
        await sees(pilot, "again of")


async def test_one_that_has_not_ended_may_be_done_twice() -> None:
    async with console(calm()) as pilot:
        await at_messages(pilot, "R")
        await sees(pilot, "It has not ended yet, and may be done twice.")


async def test_one_node_is_held_and_released_without_a_question() -> None:
    daemon = calm()
    async with console(daemon) as pilot:
        await sees(pilot, "tug1")
        await pilot.press("j", "h")
        await sees(pilot, "tug0: held until you press h again")
        await sees(pilot, "▌ ● ‖ held")
        await pilot.press("h")
        await sees(pilot, "tug0: released")


async def test_to_hold_and_release_in_one_breath_is_both() -> None:
    daemon = calm()
    async with console(daemon) as pilot:
        await sees(pilot, "tug1")
        await pilot.press("j", "h", "h")
        await told(pilot, "tug0: released")
        assert [method for method, _ in daemon.asked if method in ("hold", "release")] == [
            "hold",
            "release",
        ]
        await until(pilot, lambda: "● ‖ held" not in shown(pilot.app), "it is as it was")


async def test_a_hold_that_failed_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(self: FakeDaemon, nodes: list[str] | None = None) -> None:
        raise StewardError("the disk is full", "make room")

    daemon = calm()
    monkeypatch.setattr(FakeDaemon, "on_hold", refuses)
    async with console(daemon) as pilot:
        await sees(pilot, "tug1")
        await pilot.press("j", "h")
        await told(pilot, "the disk is full. make room")
        await pilot.press("h")
        await until(pilot, lambda: len(daemon.asked_for("hold")) == 2, "held once more")


async def test_holding_is_never_more_than_y_and_releasing_many_is_the_count() -> None:
    daemon = calm()
    async with opened(daemon, "a", "h") as pilot:
        await sees(pilot, "Hold the queues of 13 nodes?")
        await sees(pilot, "prod   ● online      env=prod")
        await sees(pilot, "Nothing new is sent to them; what runs goes on.")
        await pilot.press("y")
        await until(pilot, lambda: daemon.nodes["tug11"]["held"], "held")
        await sees(pilot, "‖ held")
        await pilot.press("h")
        await sees(pilot, "Release the queues of 13 nodes?")
        await sees(pilot, "66 messages that wait for them go out now.")
        await sees(pilot, "Type 13 and press enter")
        await types(pilot, "13")
        await pilot.press("enter")
        await until(pilot, lambda: daemon.asked_for("release"), "released")


async def test_the_red_button_is_one_y_and_letting_go_takes_the_count() -> None:
    daemon = calm()
    async with opened(daemon, "4", "H") as pilot:
        await sees(pilot, "Hold the whole fleet, 13 nodes?")
        await pilot.press("y")
        await until(pilot, lambda: daemon.asked_for("hold") == [{"all": True}], "held")
        await sees(pilot, "The fleet is held")
        await until(
            pilot,
            lambda: all(row.held for row in pilot.app.desk.board.nodes.values()),  # type: ignore[attr-defined]  # as above
            "heard of it",
        )
        await pilot.press("H")
        await sees(pilot, "Release the whole fleet, 13 nodes?")
        await sees(pilot, "Type 13")
        await pilot.press("enter")
        await sees(pilot, "no number: nothing was done")
        await pilot.press("escape")
        await left(pilot)
    assert daemon.asked_for("release") == []


async def test_clearing_asks_for_the_number_of_messages() -> None:
    daemon = calm()
    daemon.nodes["tug3"] |= {"underWay": 1}
    async with console(daemon) as pilot:
        await sees(pilot, "tug11")
        await pilot.press("j", "X")
        await sees(pilot, "Nothing waits for tug0")
        await pilot.press("j", "j", "j", "X")
        await sees(pilot, "Cancel all 4 messages to tug3?")
        await sees(pilot, "3 wait: they end here.")
        await sees(pilot, "1 is under way: if it runs by now, it is killed")
        await pilot.press("y")
        await until(pilot, lambda: daemon.asked_for("clear") == [{"nodes": ["tug3"]}], "cleared")
        await pilot.press("G", "X")
        await sees(pilot, "Cancel all 11 messages to tug11?")
        await sees(pilot, "Type 11 and press enter")


async def test_one_node_of_production_takes_its_number() -> None:
    daemon = calm()
    async with console(daemon, (80, 24)) as pilot:
        await composed(pilot, "prod", "reboot")
        await sees(pilot, "asks for the number, 1, then sends it")
        await pilot.press("enter")
        await sees(pilot, "Send this to prod?")
        await sees(pilot, 'ShellCommand ["reboot"]')
        await pilot.press("y", "enter")
        await sees(pilot, "y is not 1: nothing was done")
        assert daemon.asked_for("submit") == []
        await pilot.press("backspace", "1", "enter")
        await sent(pilot, daemon)


async def test_a_large_selection_is_listed_in_part() -> None:
    daemon = FakeDaemon({f"n{i}": node(f"n{i}") for i in range(43)})
    async with console(daemon, (80, 24)) as pilot:
        await composed(pilot, "n*", "uptime")
        await pilot.press("enter")
        await sees(pilot, "Send this to 43 nodes?")
        found = shown(pilot.app)
        assert "n0" in found
        assert "n42" not in found
        listed = sum("● online" in line for line in found.splitlines())
        assert f"… and {43 - listed} more" in found


async def test_where_a_fleet_is_unknown_there_is_nothing_to_hold() -> None:
    async with console(FakeDaemon()) as pilot:
        await pilot.press("H")
        await sees(pilot, "There is no node to hold yet")
