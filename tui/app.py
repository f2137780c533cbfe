"""The application: wires link, board and screens."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import SystemCommand
from textual.binding import BindingType
from textual.events import Event, Key
from textual.screen import Screen
from textual.worker import Worker

from steward.errors import StewardError
from tui import actions, events, kept, memory
from tui.board import Board
from tui.desk import Desk
from tui.everywhere import Everywhere
from tui.link import Link
from tui.memory import Memory
from tui.registry import EVERYWHERE
from tui.screens import finding
from tui.screens.compose import ComposePage
from tui.screens.errors import ErrorsPage
from tui.screens.health import HealthPage
from tui.screens.job import JobPage
from tui.screens.jobs import JobsPage
from tui.screens.message import MessagePage
from tui.screens.messages import MessagesPage
from tui.screens.nodes import NodesPage
from tui.screens.page import WIDE, Page
from tui.screens.pending import PendingPage
from tui.settings import Settings
from tui.theme import DARK, NAMES, THEMES, fitting
from tui.times import Clock
from tui.toast import toast
from tui.typeahead import TypeAhead
from tui.wants import Connect

PLACES: dict[str, type[Page]] = {
    "nodes": NodesPage,
    "messages": MessagesPage,
    "compose": ComposePage,
    "errors": ErrorsPage,
    "jobs": JobsPage,
    "health": HealthPage,
    "pending": PendingPage,
}
GAP = 0.25
"""Seconds between two repaints for what was heard: at most four a second."""
TICK = 1.0
"""Seconds after which the ages on the screen are wrong."""


class Console(Everywhere):
    """The operator's console on one daemon. Closing it stops nothing."""

    TITLE = "steward"
    CSS_PATH = "app.tcss"
    ENABLE_COMMAND_PALETTE = False
    HORIZONTAL_BREAKPOINTS = [(0, "-slim"), (WIDE, "-wide")]
    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings(EVERYWHERE)]

    def __init__(
        self,
        connect: Connect,
        *,
        read_only: bool = False,
        clock: Clock | None = None,
        socket: str = "",
        settings: Settings | None = None,
        folder: Path | None = None,
        where: Sequence[str] = (),
        settle: Callable[[], object] = lambda: None,
    ) -> None:
        """``folder``: where small things are kept for the operator; None: nowhere. ``where``: the
        flags with which a command line finds this daemon; none: it does so by itself.
        ``settle``: called when much has come that stays."""
        super().__init__()
        link = Link(connect, self.post_message)
        self.desk = Desk(Board(), link, clock or Clock(), read_only=read_only, socket=socket)
        if folder is not None and not read_only:
            self.desk.memory = Memory(folder / memory.FILE)
        self.desk.where = where
        self._drawing, self._drawn = False, 0.0
        self._settle = settle
        self._typed = TypeAhead(self)
        for theme in THEMES:
            self.register_theme(theme)
        self._settings = settings or Settings()
        self.desk.keymap, self.desk.folder = self._settings.keymap, folder
        self.set_keymap(self.desk.keymap.textual())
        actions.bind_mapped(self._bindings, EVERYWHERE, self.desk.keymap)
        last = kept.word(folder, kept.THEME) if folder is not None else ""
        self._asked = NAMES.get(self._settings.theme) or NAMES.get(last)
        self.theme = self._asked or DARK.name

    def on_mount(self) -> None:
        for place, page in PLACES.items():
            self.add_mode(place, partial(page, self.desk))
        self.switch_mode("nodes")
        _: Worker[None] = self.run_worker(self.desk.link.run, name="link", group="link")
        try:
            self.desk.memory.load()
        except StewardError as error:
            toast(self, str(error), bad=True)
        self.set_interval(TICK, self.tick)
        if self._asked is None and not self.is_headless:
            self.theme = fitting(self.console.color_system)
        for caution in self._settings.cautions:
            toast(self, caution, bad=True)

    async def on_event(self, event: Event) -> None:
        """Textual's: whatever comes from outside."""
        if isinstance(event, Key) and not event.is_forwarded and self._typed.holds(event):
            return
        await super().on_event(event)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Textual's: none but ours."""
        return ()

    @on(events.Heard)
    def heard(self, event: events.Heard) -> None:
        """Fold it into the board; draw once for all that has come together."""
        before = self.desk.board.declined
        self.desk.board.fold(event)
        if isinstance(event, events.NodesRead) and event.asked is None:
            self._settle()
        if self.desk.board.declined != before:
            toast(self, self.desk.board.declined, bad=True)
        if event.draws and event.urgent:
            self.draw()
        elif event.draws and not self._drawing:
            self._drawing = True
            self.set_timer(max(0.001, self._drawn + GAP - time.monotonic()), self.draw)

    def tick(self) -> None:
        """Ages grow also when nothing is heard."""
        if time.monotonic() - self._drawn > TICK * 1.25:
            self.draw()

    def draw(self) -> None:
        """Bring the screen in front up to date."""
        self._drawing, self._drawn = False, time.monotonic()
        page = next((s for s in reversed(self.screen_stack) if isinstance(s, Page)), None)
        if page is not None:
            page.repaint()

    def on_page_turned(self, event: Page.Turned) -> None:
        """A screen asked for another one."""
        if event.filter is not None:
            self.desk.filters[event.place] = event.filter
        if event.cursor is not None:
            self.desk.cursors[event.place] = event.cursor
        self.go(event.place)

    async def on_page_message_chosen(self, event: Page.MessageChosen) -> None:
        """A screen asked for a message's view."""
        tab = await self._below()
        page = MessagePage(self.desk, event.id, tab, output=event.output)
        if isinstance(self.screen, MessagePage):
            self.switch_screen(page)
        else:
            self.push_screen(page)

    async def on_page_job_chosen(self, event: Page.JobChosen) -> None:
        """A screen asked for a job's view."""
        tab = await self._below()
        self.push_screen(JobPage(self.desk, event.job, tab))

    async def _below(self) -> str:
        """The tab of the screen to come back to. What was sent is no longer being composed: back
        means the screen before."""
        if self.current_mode == ComposePage.place:
            await self.switch_mode(self._came_from)
        return self.screen.tab if isinstance(self.screen, Page) else ""

    def on_page_line_wanted(self, event: Page.LineWanted) -> None:
        """A screen asked for the command line."""
        if (page := self.page) is not None:
            finding.command(page, event.text)
