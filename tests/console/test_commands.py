"""What is typed in the palette or on the command line, without a screen."""

from __future__ import annotations

import pytest

from tui import commands
from tui.ink import Tone, plain
from tui.keymap import Keymap
from tui.registry import ACTIONS, EVERYWHERE
from tui.screens.command import fitting

KEYS = Keymap()


def meant(text: str, place: str = "nodes", *, read_only: bool = False) -> commands.Understood:
    return commands.understand(text, place, KEYS, read_only=read_only)


@pytest.mark.parametrize(
    ("text", "id", "argument"),
    [
        ("hold", "node.hold", ""),
        ("hold fleet", "fleet.hold", ""),
        ("HOLD", "node.hold", ""),
        ("node.hold", "node.hold", ""),
        ("filter env=prod !held", "list.filter", "env=prod !held"),
        ("fil env=prod", "list.filter", "env=prod"),
        ("sort queued", "list.sort", "queued"),
        ("theme light", "theme", "light"),
        ("export /srv/x.jsonl", "export", "/srv/x.jsonl"),
        ("node ship1", "find.node", "ship1"),
        ("message 01a2…", "find.message", "01a2…"),
        ("copy", "copy", ""),
        ("copy c", "copy.command", ""),
        ("  theme  ", "theme", ""),
    ],
)
def test_a_line_is_an_action_and_its_argument(text: str, id: str, argument: str) -> None:
    found = meant(text)
    assert found.action is not None, found.answer
    assert (found.action.id, found.argument) == (id, argument)


@pytest.mark.parametrize(
    ("text", "place", "answer"),
    [
        ("cop", "nodes", "'cop' may be copy or copy command"),
        ("hlf", "nodes", "nothing is called 'hlf': did you mean hold fleet?"),
        ("hodl", "nodes", "nothing is called 'hodl': did you mean hold"),
        ("zzz", "nodes", "nothing is called 'zzz'"),
        ("hold", "messages", "hold is done on Nodes (1)"),
        ("filter x", "compose", "filter is done on Nodes, Messages"),
        ("copy this", "nodes", "copy takes nothing after it"),
        ("node", "nodes", "node takes a NAME"),
    ],
)
def test_a_line_that_is_none_has_a_clear_answer(text: str, place: str, answer: str) -> None:
    found = meant(text, place)
    assert found.action is None
    assert found.answer.startswith(answer), found.answer


def test_nothing_typed_is_nothing_done() -> None:
    assert meant("  ") == commands.Understood()


def test_another_screens_action_is_not_taken_for_one_that_begins_alike() -> None:
    assert meant("hold", "messages").action is None  # "hold fleet" would hold everything


@pytest.mark.parametrize("place", ["nodes", "messages", "compose", "errors", "message"])
def test_a_read_only_console_offers_nothing_that_changes_anything(place: str) -> None:
    offered = commands.possible(place, read_only=True)
    assert not any(action.changes for action in offered)
    for action in ACTIONS:
        if action.changes and place in action.where:
            found = meant(action.word, place, read_only=True)
            assert found.action is None or not found.action.changes


def test_it_says_that_it_is_read_only() -> None:
    assert "read-only" in meant("hold", read_only=True).answer


def test_the_palette_finds_by_word_then_by_id_then_by_help() -> None:
    offered = commands.possible("nodes", read_only=False)
    assert [m.action.id for m in commands.matches("hold", offered)][:2] == [
        "node.hold",
        "fleet.hold",
    ]
    found = commands.matches("sign of life", offered)
    assert [m.action.id for m in found] == ["node.ping"]
    (match,) = found
    assert plain(commands.inked(match.action.help, match.help, Tone.MUTED, Tone.ACCENT)) == (
        match.action.help
    )
    assert len(commands.matches("", offered)) == len(offered)


def test_letters_that_match_stand_out() -> None:
    spans = commands.inked("hold fleet", (0, 5), Tone.PLAIN, Tone.ACCENT)
    assert [(s.text, s.tone) for s in spans] == [
        ("h", Tone.ACCENT),
        ("old ", Tone.PLAIN),
        ("f", Tone.ACCENT),
        ("leet", Tone.PLAIN),
    ]
    assert commands.inked("", (), Tone.PLAIN, Tone.ACCENT) == ()


def test_tab_completes_words_and_what_they_take() -> None:
    offered = commands.possible("nodes", read_only=False)
    assert commands.completed("the", offered, [])[0] == "theme "
    assert commands.completed("theme ", offered, ["dark", "light"]) == ["theme dark", "theme light"]
    assert commands.completed("theme li", offered, ["dark", "light"]) == ["theme light"]
    assert commands.completed("node 9", offered, ["ship1", "ship9"]) == ["node ship9"]
    assert commands.completed("zzzz", offered, []) == []


def test_what_fits_is_shown_in_one_line_that_is_never_cut_within_a_word() -> None:
    offered = commands.possible("nodes", read_only=False)
    for cells in (40, 80, 160):
        text = plain(fitting("", offered, KEYS, [], cells))
        assert 0 < len(text) <= cells
    assert "NAME" in plain(fitting("theme ", offered, KEYS, ["dark"], 80))
    assert "nothing is called" in plain(fitting("qqqq", offered, KEYS, [], 80))


def test_on_a_screen_no_two_actions_have_one_word() -> None:
    for place in {w for a in ACTIONS for w in a.where} - {EVERYWHERE, "table", "lines"}:
        offered = commands.possible(place, read_only=False)
        words = [action.word for action in offered if action.id != "go.compose"]
        assert len(words) == len(set(words)), place
