"""An operator's sitting at a console, timed: a process of its own on a daemon that runs.

Run as ``python -m tests.bench.sitting STATE_DIR``; prints its figures as JSON, by name.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import random
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from textual._compositor import CompositorUpdate
from textual.app import App
from textual.pilot import Pilot
from textual.screen import Screen

from steward.control.client import ControlClient
from tests.bench.churn import churning
from tui import garbage
from tui.app import Console
from tui.rows import ErrorRow, read
from tui.screens.listing import SETTLE, ListPage
from tui.screens.paged import PagedPage

PATIENCE = 60.0
SIZE = (160, 48)
CPU = 8.0
"""Seconds for which the use of the processor is looked at."""
ERRORS = 20
REST = 0.3
"""Seconds between two keys: longer than the console waits to draw what it has heard."""
TYPED = "ship012"
Seen = Callable[[], object]


class Watched(Console):
    """A console that knows at which moment something was on the screen for the first time."""

    CSS_PATH = str(Path(inspect.getfile(Console)).with_name("app.tcss"))
    sought: Seen | None = None
    found: asyncio.Future[float]
    began = 0.0

    def _display(self, screen: Screen[Any], renderable: Any) -> None:
        super()._display(screen, renderable)
        if isinstance(renderable, CompositorUpdate):
            renderable.render_segments(self.console)  # as a terminal would be sent it
        if self.sought is not None and screen is self.screen and self.sought():
            self.sought = None
            self.found.set_result(time.perf_counter())

    async def sees(self, seen: Seen, doing: Callable[[], object] = lambda: None) -> float:
        """Milliseconds from ``doing`` something to the picture in which it is ``seen``."""
        self.found = asyncio.get_running_loop().create_future()
        self.sought = seen
        self.began = time.perf_counter()
        doing()
        async with asyncio.timeout(PATIENCE):
            return (await self.found - self.began) * 1000


class Sitting:
    """One console, looked at through its pictures."""

    def __init__(self, app: Watched, pilot: Pilot[None], state_dir: Path) -> None:
        self._app, self._pilot, self._state_dir = app, pilot, state_dir
        self._keys: set[asyncio.Task[None]] = set()

    @property
    def page(self) -> ListPage:
        """The screen in front."""
        assert isinstance(self._app.screen, ListPage)
        return self._app.screen

    @property
    def paged(self) -> PagedPage:
        """The same, where its rows come page by page."""
        assert isinstance(self._app.screen, PagedPage)
        return self._app.screen

    def press(self, key: str) -> None:
        """Press it, and go on."""
        task = asyncio.create_task(self._pilot.press(key), name="a key")
        self._keys.add(task)
        task.add_done_callback(self._keys.discard)

    async def key(self, key: str, seen: Seen) -> float:
        """Press it, until this is seen; milliseconds."""
        took = await self._app.sees(seen, partial(self.press, key))
        await self.rest()
        return took

    async def rest(self) -> None:
        """The hand rests."""
        if self._keys:
            await asyncio.wait(self._keys)
        await asyncio.sleep(REST)

    async def typed(self, text: str) -> list[float]:
        """Type a filter; milliseconds for each key until the rows are those that it keeps."""
        took = [await self.key("slash", lambda: self.page.query("#filter").first().display)]
        for i, character in enumerate(text):
            took.append(await self.key(character, partial(self._kept, text[: i + 1])))
        return took[1:]

    def _kept(self, text: str) -> bool:
        page = self.page
        return page.filter.text == text and page.table.rows is page.shown()

    async def unfiltered(self) -> None:
        """The filter goes."""
        await self.key("enter", lambda: self.page.table.has_focus)
        await self.key("escape", lambda: not self.page.filter)

    async def nodes(self) -> dict[str, float]:
        """The roster: filter, sort, rows that change, nothing at all."""
        nodes = self._app.desk.board
        typed = await self.typed(TYPED)
        assert 0 < len(self.page.table.rows) <= 100, len(self.page.table.rows)
        await self.unfiltered()
        sorts = []
        for _ in range(4):
            sorts.append(await self.key("s", partial(self._ordered, self.page.sorted_by())))
        while self.page.sorted_by() != "name":
            await self.key("s", partial(self._ordered, self.page.sorted_by()))
        idle = await self.use()
        before_churn = dict(nodes.nodes)
        async with churning(self._state_dir, sorted(nodes.nodes)):
            await asyncio.sleep(1.0)
            churned = await self.use()
        changed = sum(nodes.nodes[name] is not row for name, row in before_churn.items())
        return {
            "filter": max(typed), "sort": max(sorts), "idle": idle,
            "churn": churned, "changed": changed / (CPU + 1.0),
        }  # fmt: skip

    def _ordered(self, before: str) -> bool:
        return self.page.sorted_by() != before

    async def use(self) -> float:
        """How much of a core this process uses, in percent."""
        await asyncio.sleep(2.0)
        before, began = time.process_time(), time.perf_counter()
        await asyncio.sleep(CPU)
        return (time.process_time() - before) / (time.perf_counter() - began) * 100

    async def messages(self) -> dict[str, float]:
        """Every message: open, scroll, filter."""
        opened = await self.key("2", partial(self._is_open, "messages"))
        scrolls = []
        for key in (*["pagedown"] * 8, "G", "G", "G", "g"):
            at = self.page.table.cursor
            scrolls.append(await self.key(key, partial(self._moved, at)))
        held = len(self.paged.held().rows)
        further = await self.key("G", lambda: len(self.paged.held().rows) > held)
        await self.key("g", lambda: self.page.table.cursor == 0)
        keys, answers = [], []
        for text in ("reboot", "df", "uptime", "ship00042", "failed"):
            keys += await self.typed(text[:-1])
            answer = await self.key(text[-1], partial(self._answered, text))
            answers.append(answer - SETTLE * 1000)
            await self.unfiltered()
        for problems in (True, False):
            answers.append(await self.key("z", partial(self._told, problems)))
        everything = await self.search("no-such-word")
        return {
            "opening": opened, "scrolling": max(*scrolls, further), "typing": max(keys),
            "filtering": max(answers), "searching": everything,
        }  # fmt: skip

    def _is_open(self, place: str) -> bool:
        return self.page.place == place and len(self.page.table.rows) >= SIZE[1]

    def _moved(self, at: int) -> bool:
        return self.page.table.cursor != at

    def _answered(self, text: str) -> bool:
        """The daemon's first answer is on the screen, or that it goes on searching."""
        return self._kept(text) and self.paged.is_answered

    def _told(self, problems: bool) -> bool:
        page = self.paged
        return page.problems is problems and page.is_answered and bool(page.table.rows)

    async def search(self, word: str) -> float:
        """Milliseconds until the daemon has looked through all of it."""
        await self.typed(word[:-1])
        done = lambda: self._answered(word) and self.paged.held().cursor is None  # noqa: E731
        took = await self.key(word[-1], done)
        await self.unfiltered()
        return took

    async def errors(self) -> list[float]:
        """Milliseconds from the answer over the socket that has a new error, or counts it again,
        to the picture that does."""
        await self.key("4", partial(self._is_open, "errors"))
        took = []
        path = self._state_dir / "inmsg.txt"
        chance = random.Random(4)
        async with ControlClient(self._state_dir) as client:
            for _ in range(ERRORS):
                await asyncio.sleep(0.4 + chance.random() / 2)
                before = self._latest(self.page.table.rows)
                storing = asyncio.create_task(self._stored(client, before))
                seen = partial(self._is_other, before)
                took.append(await self._app.sees(seen, partial(path.write_text, "no message\n")))
                took[-1] -= (await storing - self._app.began) * 1000
        return took

    async def _stored(self, client: ControlClient, before: tuple[int, int]) -> float:
        """When more of them were told."""
        while True:
            answer = await client.call("errors", limit=1)
            if self._latest([read(ErrorRow, one) for one in answer["errors"]]) != before:
                return time.perf_counter()
            await asyncio.sleep(0.01)

    def _is_other(self, than: tuple[int, int]) -> bool:
        return self._latest(self.page.table.rows) != than

    def _latest(self, rows: Sequence[ErrorRow]) -> tuple[int, int]:
        """Which error is the newest, and how often it was counted."""
        return (rows[0].n, rows[0].count) if rows else (0, 0)


async def sit(state_dir: Path) -> dict[str, float]:
    """All of it."""
    app = Watched(partial(ControlClient, state_dir), settle=garbage.settle)
    figures: dict[str, float] = {}
    began = time.perf_counter()
    painting = asyncio.create_task(app.sees(lambda: _rows(app)))
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await painting
        figures["paint"] = (app.found.result() - began) * 1000
        while not app.desk.board.nodes_read:
            await asyncio.sleep(0.01)
        figures["roster"] = (time.perf_counter() - began) * 1000
        sitting = Sitting(app, pilot, state_dir)
        await sitting.rest()
        parts: tuple[Callable[[], Awaitable[dict[str, float]]], ...]
        parts = (sitting.nodes, sitting.messages)
        for part in parts:
            figures |= await part()
        took = sorted(await sitting.errors())
        figures |= {"error": statistics.median(took), "error, p95": took[int(len(took) * 0.95)]}
    return figures


def _rows(app: App[None]) -> bool:
    return isinstance(app.screen, ListPage) and len(app.screen.table.rows) > SIZE[1]


if __name__ == "__main__":
    print(json.dumps(asyncio.run(sit(Path(sys.argv[1])))))
