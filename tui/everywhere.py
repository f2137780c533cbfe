"""What works on every screen: to go to another, to find, the theme, the help, the way out."""

from __future__ import annotations

import asyncio
from functools import partial

from textual.app import App
from textual.worker import Worker

from steward.errors import StewardError, nearest
from tui import kept, theme
from tui.acting import Guarded
from tui.screens import finding, node_deeds, sending
from tui.screens.compose import ComposePage
from tui.screens.help import Help
from tui.screens.listing import ListPage
from tui.screens.page import Page
from tui.screens.view import View
from tui.toast import toast


class Everywhere(Guarded, App[None]):
    """The handlers of the registry's place ``app``."""

    _came_from = "nodes"

    @property
    def page(self) -> Page | None:
        """The screen in front; None while something asks on top of it."""
        return self.screen if isinstance(self.screen, Page) else None

    def go(self, place: str) -> None:
        """Another screen in front."""
        if (page := self.page) is None:
            return
        if self.current_mode != place:
            self._came_from = self.current_mode
            self.switch_mode(place)
        elif isinstance(page, View):
            self.pop_screen()
        else:
            page.front()

    def do_go_nodes(self) -> None:
        self.go("nodes")

    def do_go_messages(self) -> None:
        self.go("messages")

    def do_go_compose(self) -> None:
        self.go("compose")

    def do_go_errors(self) -> None:
        self.go("errors")

    def do_go_jobs(self) -> None:
        self.go("jobs")

    def do_go_health(self) -> None:
        self.go("health")

    def do_go_pending(self) -> None:
        self.go("pending")

    def do_draft_repeat(self) -> None:
        if (page := self.page) is not None:
            sending.repeat(page)

    def do_fleet_hold(self) -> None:
        if (page := self.page) is not None:
            node_deeds.hold_fleet(page)

    def do_find_node(self, name: str) -> None:
        if (page := self.page) is not None:
            finding.node(page, name)

    def do_find_message(self, part: str) -> None:
        if (page := self.page) is not None:
            finding.message(page, part)

    def do_palette(self) -> None:
        if (page := self.page) is not None:
            finding.palette(page)

    def do_command(self) -> None:
        if (page := self.page) is not None:
            finding.command(page)

    def do_theme(self, name: str = "") -> None:
        if name and name not in theme.NAMES:
            toast(self, f"No theme {name}: {nearest(name, theme.NAMES)}", bad=True)
            return
        self.theme = theme.NAMES[name] if name else theme.after(self.theme)
        if self.desk.folder is not None:
            _: Worker[None] = self.run_worker(self._keep_theme, group="theme", exclusive=True)

    async def _keep_theme(self) -> None:
        word = theme.called(self.theme).encode()
        if self.desk.folder is not None:
            try:
                await asyncio.to_thread(partial(kept.write, self.desk.folder, kept.THEME, word))
            except StewardError as error:
                toast(self, f"The theme is not kept: {error.text}", bad=True)

    def do_help(self) -> None:
        if (page := self.page) is not None:
            desk = self.desk
            self.push_screen(Help(page.place, desk.keymap, read_only=desk.read_only))

    def do_back(self) -> None:
        page = self.page
        if isinstance(page, View):
            if not page.leave():
                self.pop_screen()
        elif isinstance(page, ComposePage):
            if not page.leave():
                self.go(self._came_from)
        elif isinstance(page, ListPage):
            page.leave()

    def action_help_quit(self) -> None:
        """Textual's, at ctrl+c: it closes nothing, and what does has to be said."""
        key = self.desk.keymap.first("quit")
        also = f", and {key} where no text is typed" if key else ""
        toast(self, f"ctrl+q closes the console{also}; the daemon goes on")

    def do_quit(self) -> None:
        self.exit()
