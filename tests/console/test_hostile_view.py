"""Output that would deceive or crash: live, whole, searched; and results of any shape."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.widgets import Input

from tests.console.conftest import console, sees, until
from tests.console.fake import FakeDaemon
from tests.console.far import far, opens
from tests.console.test_hostile import FORBIDDEN, NASTY, assert_tame, text
from tests.console.world import message, node
from tui import rows, search, story
from tui.ink import plain
from tui.live import Live
from tui.outcome import Outcome, exported
from tui.rows import MessageRow, Output
from tui.sheets import Document
from tui.whole import Whole

CLOCK = FakeDaemon().clock
BYTES = "\n".join(NASTY).encode("utf-8", "replace") + bytes(range(256))
anything = st.one_of(
    st.none(), st.integers(), st.floats(), text, st.lists(text, max_size=2), st.booleans()
)
FIELDS = (
    *("exitCode", "signal", "started", "cpuSeconds", "maxRssBytes", "stdoutB64", "stdoutSha256"),
    *(stream + part for stream in ("stdout", "stderr") for part in ("", "Tail", "Size", "Cut")),
    "stdoutLost",
)


def assert_all_tame(document: Document, typed: str = "") -> None:
    found = search.first(document, typed, 0)
    for row in range(document.rows):
        spans = document.line(row, found.needle, (found.sheet, found.offset))
        assert not FORBIDDEN.search(plain(spans)), repr(spans)


@given(st.dictionaries(st.sampled_from(FIELDS), anything), text, st.sampled_from(["x", "List"]))
def test_a_result_of_any_shape_is_shown(result: dict[str, Any], typed: str, method: str) -> None:
    kind = "ListProcesses" if method == "List" else method
    sent = message(0, "ship1", "succeeded", [typed], method=kind, result=result)
    row = rows.read(MessageRow, sent)
    whole = Whole(FakeDaemon(), row, lambda: None)
    for part in (None, whole):
        assert_all_tame(Document(Outcome(str).sheets(row, None, part, CLOCK, 76)), typed)
    told = [*story.facts(row, CLOCK, "", 60), *story.timeline(row, CLOCK, "", 60)]
    assert_all_tame(Document.of([*told, *story.as_json(row, 60)]), typed)
    exported(row, whole)


@given(
    st.lists(st.tuples(st.integers(0, 400), st.one_of(st.binary(max_size=60), text)), max_size=9),
    text,
)
def test_whatever_comes_live_is_shown(parts: list[tuple[int, bytes | str]], typed: str) -> None:
    live = Live("id")
    for offset, data in parts:
        raw = data if isinstance(data, bytes) else data.encode("utf-8", "replace")
        told = {"id": "id", "stream": "stdout", "offset": offset}
        told |= {"dataB64": base64.b64encode(raw).decode()}
        live = live.after(rows.read(Output, told))
    row = rows.read(MessageRow, message(0, "ship1", "running", [typed]))
    assert_all_tame(Document(Outcome(str).sheets(row, live, None, CLOCK, 76)), typed)


@pytest.mark.parametrize("size", [(80, 24), (160, 48)])
async def test_hostile_output_is_followed_and_searched(size: tuple[int, int]) -> None:
    sent = message(0, "ship1", "running", ["x"])
    daemon = FakeDaemon({"ship1": node("ship1")}, [sent])
    async with console(daemon, size) as pilot:
        await opens(pilot)
        offset = 0
        for word in NASTY:
            daemon.write(sent["id"], "stdout", offset, word + "\r\n")
            offset += len(word.encode("utf-8", "replace")) + 9
        await sees(pilot, "stdout live")
        await pilot.press("slash")
        for word in NASTY:
            pilot.app.screen.query_one("#search", Input).value = word
            await pilot.pause()
            assert_tame(pilot.app)
        await pilot.press("enter", "n", "N", "escape")
        assert_tame(pilot.app)


async def test_a_hostile_whole_is_fetched_and_shown() -> None:
    whole = (BYTES[:-256] + b"\n") * 800
    daemon = far(whole.decode("utf-8", "replace").encode())
    async with console(daemon, (160, 48)) as pilot:
        await opens(pilot)
        await pilot.press("F")
        await sees(pilot, "agrees")
        for key in ("G", "g", "right", "ctrl+d"):
            await pilot.press(key)
            await pilot.pause()
            assert_tame(pilot.app)


@pytest.mark.parametrize(
    "answer",
    [{"stdoutB64": "%%%"}, {"stdoutB64": 7}, {}, {"stdout": "[bold\x1b[2J"}, None],
)
async def test_a_node_that_sends_rubbish_ends_the_fetching_and_no_more(answer: Any) -> None:
    daemon = far()
    told = {"toNode": "ship1", "state": "succeeded", "result": answer}

    async def on_wait(ids: list[str], timeout: float) -> dict[str, Any]:
        return {"done": [told | {"id": ids[0]}], "pending": []}

    daemon.on_wait = on_wait  # type: ignore[method-assign]  # the node's answer, nothing else
    async with console(daemon, (160, 48)) as pilot:
        page = await opens(pilot)
        await pilot.press("F")
        await until(pilot, lambda: daemon.cancelled or page.query("#outcome"), "an end")
        await pilot.pause(0.3)
        assert_tame(pilot.app)
        await pilot.press("escape", "escape")
        await sees(pilot, "HOW FAR")
