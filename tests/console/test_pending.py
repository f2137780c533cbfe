"""Screen 7: who waits to be accepted, and the operator's word on it, with the fingerprint whole."""

from __future__ import annotations

from typing import Any

import pytest
from textual.pilot import Pilot

from tests.console.conftest import console, sees, shown, told, types, until
from tests.console.fake import FakeDaemon
from tests.console.test_hostile import FORBIDDEN, NASTY, assert_tame
from tests.console.well import well
from tests.console.world import KEYS, fleet, joining, newcomer
from tui import bars, filters, pending, question, rows
from tui.app import Console
from tui.board import Board
from tui.ink import EMPTY, plain, width
from tui.pending import PendingRow
from tui.screens.confirm import Confirm
from tui.screens.pending import PendingPage
from tui.stakes import Stake

SMALL = (80, 24)
LARGE = (160, 48)


def introduced() -> tuple[PendingRow, ...]:
    """An alarm, one who waits, one who was refused."""
    found = joining().on_pending()["pending"]
    return pending.ordered(rows.read(PendingRow, one) for one in found)


# ---------------------------------------------------------------- pure parts


def test_alarms_come_first_then_who_has_waited_longest_then_who_was_refused() -> None:
    late = rows.read(PendingRow, newcomer("late", KEYS[4], first=joining().now))
    found = pending.ordered([late, *reversed(introduced())])
    assert [row.name for row in found] == ["ship2", "ship11", "late", "old-laptop"]


def test_the_hint_counts_those_who_wait_and_is_nothing_where_nobody_does() -> None:
    alarm, waits, refused = introduced()
    assert pending.note([refused], "7") == pending.brief([], "7") == EMPTY
    assert plain(pending.note([waits, refused], "7")) == "◇ 1 node waits to be accepted: 7"
    assert plain(pending.note([alarm, waits], "7")) == "⚠ 2 nodes wait to be accepted: 7"
    assert plain(pending.brief([alarm, waits], "7")) == "⚠ 2 wait: 7"


@pytest.mark.parametrize("cells", [80, 120, 160])
def test_the_header_is_as_it_was_until_somebody_waits(cells: int) -> None:
    daemon = joining()
    board = Board(connected=True, status=rows.read(rows.Status, daemon.on_status()))
    before = plain(bars.header(board, daemon.clock, cells))
    assert "wait" not in before
    board.pending = introduced()
    after = bars.header(board, daemon.clock, cells)
    assert "⚠ 2 wait: 7" in plain(after)
    assert width(after) == cells


@pytest.mark.parametrize("cells", [42, 60, 78, 160])
def test_the_entry_has_every_fingerprint_whole_and_folds_the_rest(cells: int) -> None:
    clock = joining().clock
    for row in introduced():
        lines = pending.entry(row, clock, cells, "a")
        assert all(width(line) <= cells for line in lines)
        text = "\n".join(map(plain, lines))
        assert row.fingerprint in text
        assert row.known in text
        assert ("has another key already" in " ".join(text.split())) == row.conflict


def test_a_filter_finds_by_name_state_fingerprint_and_label() -> None:
    for typed, names in {
        "ship": ["ship2", "ship11"],
        "state=conflict": ["ship2"],
        "state=refused": ["old-laptop"],
        "site=bergen": ["ship11"],
        KEYS[1]: ["old-laptop"],
    }.items():
        keeps = filters.parse(typed).keeps
        found = [r.name for r in introduced() if keeps(pending.as_text(r), pending.fields(r))]
        assert found == names, typed


def test_the_command_line_that_does_the_same_names_the_fingerprint() -> None:
    alarm, waits, _ = introduced()
    line = "steward nodes accept --state-dir /s {} --fingerprint {}{}"
    where = ["--state-dir", "/s"]
    assert pending.command(waits, where) == line.format("ship11", KEYS[0], "")
    assert pending.command(alarm, where) == line.format("ship2", KEYS[2], " --replace")


@pytest.mark.parametrize("height", [24, 48])
def test_the_question_shows_what_has_to_be_compared_and_with_what(height: int) -> None:
    alarm, waits, refused = introduced()
    for row in (alarm, waits, refused):
        asked = pending.accepting(row, joining().clock)
        text = " ".join(" ".join(map(plain, question.lines(asked, height))).split())
        assert row.fingerprint in text
        assert f"{row.name} itself shows: steward keys show" in text
        assert asked.stake is (Stake.COUNT if row.conflict else Stake.YES)
        assert ("refused before" in text) is not row.waits
    text = " ".join(map(plain, question.lines(pending.accepting(alarm, joining().clock), height)))
    assert f"⚠ ship2 has another key already: {KEYS[3]}" in text
    assert "Type ship2 and press enter" in text


def test_that_a_name_was_sent_away_before_is_said() -> None:
    row = rows.read(PendingRow, newcomer("ship4", KEYS[0], revoked=True))
    clock = joining().clock
    for lines in (pending.entry(row, clock, 78, "a"), pending.accepting(row, clock).then):
        assert "⚠ a key of ship4 was revoked before" in "\n".join(map(plain, lines))
    assert "revoked" not in "\n".join(map(plain, pending.entry(introduced()[1], clock, 78, "a")))


def test_only_the_very_name_is_a_yes() -> None:
    asked = pending.accepting(introduced()[0], joining().clock)
    assert question.is_right(asked, " ship2 ")
    for typed in ("", "1", "y", "SHIP2", "ship", "ship22"):
        assert not question.is_right(asked, typed)
    assert plain(question.wrong(asked, "y")) == "y is not ship2: nothing was done"
    assert plain(question.wrong(asked, " ")) == "no name: nothing was done"


# ---------------------------------------------------------------- with the keyboard


async def at_pending(pilot: Pilot[Any], *keys: str) -> None:
    await sees(pilot, "⚠ 2 nodes wait to be accepted: 7")
    await pilot.press("7")
    await sees(pilot, "▌ ⚠ conflict")
    await pilot.press(*keys)


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_from_nodes_to_an_accepted_node_are_three_keys_and_the_answer(
    size: tuple[int, int],
) -> None:
    daemon = joining()
    async with console(daemon, size) as pilot:
        await at_pending(pilot, "j", "a")
        await sees(pilot, "Accept ship11 with this key?")
        await sees(pilot, f"  {KEYS[0]}  ")
        await pilot.press("y")
        await told(pilot, "ship11 is accepted")
        await until(pilot, lambda: "ship11" not in shown(pilot.app).split("is accepted")[0], "gone")
        await sees(pilot, "⚠ 1 wait")
    asked = {"name": "ship11", "fingerprint": KEYS[0], "replace": False}
    assert daemon.asked_for("accept") == [asked]


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_every_fingerprint_stands_there_whole(size: tuple[int, int]) -> None:
    daemon = joining()
    daemon.pending.append(newcomer("a-node-with-a-very-long-name-" * 4, KEYS[4]))
    async with console(daemon, size) as pilot:
        await sees(pilot, "wait to be accepted: 7")
        await pilot.press("7")
        for one in daemon.pending:
            await sees(pilot, one["fingerprint"])
        await sees(pilot, f"ship2 has another key already: {KEYS[3]}")


@pytest.mark.parametrize("no", ["enter", "n", "escape", "q"])
async def test_no_is_the_default(no: str) -> None:
    daemon = joining()
    async with console(daemon) as pilot:
        await at_pending(pilot, "j")
        for key, word in (("a", "Accept ship11"), ("x", "Refuse ship11")):
            await pilot.press(key)
            await sees(pilot, word)
            await pilot.press(no)
            await until(pilot, lambda: isinstance(pilot.app.screen, PendingPage), "no question")
    assert daemon.asked_for("accept") == daemon.asked_for("refuse") == []


async def test_another_key_takes_a_names_place_only_when_the_name_is_typed() -> None:
    daemon = joining()
    async with console(daemon, SMALL) as pilot:
        await at_pending(pilot, "a")
        await sees(pilot, f"⚠ ship2 has another key already: {KEYS[3]}")
        await pilot.press("y", "enter")
        await sees(pilot, "y is not ship2: nothing was done")
        assert daemon.asked_for("accept") == []
        await pilot.press("backspace")
        await types(pilot, "ship2")
        await pilot.press("enter")
        await told(pilot, "ship2 is accepted")
    asked = {"name": "ship2", "fingerprint": KEYS[2], "replace": True}
    assert daemon.asked_for("accept") == [asked]


async def test_who_is_refused_can_still_be_accepted() -> None:
    daemon = joining()
    async with console(daemon) as pilot:
        await at_pending(pilot, "j", "x")
        await sees(pilot, "It can still be accepted later.")
        await pilot.press("y")
        await told(pilot, "ship11 is refused")
        await sees(pilot, "1 waits, 2 refused")
        await pilot.press("x")
        await told(pilot, "ship11 is refused already: a accepts it")
        await pilot.press("a")
        await sees(pilot, "It was refused before.")
        await pilot.press("y")
        await told(pilot, "ship11 is accepted")
    assert len(daemon.asked_for("refuse")) == 1


async def test_what_the_daemon_will_not_do_is_said_as_it_says_it() -> None:
    daemon = joining()
    async with console(daemon) as pilot:
        await at_pending(pilot, "j", "a")
        await sees(pilot, "Accept ship11")
        daemon.pending[0] |= {"conflict": True, "known": KEYS[4]}
        await pilot.press("y")
        await told(pilot, f"ship11 is in use with another key, {KEYS[4]}. find out why")
        await until(pilot, lambda: shown(pilot.app).count("⚠ conflict") >= 2, "what it is now")
        daemon.pending.clear()
        await pilot.press("g", "x", "y")
        await told(pilot, "has introduced itself. steward nodes pending")
        await sees(pilot, "No node waits to be accepted.")


async def test_a_console_that_is_read_only_looks_and_does_nothing() -> None:
    daemon = joining()
    async with console(daemon, LARGE, read_only=True) as pilot:
        await at_pending(pilot, "j", "a", "x", "y")
        await sees(pilot, "▌ ◇ pending")
        await pilot.pause(0.2)
        assert not isinstance(pilot.app.screen, Confirm)
        text = shown(pilot.app)
        for words in ("a accept", "x refuse", "accepts it"):
            assert words not in text
    assert daemon.asked_for("accept") == daemon.asked_for("refuse") == []


async def test_a_node_that_comes_and_one_that_is_decided_elsewhere_are_heard_of() -> None:
    daemon = joining()
    waiting, daemon.pending = daemon.pending[:1], []
    async with console(daemon) as pilot:
        await sees(pilot, "ship8")
        assert "accepted" not in shown(pilot.app)
        daemon.pending = waiting
        daemon.tell(nodes=["ship11"])
        await sees(pilot, "◇ 1 node waits to be accepted: 7")
        await pilot.press("7")
        await sees(pilot, "▌ ◇ pending")
        daemon.pending = []
        daemon.tell(nodes=["ship11"])
        await sees(pilot, "No node waits to be accepted.")


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ({}, "Trust is off: no node waits"),
        ({"trusted": True, "node": "ship1"}, "central decides who belongs."),
    ],
)
async def test_only_where_it_is_decided_is_anybody_asked_who_waits(
    status: dict[str, Any], said: str
) -> None:
    daemon = joining()
    daemon.status = status
    async with console(daemon, SMALL) as pilot:
        await pilot.press("7")
        await sees(pilot, said)
        daemon.tell(nodes=["ship11"])
        await pilot.press("a", "x", "y", "Y", "enter")
        await pilot.pause(0.3)
        app = pilot.app
        assert isinstance(app, Console)
        await until(pilot, lambda: not app.desk.link.busy, "nothing is waited for")
    assert daemon.asked_for("pending") == []


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_a_node_that_waits_itself_shows_its_fingerprint_whole(size: tuple[int, int]) -> None:
    daemon = fleet()
    standing = f"waiting to be accepted at central; its fingerprint is {KEYS[0]}"
    broker = {"connected": False, "error": "authorization violation"}
    daemon.status = {"trusted": True, "node": "ship1", "standing": standing, "broker": broker}
    daemon.health = well()
    async with console(daemon, size) as pilot:
        await sees(pilot, "Waiting to be accepted at central")
        await sees(pilot, KEYS[0])
        await pilot.press("6")
        await sees(pilot, "◇ waiting to be accepted")
        await until(pilot, lambda: shown(pilot.app).count(KEYS[0]) == 2, "it once more")


async def test_an_empty_screen_says_how_a_node_joins() -> None:
    daemon = fleet()
    daemon.status = {"trusted": True}
    async with console(daemon, SMALL) as pilot:
        await pilot.press("7")
        for words in ("No node waits", "steward keys token", "steward keys join -", "press a"):
            await sees(pilot, words)


@pytest.mark.parametrize("typed", ["pending", "go.pending", "pend"])
async def test_it_is_found_by_its_name(typed: str) -> None:
    async with console(joining()) as pilot:
        await pilot.press("4", "colon")
        await types(pilot, typed)
        await pilot.press("enter")
        await sees(pilot, "▌ ⚠ conflict")


async def test_it_is_filtered_copied_and_composed_to() -> None:
    async with console(joining()) as pilot:
        app = pilot.app
        await at_pending(pilot, "slash", *"bergen", "enter")
        await sees(pilot, "▌ ◇ pending")
        await sees(pilot, "1 waits")
        await pilot.press("y")
        await until(pilot, lambda: app.clipboard == f"ship11 {KEYS[0]}", "copied")
        await pilot.press("Y")
        line = f"steward nodes accept ship11 --fingerprint {KEYS[0]}"
        await until(pilot, lambda: app.clipboard == line, "the command line")
        await pilot.press("c")
        await sees(pilot, "What will happen")
        assert isinstance(app, Console)
        assert app.desk.draft.to == "ship11"


# ---------------------------------------------------------------- whatever it says of itself


def hostile() -> FakeDaemon:
    """Newcomers each of whose words is the worst that we know."""
    daemon = joining()
    daemon.pending = [
        newcomer(
            word, word, known=word, version=word, machine=word, state=state,
            conflict=state == "pending", revoked=True, labels={word: word, "env": word},
        )
        for word in NASTY for state in ("pending", word)
    ]  # fmt: skip
    return daemon


@pytest.mark.parametrize("size", [SMALL, (120, 34)])
async def test_a_newcomers_words_stay_words(size: tuple[int, int]) -> None:
    daemon = hostile()
    async with console(daemon, size) as pilot:
        await sees(pilot, "nodes wait to be accepted")
        await pilot.press("7")
        await sees(pilot, "▌ ⚠ conflict")
        for _ in NASTY:
            for key in ("a", "escape", "x"):
                await pilot.press(key)
                assert_tame(pilot.app)
            await pilot.press("escape", "j")
        await pilot.press("G", "a")
        assert_tame(pilot.app)
        await pilot.press("escape", "y", "Y")
        await pilot.pause(0.2)
        assert_tame(pilot.app)
    assert daemon.asked_for("accept") == daemon.asked_for("refuse") == []


def test_nor_does_what_is_made_of_them_get_to_the_terminal() -> None:
    daemon = hostile()
    for one in daemon.pending:
        row = rows.read(PendingRow, one)
        lines = [
            *pending.entry(row, daemon.clock, 60, "a"),
            *pending.cells(row, daemon.clock).values(),
        ]
        for asked in (pending.accepting(row, daemon.clock), pending.refusing(row, daemon.clock)):
            lines += [*question.lines(asked, 24), question.wrong(asked, one["name"])]
        for line in lines:
            assert not FORBIDDEN.search(plain(line)), repr(line)
        assert not FORBIDDEN.search(pending.command(row))
