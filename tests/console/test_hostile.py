"""Whatever a node says, nothing crashes, nothing is obeyed, nothing reaches the terminal."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from textual.app import App, ComposeResult
from textual.widgets import Input

import tui.app as app_module
from steward.errors import InvalidMessage
from steward.text import safe
from tests.console.conftest import console, sees, until
from tests.console.fake import FakeDaemon
from tests.console.world import error, message, node
from tui import (
    bars,
    completion,
    detail,
    history,
    outcome,
    preview,
    question,
    render,
    rows,
    story,
    texts,
)
from tui.board import Board, Opened
from tui.draft import METHODS, Draft
from tui.ink import Line, Tone, fit, plain, say, width
from tui.memory import Sent
from tui.preview import Known
from tui.question import Question
from tui.rows import Resolved
from tui.screens.confirm import Confirm
from tui.screens.message import MessagePage
from tui.screens.nodes import NodesPage
from tui.sheets import Document, Few
from tui.stakes import Stake
from tui.theme import DARK
from tui.toast import toast
from tui.widgets.field import Choice, Field, entry
from tui.widgets.inked import Block
from tui.widgets.lines import Lines
from tui.widgets.table import Column, Table

NASTY = (
    "disk [/dev/sda1] full",
    "[@click=app.quit]click[/]",
    "[link=file:///etc]x[/link]",
    "[bold",
    "[/]",
    "\x1b]52;c;ZXZpbA==\x07\x1b[2J\x1b[31m",
    "\x9b31m",
    "\u202eesrever\u202c",
    "a\r\nb\tc\x00\x7f",
    "$success {oops} %s",
    "e\u0301\u200d\U0001f469\u200d\U0001f680",
    "日本" * 40,
    "",
    "\ufdd0\uffff",
)
FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b\u200e\u200f]")
text = st.one_of(
    st.sampled_from(NASTY),
    st.text(alphabet=st.characters(codec="utf-8"), max_size=60),
    st.lists(st.sampled_from(NASTY), min_size=2, max_size=4).map("".join),
)


def hostile_world(words: list[str]) -> FakeDaemon:
    """A world in which every text that a node can choose is one of ``words``."""
    pick = iter(words * 40)
    said = node(
        next(pick) or "x",
        alarm=next(pick),
        version=next(pick),
        labels={next(pick): next(pick), "env": next(pick)},
        instance=next(pick),
        machineId=next(pick),
        theirQueue={next(pick): next(pick)},
    )
    sent = message(0, next(pick), "failed", [next(pick), next(pick)], reason=next(pick))
    sent["id"] = next(pick) or "id"
    sent["result"] |= {"stdout": next(pick), "stderr": next(pick), "signal": next(pick)}
    sent |= {"job": next(pick), "retryOf": next(pick), "behind": next(pick)}
    sent |= {"method": next(pick), "fromNode": next(pick)}
    waiting = dict(sent, id="waiting", state="delivered", result=None)
    failed = error(1, next(pick), next(pick), next(pick) + ".", next(pick), about=sent["id"])
    daemon = FakeDaemon({said["name"]: said}, [sent, waiting], [failed])
    daemon.status = {
        "node": next(pick),
        "alarms": [next(pick)],
        "intake": {"open": False, "reason": next(pick)},
        "broker": {"connected": False, "error": next(pick), "address": next(pick)},
    }
    return daemon


def drawn(app: Any) -> str:
    """Every character that goes to the terminal, one screen line a line."""
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


def assert_tame(app: Any) -> None:
    for line in drawn(app).split("\n"):
        assert not FORBIDDEN.search(line), repr(line)


async def tour(words: list[str], size: tuple[int, int]) -> None:
    daemon = hostile_world(words)
    async with console(daemon, size) as pilot:
        app = pilot.app
        board = app.desk.board  # type: ignore[attr-defined]  # Pilot doesn't say whose app it is
        memory = app.desk.memory  # type: ignore[attr-defined]  # as above
        await until(pilot, lambda: board.nodes_read, "the roster")
        assert_tame(app)
        await pilot.press("2")
        await until(pilot, lambda: app.screen.query_one(Table).rows, "the messages")
        assert_tame(app)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, MessagePage), "the message")
        await sees(pilot, "timeline")
        assert_tame(app)
        await pilot.press("J")
        await pilot.pause()
        assert_tame(app)
        await pilot.press("K", "escape", "K")
        await pilot.pause()
        assert_tame(app)
        await pilot.press("escape", "4")
        await until(pilot, lambda: board.errors.read, "the errors")
        assert_tame(app)
        await pilot.press("c")
        await pilot.pause(0.2)
        assert_tame(app)
        for word in words:
            memory.add(Draft(to=word, text=word, method="TextLogging"), daemon.now)
            app.screen.query_one("#to", Input).value = word
            app.screen.query_one("#text", Input).value = word
            await pilot.press("up")
            await pilot.pause(0.15)
            assert_tame(app)
            await pilot.press("escape")
        await pilot.press("f8", "x", "up", "enter", "enter", "u", "p", "f5")
        await pilot.pause(0.2)
        assert_tame(app)
        await pilot.press("escape")
        app.screen.tell(words[0], bad=True)  # type: ignore[attr-defined]  # a Page
        await pilot.pause()
        assert_tame(app)


async def test_the_worst_of_all_at_once() -> None:
    await tour(list(NASTY), (120, 34))


async def test_the_worst_on_a_small_screen() -> None:
    await tour(list(reversed(NASTY)), (80, 24))


@pytest.mark.parametrize("size", [(120, 34), (80, 24)])
async def test_palette_command_line_and_notices_are_tame(size: tuple[int, int]) -> None:
    daemon = hostile_world(list(NASTY))
    name = "\x1b]0;x\x07[bold \u202e"
    daemon.nodes[name] = node(name)
    async with console(daemon, size) as pilot:
        app = pilot.app
        board = app.desk.board  # type: ignore[attr-defined]  # Pilot doesn't say whose app it is
        await until(pilot, lambda: board.nodes_read, "the roster")
        await pilot.press("ctrl+p", "x")
        app.screen.query_one(Input).value = "".join(NASTY)
        await pilot.pause()
        assert_tame(app)
        await pilot.press("escape", "colon", "n", "o", "d", "e", "space", "tab")
        await pilot.pause()
        assert_tame(app)
        await pilot.press("tab", "enter")
        await pilot.pause(0.1)
        assert_tame(app)
        if not isinstance(app.screen, NodesPage):
            await pilot.press("escape")
        for line in (*NASTY, "node [/]", "theme [bold", "sort \x1b[2J", "message \u202ex[/]"):
            await pilot.press("colon")
            app.screen.query_one(Input).value = line
            await pilot.press("enter")
            await pilot.pause()
            assert_tame(app)
            if not isinstance(app.screen, NodesPage):
                await pilot.press("escape")
        for key in ("y", "Y", "e"):
            await pilot.press(key)
            await pilot.pause(0.1)
            assert_tame(app)
        assert app.clipboard == safe(app.clipboard)


@settings(deadline=None)
@given(st.lists(text, min_size=7, max_size=13))
def test_whatever_is_rendered_is_tame(words: list[str]) -> None:
    daemon = hostile_world(words)
    clock = daemon.clock
    nodes = [rows.read(rows.NodeRow, one) for one in daemon.nodes.values()]
    sent = [rows.read(rows.MessageRow, one) for one in daemon.messages]
    failed = [rows.read(rows.ErrorRow, one) for one in daemon.errors]
    board = Board(connected=True, status=rows.read(rows.Status, daemon.on_status()))
    lost = Board(lost=daemon.now, lost_reason=words[0], lost_hint=words[1])
    known = {row.name: row for row in nodes}
    typed = Draft(to=words[0], text=words[1], timeout=words[2])
    resolved = Resolved(nodes=[nodes[0].name], unseen=words[:3], nothing=words[3:5])
    lines: list[Line] = [bars.header(board, clock, 80), *bars.banner(board, clock, words[0], 80)]
    lines += bars.banner(lost, clock, words[0], 80)
    opened = Opened(nodes[0], (*words, {"name": words[0], "state": words[1]}), tuple(sent))
    lines += detail.node(nodes[0], opened, clock, 44)
    lines += composed(typed, resolved, known, words, clock)
    lines += question.lines(Question(words[0], Stake.COUNT, 3, lines, lines, lines), 24)
    lines += question.messages(sent)
    lines += render.node_cells(nodes[0], clock).values()
    for row in sent:
        lines += render.message_cells(row, clock, words[0], {"state": 15}).values()
        lines += story.facts(row, clock, words[0], 60) + story.timeline(row, clock, "", 60)
        lines += outcome.lines(row, clock, 60) + story.as_json(row)
    for one in failed:
        lines += render.error_cells(one, clock).values()
        lines += render.error_entry(one, clock, 60)
    for line in lines:
        assert not FORBIDDEN.search(plain(line)), repr(line)
        assert width(fit(line, 40)) == 40


def composed(
    typed: Draft,
    resolved: Resolved,
    known: Mapping[str, rows.NodeRow],
    words: list[str],
    clock: Any,
) -> list[Line]:
    """What compose shows of a draft, of its recipients and of what was sent before."""
    found = Known(resolved, known, words[0], where=words)
    plainly = replace(found, fault="")
    methods = [replace(typed, method=one, timeout="") for one in METHODS]
    lines: list[Line] = []
    for one in (typed, *methods):
        lines += preview.lines(one, found, 76, 9) + preview.lines(one, plainly, 76, 9)
        lines += [preview.matched(one, found, 60), preview.matched(one, plainly, 60)]
        with contextlib.suppress(InvalidMessage):
            lines += preview.asked(one)
    lines += question.nodes([*known, *words], known)
    sent = [Sent(Draft(to=words[1], text=word), clock.now()) for word in words]
    for field in ("to", "text"):
        entries = history.found(sent, field, words[0][:2])
        lines += [*history.lines(entries, 0, clock, 60), history.note(entries, 0)]
    lines += [(say(word),) for word in completion.offers(words[2][:1], known, words)]
    return lines


class Gallery(App[None]):
    """One of each widget, each given the same text."""

    CSS_PATH = Path(app_module.__file__).with_name("app.tcss")

    def __init__(self, given_text: str) -> None:
        super().__init__()
        self.given = given_text
        self.register_theme(DARK)
        self.theme = DARK.name

    def compose(self) -> ComposeResult:
        line: Line = (say(self.given), say(self.given, Tone.BAD))
        table = Table([Column("a", self.given, 9), Column("b", "", 9, 1)], str, self._cells, "t")
        table.show([self.given], empty=[line])
        lines, block = Lines("lines"), Block("block")
        raw = self.given.encode("utf-8", "replace")
        lines.show(Document([Few((line,)), texts.opened(raw, 20), texts.Dump(raw)]))
        block.show([line])
        yield from (table, lines, block, Field(self.given, entry("to", "hint", self.given)))
        yield Choice([self.given, "b"], "choice")

    def _cells(self, row: str, widths: Mapping[str, int]) -> Mapping[str, Line]:
        return {"a": (say(row),), "b": (say(row, Tone.WARN),)}


async def show_gallery(given_text: str) -> None:
    app = Gallery(given_text)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        toast(app, given_text, bad=True)
        await pilot.pause()
        assert_tame(app)
        detail_lines: list[Line] = [(say(given_text),)]
        asked = Question(given_text, Stake.COUNT, 3, detail_lines, detail_lines, detail_lines)
        app.push_screen(Confirm(asked))
        await pilot.pause()
        assert_tame(app)


@settings(max_examples=15, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(text)
def test_no_text_crashes_a_widget_or_reaches_the_terminal(given_text: str) -> None:
    asyncio.run(show_gallery(given_text))


@pytest.mark.parametrize("given_text", NASTY)
async def test_nor_does_the_worst_that_we_know(given_text: str) -> None:
    await show_gallery(given_text)
