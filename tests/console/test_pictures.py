"""The pictures in ``screenshots/`` show the screens as they are."""

from __future__ import annotations

import pytest

from tests.console.pictures import HERE, PICTURES, RUN, draw
from tests.console.recording import Recording


@pytest.mark.parametrize("name", PICTURES)
async def test_a_picture_shows_what_the_screen_shows_today(name: str) -> None:
    drawn = await draw(Recording.read(RUN), PICTURES[name])
    kept = (HERE / f"{name}.svg").read_text()
    assert drawn == kept, f"{name} has changed: look at it, then make pictures"


def test_there_is_no_picture_of_what_is_gone() -> None:
    assert {path.stem for path in HERE.glob("*.svg")} == set(PICTURES)


def test_what_was_recorded_names_no_machine() -> None:
    text = RUN.read_text()
    assert "/tmp/" not in text
    assert "/home/" not in text
