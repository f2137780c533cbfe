"""What is asked of nodes: a sign of life, their processes; and the pane that shows it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.console.conftest import console, sees, shown, told, types, until
from tests.console.fake import NOON, FakeDaemon, stamp
from tests.console.test_hostile import NASTY, assert_tame
from tests.console.well import process, well
from tests.console.world import fleet, message, node
from tui import detail, pings, rows
from tui.board import Opened
from tui.ink import plain, width
from tui.pings import Ping
from tui.screens.message import MessagePage

LARGE = (160, 48)


async def pinged(daemon: FakeDaemon, pilot: Pilot[Any], count: int = 1) -> list[dict[str, Any]]:
    """The messages that went out."""
    await until(pilot, lambda: daemon.asked_for("wait"), "asked")
    found = [one for one in daemon.messages if one["method"] == "Ping"]
    assert len(found) == count
    return sorted(found, key=lambda one: str(one["toNode"]))


def answer(sent: dict[str, Any], seconds: float) -> None:
    """The node's receipt came after so many seconds."""
    times = {"accepted": stamp(NOON), "sent": stamp(NOON), "ended": stamp(NOON + seconds)}
    sent.update(state="succeeded", confirmed=True, attempts=1, times=times)


async def test_a_ping_tells_how_long_the_answer_took() -> None:
    daemon = fleet()
    async with console(daemon, LARGE) as pilot:
        await sees(pilot, "ship1")
        await pilot.press("j", "p")
        (sent,) = await pinged(daemon, pilot)
        assert (sent["toNode"], sent["commandOrEvent"], sent["data"]) == ("ship1", "EventACK", [])
        assert sent["ttl"] == 30.0
        await sees(pilot, "ping: 0 of 1 answered")
        await sees(pilot, "asked 0s ago")
        answer(sent, 0.612)
        await sees(pilot, "ship1 answered in 612 ms")
        await sees(pilot, "ping      612 ms, 0s ago")
        assert "of 1 answered" not in shown(pilot.app)


async def test_no_answer_says_when_the_node_was_seen_last() -> None:
    daemon = fleet()
    async with console(daemon, LARGE) as pilot:
        await sees(pilot, "ship3")
        await pilot.press("j", "j", "j", "p")
        (sent,) = await pinged(daemon, pilot)
        sent.update(state="expired")
        await sees(pilot, "ship3: no answer in 30 s; last seen 1 h 2 min")
        await sees(pilot, "no answer, 0s ago")


async def test_several_are_asked_at_once_and_told_of_once() -> None:
    daemon = fleet()
    async with console(daemon, LARGE) as pilot:
        await sees(pilot, "ship4")
        await pilot.press("j", "space", "space", "space", "space", "p")
        sent = await pinged(daemon, pilot, 4)
        answer(sent[0], 0.03)
        await sees(pilot, "ping: 1 of 4 answered")
        answer(sent[1], 1.4)
        answer(sent[3], 0.1)
        sent[2].update(state="undelivered")
        text = "ship1 30 ms, ship2 1.40 s, ship4 100 ms; no answer from ship3"
        await told(pilot, text)


async def test_while_one_answer_is_awaited_another_can_be_asked_for() -> None:
    daemon = fleet()
    async with console(daemon, LARGE) as pilot:
        await sees(pilot, "ship4")
        await pilot.press("j", "p", "j", "p")
        await until(pilot, lambda: len(daemon.asked_for("wait")) == 2, "both")
        await sees(pilot, "ping: 0 of 2 answered")
        for sent in await pinged(daemon, pilot, 2):
            answer(sent, 0.2)
        await sees(pilot, "ship2 answered in 200 ms")


async def test_a_held_node_is_said_to_be_held_and_the_others_are_asked() -> None:
    daemon = fleet()
    async with console(daemon) as pilot:
        await sees(pilot, "ship5")
        await pilot.press("j", "j", "j", "j", "j", "p")
        await sees(pilot, "ship5 is held: nothing is sent there")
        await pilot.pause()
        assert daemon.asked_for("submit") == []
        await pilot.press("space", "space", "p")
        (sent,) = await pinged(daemon, pilot)
        assert sent["toNode"] == "ship6"


async def test_without_a_broker_nobody_is_asked() -> None:
    daemon = fleet()
    daemon.status = {"broker": {"connected": False, "error": "refused"}}
    async with console(daemon) as pilot:
        await sees(pilot, "ship5")
        await pilot.press("p")
        await sees(pilot, "there is no link to the broker")
    assert daemon.asked_for("submit") == []


async def test_very_many_are_asked_after_a_question() -> None:
    daemon = FakeDaemon({f"n{i}": node(f"n{i}") for i in range(12)})
    async with console(daemon) as pilot:
        await sees(pilot, "12 nodes")
        await pilot.press("a", "p")
        await sees(pilot, "Ping 12 nodes?")
        await pilot.press("y")
        for n, sent in enumerate(await pinged(daemon, pilot, 12)):
            answer(sent, 0.1 + n / 10)
        await sees(pilot, "12 of 12 answered, in 100 ms to 1.20 s")


async def test_a_daemon_that_goes_away_meanwhile_is_a_notice() -> None:
    daemon = fleet()
    async with console(daemon) as pilot:
        await sees(pilot, "ship1")
        await pilot.press("j", "p")
        await pinged(daemon, pilot)
        daemon.die()
        await sees(pilot, "trying again by itself")
        await until(pilot, lambda: "ping:" not in shown(pilot.app), "not awaited any more")


async def test_processes_are_asked_for_and_the_answer_is_opened() -> None:
    daemon = fleet()
    async with console(daemon, LARGE) as pilot:
        await sees(pilot, "ship2")
        await pilot.press("j")
        await sees(pilot, "not asked for yet: P asks")
        await pilot.press("P")
        await until(pilot, lambda: isinstance(pilot.app.screen, MessagePage), "the message")
        (sent,) = daemon.asked_for("submit")[0]["messages"]
        assert (sent["method"], sent["commandOrEvent"]) == ("ListProcesses", "CommandACK")
        answered = [process("ship9.CommandACK.ShellCommand"), process("Result", "terminated")]
        daemon.messages[0].update(
            state="succeeded",
            times={"accepted": stamp(NOON - 301), "ended": stamp(NOON - 300)},
            result={"stdout": json.dumps(answered)},
        )
        await pilot.press("escape")
        daemon.tell(nodes=["ship1"])
        await sees(pilot, "── processes 5m ago, P asks anew")
        await sees(pilot, "✗ terminated")


async def test_the_daemons_own_processes_are_on_the_health_screen() -> None:
    daemon = fleet()
    daemon.health = well()
    async with console(daemon, LARGE) as pilot:
        await sees(pilot, "── processes ──")
        await pilot.press("P")
        await sees(pilot, "8: 1 terminated")
    assert daemon.asked_for("submit") == []


async def test_sorting_goes_through_the_columns_and_the_heading_shows_it() -> None:
    async with console(fleet(), LARGE) as pilot:
        await sees(pilot, "NODE ↑")
        firsts = {
            "STATE ↑": "ship7", "SEEN↓": "ship8", "QUEUED↓": "ship5", "UNDER WAY↓": "ship1",
            "RUNS↓": "ship1", "OLDEST↓": "ship3", "ERRORS, 1 H ↓": "ship6",
        }  # fmt: skip
        for heading, first in firsts.items():
            await pilot.press("s")
            await sees(pilot, heading)
            await until(pilot, lambda first=first: _first(pilot) == first, first)  # type: ignore[misc]
        await pilot.press("s")
        await sees(pilot, "NODE ↑")


def _first(pilot: Pilot[Any]) -> str:
    return str(pilot.app.screen.query_one("#rows").rows[0].name)  # type: ignore[attr-defined]


async def test_the_oldest_grows_while_nothing_happens() -> None:
    daemon = fleet()
    async with console(daemon, LARGE) as pilot:
        await sees(pilot, "1h")
        daemon.now += 7200
        await sees(pilot, "3h")


async def test_marks_filter_and_problems_narrow_what_a_key_does() -> None:
    daemon = fleet()
    async with console(daemon, LARGE) as pilot:
        await sees(pilot, "9 nodes")
        await pilot.press("slash")
        await types(pilot, "env=test")
        await pilot.press("enter")
        await sees(pilot, "2 of 9 nodes")
        await pilot.press("a")
        await sees(pilot, "2 marked")
        await pilot.press("p")
        sent = await pinged(daemon, pilot, 2)
        assert [one["toNode"] for one in sent] == ["ship2", "ship4"]
        await pilot.press("u")
        await until(pilot, lambda: "marked" not in shown(pilot.app), "no marks")


@pytest.mark.parametrize(
    ("state", "more", "words"),
    [
        ("succeeded", {"attempts": 3}, "n answered in 1.50 s, at attempt 3"),
        ("expired", {}, "n: no answer in 30 s; last seen 6 s ago"),
        ("refused", {"reason": "not permitted"}, "n: refused: not permitted"),
        ("cancelled", {}, "n: cancelled: no reason is known"),
    ],
)
def test_a_ping_in_words(state: str, more: dict[str, Any], words: str) -> None:
    times = {"accepted": stamp(NOON), "sent": stamp(NOON), "ended": stamp(NOON + 1.5)}
    ended = rows.read(rows.MessageRow, {"id": "x", "state": state, "times": times} | more)
    row = rows.read(rows.NodeRow, node("n"))
    assert pings.sentence(Ping("n", NOON, ended), row, NOON) == words
    never = rows.read(rows.NodeRow, node("n", lastSeen=None))
    assert pings.sentence(Ping("n", NOON), never, NOON) == "n: no answer in 30 s; never seen"


def test_names_of_many_are_a_number() -> None:
    names = [f"n{i}" for i in range(30)]
    text = pings.summary([Ping(name, NOON) for name in names], {}, NOON)
    assert text == "no answer from n0, n1, n2 and 27 more"
    assert pings.held(names[:2]).startswith("n0, n1 are held")


@pytest.mark.parametrize("word", NASTY)
def test_a_hostile_nodes_pane_is_tame_and_fits(word: str) -> None:
    sent = message(0, "x", "succeeded", [word], method="ListProcesses")
    sent["result"] = {"stdout": json.dumps([{"name": word, "state": word}, word, [word]])}
    ended = rows.read(rows.MessageRow, sent)
    row = rows.read(rows.NodeRow, node(word, version=word, labels={word: word}, alarm=word))
    ping = pings.shown(Ping(word, NOON, ended), NOON)
    for whole in (None, Opened(row, None, (ended,), ended), Opened(row, (word, 3), (), None)):
        for line in detail.node(row, whole, fleet().clock, 42, ping):
            assert width(line) <= 42, plain(line)


async def test_a_node_that_answers_nonsense() -> None:
    daemon = fleet()
    sent = message(0, "ship1", "succeeded", [], method="ListProcesses")
    sent["result"] = {"stdout": NASTY[0]}
    daemon.messages.append(sent)
    async with console(daemon, LARGE) as pilot:
        await pilot.press("j")
        await sees(pilot, "what it answered cannot be read here")
        assert_tame(pilot.app)


async def test_a_console_that_is_read_only_asks_nothing_of_anybody() -> None:
    daemon = fleet()
    daemon.health = well()
    async with console(daemon, LARGE, read_only=True) as pilot:
        await sees(pilot, "ship1")
        await pilot.press("j", "p", "P", "6")
        await sees(pilot, "✗ terminated")
        await pilot.press("S", "c")
        await pilot.pause()
    asked = {name for name, _ in daemon.asked}
    assert asked <= {"status", "watch", "nodes", "node", "messages", "health", "follow"}
