"""What is said before anything is sent: whom it means, what happens there, what was sent before."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.console.fake import NOON
from tests.console.world import node
from tui import completion, draft, fates, history, preview, rows
from tui.draft import Draft
from tui.fates import Fate
from tui.ink import Line, Tone, plain, width
from tui.memory import Sent
from tui.preview import Known
from tui.rows import NodeRow, Resolved
from tui.times import Clock

CLOCK = Clock(lambda: NOON)


def known(*nodes: dict[str, Any]) -> dict[str, NodeRow]:
    found = (rows.read(NodeRow, one) for one in nodes)
    return {row.name: row for row in found}


FLEET = known(
    node("now"),
    node("busy", queued=2, underWay=1),
    node("stale", "stale"),
    node("unheard", "unheard"),
    node("away", "offline"),
    node("held", held=True),
    node("two", "conflict", held=True),
    node("mere-name", neverSeen=True),
)


def text(lines: list[Line]) -> str:
    return "\n".join(map(plain, lines))


@pytest.mark.parametrize(
    ("name", "fate"),
    [
        ("now", Fate.NOW),
        ("busy", Fate.NOW),
        ("stale", Fate.STALE),
        ("unheard", Fate.UNHEARD),
        ("away", Fate.OFFLINE),
        ("held", Fate.HELD),
        ("two", Fate.CONFLICT),
        ("mere-name", Fate.UNSEEN),
        ("nobody", Fate.UNSEEN),
    ],
)
def test_each_node_has_its_fate_and_alone_it_is_said_in_a_sentence(name: str, fate: Fate) -> None:
    assert fates.fate(FLEET.get(name)) is fate
    assert plain(fates.summed_up([name], FLEET))[1:] == f" {name} is {fate.then}"


def test_many_are_summed_up_and_each_is_listed_with_what_is_in_its_way() -> None:
    names = [*FLEET, "nobody"]
    assert plain(fates.summed_up(names, FLEET)) == (
        "9 nodes: 2 now, 2 tried now, 5 later (1 offline, 1 held, 1 in conflict, 2 never seen)"
    )
    listed = text(fates.listed(names, FLEET, 60))
    for item in ("● busy (3 before it)", "○ away (offline)", "‖ held", "‖ two", "? mere-name"):
        assert item in listed


@given(st.integers(2, 400), st.integers(56, 150), st.integers(3, 60))
def test_what_is_left_out_is_counted_and_told_below(count: int, cells: int, room: int) -> None:
    nodes = known(*(node(f"n{i}") for i in range(count)))
    found = Known(Resolved(nodes=list(nodes)), nodes)
    lines = preview.lines(Draft("n*", text="uptime"), found, cells, room)
    assert all(width(line) <= cells for line in lines)
    shown = sum(plain(line).count("●") for line in lines)
    more = [plain(line) for line in lines if "more: all of them below" in plain(line)]
    if more:
        left = int(more[0].split("and ")[1].split(" ")[0].replace(",", ""))
        assert shown - min(count, fates.MOST_NAMED) == count - left
    else:
        assert shown == min(count, fates.MOST_NAMED)
    if count > fates.MOST_NAMED:
        assert f"and {count - fates.MOST_NAMED:,} more: steward nodes ls" in text(lines)


def test_a_long_command_is_cut_and_says_so() -> None:
    found = Known(Resolved(nodes=["now"]), FLEET)
    shown = text(preview.lines(Draft("now", text="echo " + "x " * 3000), found, 76, 14))
    assert shown.count("more characters") == 2


def test_the_daemon_that_is_meant_is_in_the_equivalent_line() -> None:
    found = Known(Resolved(nodes=["now"]), FLEET, where=("--state-dir", "/srv/central"))
    shown = text(preview.lines(Draft("now", text="uptime"), found, 120, 14))
    assert "steward send now --state-dir /srv/central -- uptime" in shown


@pytest.mark.parametrize("kind", ["CommandACK", "CommandNACK", "EventACK", "EventNACK"])
def test_every_kind_says_what_it_means(kind: str) -> None:
    method = next(name for name, m in draft.METHODS.items() if kind in m.kinds)
    found = Known(Resolved(nodes=["now", "away"]), FLEET)
    shown = text(preview.lines(Draft("x", method=method, text="a", kind=kind), found, 100, 14))
    assert ("sent once: away may well miss it" in shown) == kind.endswith("NACK")


def test_what_is_not_known_yet_is_said() -> None:
    empty = text(preview.lines(Draft(), Known(), 76, 14))
    assert "nobody yet" in empty
    assert "no command yet" in empty
    assert "looking them up" in text(preview.lines(Draft("a", text="b"), Known(), 76, 14))
    fault = Known(fault="no daemon answers: start one")
    assert "no daemon answers" in text(preview.lines(Draft("a", text="b"), fault, 76, 14))


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("", []),
        ("sh", ["ship1", "ship10", "shore="]),
        ("ship1", []),
        ("ship1,ship1", []),
        ("ship10 shi", ["ship1", "ship10"]),
        ("ship*", []),
        ("shore=", ["shore=a[*]b", "shore=north?sea"]),
        ("shore=n", ["shore=north?sea"]),
        ("shore=north?sea", []),
        ("@h", ["@harbour", "@hold"]),
        ("@harbour", []),
        ("a, b\tx", []),
    ],
)
def test_the_word_being_typed_is_completed(typed: str, offered: list[str]) -> None:
    nodes = known(
        node("ship1", labels={"shore": "north sea"}),
        node("ship10", labels={"shore": "a*b", "bad key": "x", "\x1b[2J": "y"}),
        node("ship\x1b[31m"),
    )
    assert completion.offers(typed, nodes, ["hold", "harbour"]) == offered
    for word in offered:
        assert completion.completed(typed, word).endswith(word)


def test_the_words_offered_fit_their_line() -> None:
    words = [f"ship{n}" for n in range(100)]
    for cells in (12, 30, 60, 140):
        assert width(preview.offered(words, cells)) <= cells
    assert plain(preview.offered(words, 36)) == "→ ship0   or  ship1  and 98 more"
    assert plain(preview.offered(["ship1"], 40)) == "→ ship1"


SENT = [
    Sent(Draft("ship1", text="uptime"), NOON - 10),
    Sent(Draft("ship2", text="uptime"), NOON - 20),
    Sent(Draft("ship1", text="systemctl restart ais", timeout="5"), NOON - 30),
    Sent(Draft("central", method="TextLogging", text="rested"), NOON - 40),
    Sent(Draft("central", method="Ping"), NOON - 50),
]


def test_the_history_has_each_message_once_newest_first_or_best_first() -> None:
    assert [one.text for one in history.found(SENT, "text", "")] == [
        "uptime",
        "systemctl restart ais",
        "TextLogging rested",
        "Ping",
    ]
    assert [one.text for one in history.found(SENT, "to", "")] == ["ship1", "ship2", "central"]
    found = history.found(SENT, "text", "rest")
    assert [one.text for one in found] == ["systemctl restart ais", "TextLogging rested"]
    assert found[0].places == (10, 11, 12, 13)
    assert history.found(SENT, "text", "zzz") == []


def test_taking_an_entry_keeps_the_recipients_that_are_there() -> None:
    entry = history.found(SENT, "text", "rest")[0]
    assert history.taken(Draft(), entry, "text") == SENT[2].draft
    kept = history.taken(Draft("ship9", method="Ping"), entry, "text")
    assert (kept.to, kept.text, kept.timeout) == ("ship9", "systemctl restart ais", "5")
    assert history.taken(Draft("x", text="mine"), entry, "to") == Draft("ship1", text="mine")


@given(st.integers(0, 30), st.integers(0, 30), st.integers(40, 120))
def test_the_list_shows_the_chosen_one_and_the_newest_lowest(n: int, at: int, cells: int) -> None:
    sent = [Sent(Draft("ship1", text=f"echo {i}"), NOON - i) for i in range(n)]
    entries = history.found(sent, "text", "")
    lines = history.lines(entries, min(at, max(n - 1, 0)), CLOCK, cells)
    assert len(lines) == max(1, min(n, history.MOST_ROWS))
    if n:
        assert sum(plain(line).startswith("▌") for line in lines) == 1
        places = [int(plain(line).split()[2 if "▌" in plain(line) else 1]) for line in lines]
        assert places == sorted(places, reverse=True)


def test_what_fits_is_marked_where_it_fits() -> None:
    entries = history.found(SENT, "text", "up")
    (line,) = history.lines(entries, 0, CLOCK, 60)
    assert [span.text for span in line if span.tone is Tone.ACCENT] == ["▌ ", "up"]


def test_without_a_history_nothing_is_shown_of_it() -> None:
    assert history.recent([], CLOCK, 60, 10) == []
    assert history.recent(SENT, CLOCK, 60, 3) == []
    assert len(history.recent(SENT, CLOCK, 60, 5)) == 5
