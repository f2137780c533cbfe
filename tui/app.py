"""The application: wires link, board and screens, and carries out what works everywhere."""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import partial
from typing import ClassVar

from textual import on
from textual.app import App, SystemCommand
from textual.binding import BindingType
from textual.screen import Screen
from textual.worker import Worker

from tui import actions, events
from tui.board import Board
from tui.desk import Desk
from tui.link import Link
from tui.registry import BY_ID, EVERYWHERE
from tui.screens import deeds
from tui.screens.compose import ComposePage
from tui.screens.errors import ErrorsPage
from tui.screens.help import Help
from tui.screens.listing import ListPage
from tui.screens.message import MessagePage
from tui.screens.messages import MessagesPage
from tui.screens.nodes import NodesPage
from tui.screens.page import Page
from tui.theme import DARK, THEMES
from tui.times import Clock
from tui.toast import toast
from tui.wants import Connect

PLACES: dict[str, type[Page]] = {
    "nodes": NodesPage,
    "messages": MessagesPage,
    "compose": ComposePage,
    "errors": ErrorsPage,
}
WIDE = 120
GAP = 0.25
"""Seconds between two repaints for what was heard: at most four a second."""
TICK = 1.0
"""Seconds after which the ages on the screen are wrong."""


class Console(App[None]):
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
    ) -> None:
        super().__init__()
        link = Link(connect, self.post_message)
        self.desk = Desk(Board(), link, clock or Clock(), read_only=read_only, socket=socket)
        self._drawing, self._drawn = False, 0.0
        self._came_from = "nodes"
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = DARK.name

    def on_mount(self) -> None:
        for place, page in PLACES.items():
            self.add_mode(place, partial(page, self.desk))
        self.switch_mode("nodes")
        _: Worker[None] = self.run_worker(self.desk.link.run, name="link", group="link")
        self.set_interval(TICK, self.tick)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Textual's: none but ours."""
        return ()

    @on(events.Heard)
    def heard(self, event: events.Heard) -> None:
        """Fold it into the board; draw once for all that has come together."""
        before = self.desk.board.declined
        self.desk.board.fold(event)
        if self.desk.board.declined != before:
            toast(self, self.desk.board.declined, bad=True)
        if event.draws and not self._drawing:
            self._drawing = True
            self.set_timer(max(0.001, self._drawn + GAP - time.monotonic()), self.draw)

    def tick(self) -> None:
        """Ages grow also when nothing is heard."""
        if time.monotonic() - self._drawn > TICK * 0.9:
            self.draw()

    def draw(self) -> None:
        """Bring the screen in front up to date."""
        self._drawing, self._drawn = False, time.monotonic()
        page = next((s for s in reversed(self.screen_stack) if isinstance(s, Page)), None)
        if page is not None:
            page.repaint()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Textual's: a read-only console has no key that changes anything."""
        if action == "act" and parameters:
            return actions.allowed(str(parameters[0]), read_only=self.desk.read_only)
        return True

    def action_act(self, name: str) -> None:
        """Carry out one of the registry's actions."""
        getattr(self, BY_ID[name].handler)()

    def on_page_turned(self, event: Page.Turned) -> None:
        """A screen asked for another one."""
        if event.filter is not None:
            self.desk.filters[event.place] = event.filter
        self._go(event.place)

    def on_page_message_chosen(self, event: Page.MessageChosen) -> None:
        """A screen asked for a message's view."""
        tab = self.screen.tab if isinstance(self.screen, Page) else ""
        page = MessagePage(self.desk, event.id, tab, output=event.output)
        if isinstance(self.screen, MessagePage):
            self.switch_screen(page)
        else:
            self.push_screen(page)

    def _go(self, place: str) -> None:
        if isinstance(self.screen, Page):
            if self.current_mode != place:
                self._came_from = self.current_mode
                self.switch_mode(place)
            elif isinstance(self.screen, MessagePage):
                self.pop_screen()
            else:
                self.screen.front()

    def do_go_nodes(self) -> None:
        self._go("nodes")

    def do_go_messages(self) -> None:
        self._go("messages")

    def do_go_compose(self) -> None:
        self._go("compose")

    def do_go_errors(self) -> None:
        self._go("errors")

    def do_fleet_hold(self) -> None:
        if isinstance(self.screen, Page):
            deeds.hold_fleet(self.screen)

    def do_theme(self) -> None:
        names = [theme.name for theme in THEMES]
        self.theme = names[(names.index(self.theme) + 1) % len(names)]

    def do_help(self) -> None:
        if isinstance(self.screen, Page):
            self.push_screen(Help(self.screen.place, read_only=self.desk.read_only))

    def do_back(self) -> None:
        screen = self.screen
        if isinstance(screen, MessagePage):
            self.pop_screen()
        elif isinstance(screen, ComposePage):
            self._go(self._came_from)
        elif isinstance(screen, ListPage):
            screen.leave()

    def do_quit(self) -> None:
        self.exit()
