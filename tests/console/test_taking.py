"""Copies and exports: what they hold, where they go, what is said of them."""

from __future__ import annotations

import base64
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.console.conftest import console, sees, told, types, until
from tests.console.fake import FakeDaemon
from tests.console.far import far, opens
from tests.console.world import LISTING, fleet, message
from tui import clipboard, kept
from tui.screens import taking
from tui.screens.command import CommandLine


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that files are exported to."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


async def copies(pilot: Pilot[Any], folder: Path, key: str) -> str:
    (folder / kept.COPIED).unlink(missing_ok=True)
    await pilot.press(key)
    await until(pilot, (folder / kept.COPIED).exists, "the copy")
    copied = (folder / kept.COPIED).read_text()
    assert pilot.app.clipboard == copied
    return copied


async def test_what_is_under_the_cursor_is_copied_to_terminal_and_file(tmp_path: Path) -> None:
    daemon, folder = fleet(), tmp_path / "kept"
    async with console(daemon, folder=folder) as pilot:
        await sees(pilot, "ship1")
        await pilot.press("j")
        assert await copies(pilot, folder, "y") == "ship1"
        await sees(pilot, "Copied ship1, and to")
        assert await copies(pilot, folder, "Y") == "steward nodes show ship1"
        await pilot.press("2")
        await sees(pilot, "▶ running")
        assert await copies(pilot, folder, "y") == daemon.messages[0]["id"]
        await pilot.press("j", "j")
        assert await copies(pilot, folder, "Y") == (
            "steward send ship3 --timeout 10 --retries 5 -- df -h /"
        )
        await pilot.press("4")
        await sees(pilot, "disk [/dev/sda1]")
        text = "ship6: disk [/dev/sda1] is full: output cut (free some space)"
        assert await copies(pilot, folder, "y") == text
        assert await copies(pilot, folder, "Y") == "steward errors ls --node ship6"
    assert stat.S_IMODE((folder / kept.COPIED).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [one.name for one in folder.iterdir() if one.name.startswith(kept.COPIED)] == [
        kept.COPIED
    ]


async def test_a_messages_output_and_json_are_copied_as_shown(tmp_path: Path) -> None:
    async with console(fleet(), folder=tmp_path / "kept") as pilot:
        await pilot.press("2")
        await sees(pilot, "exit 3")
        await pilot.press("j", "j", "j", "j", "enter")
        await sees(pilot, "timeline")
        assert LISTING in await copies(pilot, tmp_path / "kept", "y")
        assert (await copies(pilot, tmp_path / "kept", "Y")).startswith("steward send ship2 ")


async def test_marked_rows_are_copied_together(tmp_path: Path) -> None:
    async with console(fleet(), folder=tmp_path / "kept") as pilot:
        await sees(pilot, "ship1")
        await pilot.press("j", "space", "space")
        assert await copies(pilot, tmp_path / "kept", "y") == "ship1\nship2"
        assert await copies(pilot, tmp_path / "kept", "Y") == "steward nodes ls ship1 ship2"


async def test_where_nothing_is_nothing_is_copied() -> None:
    async with console(FakeDaemon()) as pilot:
        await sees(pilot, "No node has been heard of yet")
        await pilot.press("y")
        await sees(pilot, "There is nothing here to copy")


async def test_a_folder_that_cannot_be_written_is_a_notice(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    async with console(fleet(), folder=tmp_path / "file") as pilot:
        await sees(pilot, "ship1")
        await pilot.press("y")
        await sees(pilot, "cannot be written")


def test_nothing_that_is_copied_acts_where_it_is_pasted() -> None:
    assert clipboard.tame("a\x1b[201~\r\nb\tc\u202e") == "a␛[201~\nb\tc\ufffd"


def test_what_is_too_long_for_a_terminal_is_not_sent_cut() -> None:
    class App:
        sent = ""
        _driver = None

        def copy_to_clipboard(self, text: str) -> None:
            self.sent = text

    app: Any = App()
    assert clipboard.copy(app, "x" * clipboard.MOST, {})
    assert len(base64.b64encode(app.sent.encode())) < 100_000
    app.sent = ""
    assert not clipboard.copy(app, "é" * clipboard.MOST, {})
    assert app.sent == ""


def test_tmux_is_asked_to_pass_it_on() -> None:
    written: list[str] = []

    class Driver:
        def write(self, text: str) -> None:
            written.append(text)

    class App:
        _driver = Driver()

        def copy_to_clipboard(self, text: str) -> None:
            written.append(text)

    app: Any = App()
    assert clipboard.copy(app, "ship1", {"TMUX": "/run/tmux,1,0"})
    encoded = base64.b64encode(b"ship1").decode()
    assert written == ["ship1", f"\x1bPtmux;\x1b\x1b]52;c;{encoded}\x07\x1b\\"]


async def exports(pilot: Pilot[Any], name: str = "") -> None:
    await pilot.press("e")
    await until(pilot, lambda: isinstance(pilot.app.screen, CommandLine), "the line")
    if name:
        pilot.app.screen.query_one(Input).value = f"export {name}"
    await pilot.press("enter")


async def test_all_rows_that_the_filter_keeps_are_exported_page_by_page(here: Path) -> None:
    daemon = FakeDaemon()
    daemon.messages = [
        message(n % 900, f"ship{n % 2}", "succeeded", [f"job {n}"]) | {"id": f"m{n}"}
        for n in range(1300)
    ]
    async with console(daemon) as pilot:
        await pilot.press("2")
        await sees(pilot, "of 1,300 messages")
        await pilot.press("colon")
        await types(pilot, "filter ship1")
        await pilot.press("enter")
        await sees(pilot, "filter ship1")
        await exports(pilot)
        await until(pilot, (here / "messages.jsonl").exists, "the file")
        await sees(pilot, "Written: messages.jsonl")
    lines = [json.loads(line) for line in (here / "messages.jsonl").read_text().splitlines()]
    assert [line["id"] for line in lines] == [f"m{n}" for n in range(1, 1300, 2)]
    assert lines[0]["toNode"] == "ship1"
    assert [one.name for one in here.iterdir()] == ["messages.jsonl"]


async def test_nodes_and_errors_are_exported_too(here: Path) -> None:
    async with console(fleet()) as pilot:
        await sees(pilot, "ship1")
        await pilot.press("z")
        await exports(pilot)
        await until(pilot, (here / "nodes.jsonl").exists, "the nodes")
        await pilot.press("4")
        await sees(pilot, "disk [/dev/sda1]")
        await exports(pilot)
        await until(pilot, (here / "errors.jsonl").exists, "the errors")
    nodes = [json.loads(line) for line in (here / "nodes.jsonl").read_text().splitlines()]
    assert {one["name"] for one in nodes} == {"ship3", "ship4", "ship5", "ship7", "ship8"}
    assert len((here / "errors.jsonl").read_text().splitlines()) == 5


async def test_a_messages_output_is_exported_byte_for_byte(here: Path) -> None:
    daemon = fleet()
    raw = bytes(range(256))
    result = daemon.messages[4]["result"]
    result |= {"stdoutB64": base64.b64encode(raw).decode(), "stdoutSize": 256}
    del result["stdout"]
    async with console(daemon) as pilot:
        await pilot.press("2")
        await sees(pilot, "exit 3")
        await pilot.press("j", "j", "j", "j", "enter")
        await sees(pilot, "timeline")
        await exports(pilot, "out.bin")
        await until(pilot, (here / "out.bin").exists, "the file")
    assert (here / "out.bin").read_bytes() == raw


async def test_nothing_is_overwritten_without_a_question(here: Path) -> None:
    (here / "nodes.jsonl").write_text("mine")
    async with console(fleet()) as pilot:
        await sees(pilot, "ship1")
        await pilot.press("e")
        await until(pilot, lambda: isinstance(pilot.app.screen, CommandLine), "the line")
        assert pilot.app.screen.query_one(Input).value == "export nodes-2.jsonl"
        await pilot.press("escape")
        await exports(pilot, "nodes.jsonl")
        await sees(pilot, "Overwrite nodes.jsonl?")
        await pilot.press("enter")
        assert (here / "nodes.jsonl").read_text() == "mine"
        await exports(pilot, "nodes.jsonl")
        await sees(pilot, "Overwrite nodes.jsonl?")
        await pilot.press("y")
        await sees(pilot, "Written: nodes.jsonl")
    assert (here / "nodes.jsonl").read_text() != "mine"


async def test_a_file_that_cannot_be_written_says_why(here: Path) -> None:
    async with console(fleet()) as pilot:
        await sees(pilot, "ship1")
        await exports(pilot, "no/such/file")
        await sees(pilot, "no/such/file cannot be written: No such file")
        await exports(pilot, "..")
        await sees(pilot, ".. is a folder")
        await exports(pilot, "~nobody-is-here/x")
        await sees(pilot, "'~nobody-is-here/x' is not a path")
    assert list(here.iterdir()) == []


def test_a_name_that_is_not_there_yet(here: Path) -> None:
    assert taking.unused("jobs.jsonl") == "jobs.jsonl"
    (here / "jobs.jsonl").write_text("")
    (here / "jobs-2.jsonl").symlink_to("nowhere")
    assert taking.unused("jobs.jsonl") == "jobs-3.jsonl"


async def test_a_device_is_not_replaced_by_a_file(here: Path) -> None:
    os.mkfifo(here / "pipe")
    async with console(fleet()) as pilot:
        await sees(pilot, "ship1")
        await pilot.press("colon")
        await types(pilot, "export pipe")
        await pilot.press("enter")
        await told(pilot, "pipe is not a file")
    assert stat.S_ISFIFO((here / "pipe").stat().st_mode)


async def test_of_a_copy_that_holds_only_the_first_lines_it_is_said(tmp_path: Path) -> None:
    async with console(far(), folder=tmp_path / "kept") as pilot:
        await opens(pilot)
        await pilot.press("F")
        await sees(pilot, "agrees")
        await pilot.press("y")
        await told(pilot, "Only the first 2,000 of 22,0")
        await told(pilot, "(e writes all)")
