"""Hostile text: whatever comes in, nothing that comes out can command a terminal."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from steward.text import escaped, safe

BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
anything = st.text(st.characters(codec=None))


@given(anything)
@example("\x1b[2J\x07\x7f\x9b31m\u202e\ud800")
def test_nothing_that_commands_hides_or_reorders_is_left(text: str) -> None:
    shown = safe(text)
    assert len(shown) == len(text)
    assert not {unicodedata.category(c) for c in shown} & {"Cc", "Cs", "Zl", "Zp"}
    assert not set(shown) & set(BIDI)
    shown.encode()


@given(anything)
def test_it_changes_nothing_the_second_time(text: str) -> None:
    assert safe(safe(text)) == safe(text)


@given(anything)
def test_what_is_kept_is_only_what_was_asked_for(text: str) -> None:
    shown = safe(text, "\n\t")
    assert [c for c in shown if unicodedata.category(c) == "Cc"] == [c for c in text if c in "\n\t"]


def test_controls_are_shown_as_their_pictures() -> None:
    assert safe("a\x00\x1b\n\x7f\x85\u202eb") == "a␀␛␊␡\ufffd\ufffdb"


@pytest.mark.parametrize(
    "text", ["Grüße, 東京, שלום", "👩‍🚀 ✓ é", "[/red] [@click=app.quit]x[/]", ""]
)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert safe(text) == text


@given(st.dictionaries(anything, anything))
def test_escaped_json_means_what_it_meant_and_shows_nothing_hostile(value: dict[str, str]) -> None:
    document = json.dumps(value, ensure_ascii=False, indent=1)
    shown = escaped(document)
    assert json.loads(shown) == value
    assert safe(shown, "\n") == shown
