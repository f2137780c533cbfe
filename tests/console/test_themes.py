"""Themes: chosen, kept, readable; and no colours at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.color import Color
from textual.theme import Theme

from tests.console.conftest import console, sees, shown, until
from tests.console.jobs_world import jobs_fleet
from tests.console.world import fleet
from tui import kept, theme
from tui.settings import Settings


async def test_t_goes_round_and_the_choice_is_kept(tmp_path: Path) -> None:
    async with console(fleet(), folder=tmp_path) as pilot:
        assert pilot.app.theme == "steward-dark"
        await pilot.press("t")
        assert pilot.app.theme == "steward-light"
        await until(pilot, (tmp_path / kept.THEME).exists, "the choice")
    async with console(fleet(), folder=tmp_path) as pilot:
        assert pilot.app.theme == "steward-light"
        await pilot.press("t")
        assert pilot.app.theme == "steward-contrast"
        await pilot.press("t")
        assert pilot.app.theme == "steward-dark"


async def test_the_settings_file_comes_first(tmp_path: Path) -> None:
    kept.write(tmp_path, kept.THEME, b"light")
    async with console(fleet(), folder=tmp_path, settings=Settings(theme="contrast")) as pilot:
        assert pilot.app.theme == "steward-contrast"


@pytest.mark.parametrize("found", [b"", b"no-theme", b"\xff\x00", b"x" * 10_000])
async def test_a_choice_that_is_none_is_the_dark_one(tmp_path: Path, found: bytes) -> None:
    kept.write(tmp_path, kept.THEME, found)
    async with console(fleet(), folder=tmp_path) as pilot:
        assert pilot.app.theme == "steward-dark"


def test_a_terminal_of_sixteen_colours_gets_those() -> None:
    assert theme.fitting("standard") == "steward-contrast"
    assert theme.fitting("truecolor") == theme.fitting("256") == theme.fitting(None)
    assert theme.fitting(None) == "steward-dark"
    levels = {"00", "55", "aa", "ff"}
    one = theme.CONTRAST
    for color in (one.primary, one.success, one.warning, one.error, one.panel, one.background):
        assert color is not None
        assert {color[1:3], color[3:5], color[5:7]} <= levels


def luminance(color: Color) -> float:
    parts = [v / 12.92 if v <= 0.03928 else ((v + 0.055) / 1.055) ** 2.4 for v in color.normalized]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(Color.parse(c)) for c in (one, other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("one", theme.THEMES, ids=lambda one: one.name)
def test_every_word_can_be_read(one: Theme) -> None:
    assert one.foreground
    assert one.background
    assert one.panel
    words = [one.foreground, one.primary, one.success, one.warning, one.error]
    words += [one.variables["ink-muted"], one.variables["ink-busy"]]
    for word in words:
        assert word
        assert contrast(word, one.background) >= 4.5, word
        assert contrast(word, one.panel) >= 3.0, word


@pytest.mark.parametrize("name", list(theme.NAMES))
async def test_without_colours_every_state_has_its_word(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with console(jobs_fleet(), (120, 34), settings=Settings(theme=name)) as pilot:
        app = pilot.app
        await sees(pilot, "▌ ● online")
        for key, word in (("5", "succeeded"), ("6", "broker"), ("2", "✓ succeeded"), ("3", "To")):
            await pilot.press(key)
            await sees(pilot, word)
            for strip in app.screen._compositor.render_strips():
                for segment in strip.apply_filter(
                    app._filters[-1], app.screen.background_colors[0]
                ):
                    color = segment.style.color if segment.style else None
                    if color is not None and color.triplet is not None:
                        assert len(set(color.triplet)) == 1, segment
            if key == "3":
                await pilot.press("escape")
        assert "▌" in shown(app) or "To" in shown(app)
