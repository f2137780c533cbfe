"""One command makes the picture, and the picture names no other host."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from steward.control.server import ControlServer
from steward.errors import NoDaemon, UsageError
from tests.console.world import fleet
from tui.cli import console
from tui.picture import cells
from tui.svg import portable


@contextmanager
def served(folder: Path) -> Iterator[None]:
    """A fake fleet behind a real control socket, in a thread of its own."""
    daemon = fleet()

    def handler(name: str) -> Any:
        async def answer(params: dict[str, Any], caller: object) -> object:
            return getattr(daemon, "on_" + name)(**params)

        return answer

    names = [name[3:] for name in dir(daemon) if name.startswith("on_")]
    handlers = {name: handler(name) for name in names if name != "watch"}
    ready = threading.Event()
    loops: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def serve() -> None:
        over = asyncio.Event()
        async with ControlServer(folder / "steward.sock", handlers):
            loops.append((asyncio.get_running_loop(), over))
            ready.set()
            await over.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="fake daemon")
    thread.start()
    try:
        assert ready.wait(10)
        yield
    finally:
        for loop, over in loops:
            loop.call_soon_threadsafe(over.set)
        thread.join(10)


def test_the_command_writes_the_picture(tmp_path: Path) -> None:
    made = tmp_path / "nodes.svg"
    with served(tmp_path):
        arguments = ["--state-dir", str(tmp_path), "--picture", str(made), "--size", "100x30"]
        done = CliRunner().invoke(console, [*arguments, "--keys", "2 down"])
    assert done.exit_code == 0, done.output
    svg = made.read_text()
    assert "HOW&#160;FAR" in svg
    assert re.findall(r"https?://[^\"' )]*", svg) == ["http://www.w3.org/2000/svg"]
    assert "@font-face" not in svg


def test_without_a_daemon_there_is_no_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.picture.DEADLINE", 0.5)
    made = tmp_path / "none.svg"
    done = CliRunner().invoke(console, ["--state-dir", str(tmp_path), "--picture", str(made)])
    assert isinstance(done.exception, NoDaemon)
    assert not made.exists()


def test_the_console_wants_a_terminal(tmp_path: Path) -> None:
    done = CliRunner().invoke(console, ["--state-dir", str(tmp_path)])
    assert isinstance(done.exception, UsageError)


@pytest.mark.parametrize("size", ["80", "80x", "10x10", "9999x40", "80x24x2", ""])
def test_a_size_that_is_none_is_refused(size: str) -> None:
    with pytest.raises(UsageError):
        cells(size)


def test_fonts_from_elsewhere_are_taken_out() -> None:
    svg = '<!-- by x --><style>@font-face { src: url("https://cdn/x") }\n'
    svg += ".m {font-family: Fira Code, monospace;}"
    assert "https" not in portable(svg)
    assert "monospace" in portable(svg)


def test_a_text_in_a_picture_neither_begins_nor_ends_with_a_space() -> None:
    text = '<text class="t-r1" x="12.2" y="20" textLength="73.2" clip-path="c">{}</text>'
    made = portable(text.format("&#160;&#160;a&#160;b&#160;"))
    assert made == text.format("a&#160;b").replace("12.2", "36.6").replace("73.2", "36.6")
    assert portable(text.format("&#160;" * 6)) == ""
