"""Fuzzy search finds every subsequence, says where, and puts the likeliest first."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.fuzzy import best, score

letters = st.text(alphabet="abAB -/", max_size=12)


def is_subsequence(pattern: str, text: str) -> bool:
    rest = iter(text.lower())
    return all(character in rest for character in pattern.lower())


@given(letters, letters)
def test_it_fits_exactly_if_it_is_a_subsequence(pattern: str, text: str) -> None:
    assert (score(pattern, text) is not None) == is_subsequence(pattern, text)


@given(st.text(), st.text())
def test_the_places_are_those_of_the_pattern_in_their_order(pattern: str, text: str) -> None:
    found = score(pattern, text)
    if found is not None:
        places = found[1]
        assert len(places) == len(pattern)
        assert list(places) == sorted(set(places))
        for place, character in zip(places, pattern, strict=True):
            assert text[place].lower() == character.lower()


@pytest.mark.parametrize(
    ("pattern", "better", "worse"),
    [
        ("df", "df -h /", "du -sh /var/figs"),
        ("sr", "systemctl restart ais", "users"),
        ("rest", "systemctl restart ais", "ls -r /etc/systemd/t"),
        ("hf", "hold fleet", "show half"),
        ("tail", "tail -f /var/log/engine", "cat a i l tail-of-something-much-longer"),
        ("up", "uptime", "apt upgrade"),
    ],
)
def test_runs_and_beginnings_of_words_come_first(pattern: str, better: str, worse: str) -> None:
    assert best(pattern, [worse, better], str) == [better, worse]


def test_an_empty_pattern_keeps_everything_in_its_order() -> None:
    assert best("", ["b", "a"], str) == ["b", "a"]


def test_a_run_is_preferred_to_letters_found_earlier() -> None:
    assert score("log", "ls -o g log") == score("LOG", "LS -O G LOG")
    found = score("log", "ls -o g log")
    assert found is not None
    assert found[1] == (8, 9, 10)


def test_a_letter_that_has_no_single_small_one_does_not_move_the_places() -> None:
    found = score("x", "İİx")
    assert found is not None
    assert found[1] == (2,)
