"""The lines above and below every screen, in as many words as there is room for."""

from __future__ import annotations

import pytest

from tui import actions, bars
from tui.ink import EMPTY, Line, Tone, plain, say, width
from tui.keymap import Keymap

KEYS = Keymap()
ALL = ("Nodes", "Messages", "Compose", "Errors", "Jobs", "Health")


def note(cells: int) -> Line:
    return (say("x" * cells, Tone.MUTED),)


@pytest.mark.parametrize("place", ["nodes", "messages", "compose", "errors", "jobs", "health"])
@pytest.mark.parametrize("cells", range(40, 200, 7))
@pytest.mark.parametrize("words", [0, 9, 22, 40, 90])
def test_tabs_fit_and_the_screen_in_front_is_named(place: str, cells: int, words: int) -> None:
    line = bars.tabs(place, note(words), cells, KEYS)
    assert width(line) == cells
    assert place.capitalize() in plain(line)
    assert all(key in plain(line) for key in "123456")


def test_tabs_give_way_to_what_the_screen_says() -> None:
    def told(words: int) -> str:
        return plain(bars.tabs("messages", note(words), 80, KEYS))

    assert all(title in told(16) for title in ALL)
    assert all(title in told(22) for title in ALL)
    assert [title for title in ALL if title in told(45)] == ["Messages"]
    assert "x" * 45 in told(45)
    assert "Compose" not in plain(bars.tabs("nodes", EMPTY, 80, KEYS, read_only=True))


@pytest.mark.parametrize("place", ["nodes", "messages", "compose", "errors", "jobs", "job",
                                   "health", "message"])  # fmt: skip
@pytest.mark.parametrize("cells", [40, 60, 80, 100, 120, 160, 240])
def test_the_footer_is_never_cut_within_a_key(place: str, cells: int) -> None:
    keys = actions.footer(place, KEYS, read_only=False)
    always = actions.footer_always(place, KEYS)
    text = plain(bars.footer(keys, always, cells))
    assert len(text) <= cells
    assert "…" not in text
    named = [f"{key} {word}" for key, word in (*keys, *always)]
    left = text
    for one in named:
        left = left.replace(one, "", 1)
    assert left.strip() == ""


def test_at_80_columns_the_footer_has_the_most_useful_keys() -> None:
    keys = actions.footer("messages", KEYS, read_only=False)
    text = plain(bars.footer(keys, actions.footer_always("messages", KEYS), 80))
    for one in ("enter open", "c compose", "K cancel", "R send again", ": command", "? help"):
        assert one in text
