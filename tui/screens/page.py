"""What all screens share: header, tabs, banner and footer around a body, and how actions run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Container
from textual.message import Message as Event
from textual.screen import Screen
from textual.widget import Widget
from textual.worker import Worker

from steward.errors import StewardError
from tui import actions, bars
from tui.acting import Guarded
from tui.desk import Desk
from tui.ink import EMPTY, Line, Tone, joined, say
from tui.question import Question
from tui.registry import EVERYWHERE, Action
from tui.screens import taking
from tui.screens.confirm import Confirm
from tui.stakes import Stake
from tui.theme import NAMES
from tui.toast import toast
from tui.wants import Wants
from tui.widgets.inked import Block

WIDE = 120
"""Cells from which two panes have room side by side."""
Work = Callable[[], Awaitable[object]]
"""Started only when its worker is, so that one which never runs leaves nothing behind."""


class Page(Guarded, Screen[None]):
    """A screen of the console. ``place``: its name in the registry."""

    AUTO_FOCUS = ""
    place: ClassVar[str] = ""

    class Turned(Event):
        """The operator asked for another screen, there for these rows, or for one of them."""

        def __init__(self, place: str, filter: str | None = None, cursor: str | None = None):
            super().__init__()
            self.place, self.filter, self.cursor = place, filter, cursor

    class MessageChosen(Event):
        """The operator asked for a message's view."""

        def __init__(self, id: str, *, output: bool = False) -> None:
            super().__init__()
            self.id, self.output = id, output

    class JobChosen(Event):
        """The operator asked for a job's view."""

        def __init__(self, job: str) -> None:
            super().__init__()
            self.job = job

    class LineWanted(Event):
        """The operator is to go on with this on the command line."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk = desk
        actions.bind_mapped(self._bindings, self.place, desk.keymap)

    def compose(self) -> ComposeResult:
        """Textual's: the frame around the body."""
        yield Block("header")
        yield Block("tabs")
        yield Block("banner")
        with Container(id="body"):
            yield from self.body()
        yield from self.below()
        yield Block("footer")

    def body(self) -> Iterable[Widget]:
        """The screen's own widgets."""
        raise NotImplementedError

    def below(self) -> Iterable[Widget]:
        """Widgets between body and footer."""
        return ()

    def wants(self) -> Wants:
        """What the link has to keep fresh while this screen is in front."""
        return Wants()

    def draw(self) -> None:
        """Bring the body up to date with the board."""
        raise NotImplementedError

    def note(self) -> Line:
        """What the tab line says of this screen, at its right end."""
        return EMPTY

    @property
    def tab(self) -> str:
        """The tab that is marked."""
        return self.place

    @property
    def is_wide(self) -> bool:
        """Whether two panes have room side by side."""
        return self.size.width >= WIDE

    def repaint(self) -> None:
        """Bring everything up to date with the board and the clock."""
        if not self.is_mounted or not self.query("#footer"):
            return
        desk, cells = self.desk, self.size.width
        header = bars.header(desk.board, desk.clock, cells, self.key)
        self.query_one("#header", Block).show([header])
        banner = bars.banner(desk.board, desk.clock, desk.socket, cells)
        block = self.query_one("#banner", Block)
        block.show(banner)
        block.styles.height = len(banner)
        block.display = bool(banner)
        block.set_class(desk.board.connected, "mild")
        self.draw()
        note = joined([(say(desk.progress, Tone.BUSY),) if desk.progress else EMPTY, self.note()])
        tabs = bars.tabs(self.tab, note, cells, desk.keymap, read_only=desk.read_only)
        self.query_one("#tabs", Block).show([tabs])
        keys = actions.footer(self.place, desk.keymap, read_only=desk.read_only)
        always = actions.footer_always(self.place, desk.keymap)
        self.query_one("#footer", Block).show([bars.footer(keys, always, cells)])

    def on_screen_resume(self) -> None:
        """In front again."""
        self.front()

    def front(self) -> None:
        """Ask for what this screen shows, and show it."""
        self.rewant()
        self.repaint()

    def on_resize(self) -> None:
        """Another width: other columns, other words."""
        self.call_after_refresh(self.repaint)

    def rewant(self) -> None:
        """Tell the link what to keep fresh."""
        if self.is_current:
            self.desk.link.want(self.wants())

    def leave(self) -> bool:
        """Esc: leave what was begun here. False: there is nothing, so the screen is left."""
        return False

    def perform(self, action: Action, argument: str = "") -> None:
        """Carry out what was chosen by name: it is done here, by a widget, or everywhere."""
        doer: object = self if self.place in action.where else self.app
        if doer is self.app and EVERYWHERE not in action.where:
            able = (w for w in (self.focused, *self.query("*")) if hasattr(w, action.handler))
            doer = next(able, self.app)
        handler = getattr(doer, action.handler)
        if argument:
            handler(argument)
        else:
            handler()

    def values(self, action: Action) -> Sequence[str]:
        """What an action may be given on the command line, as far as that is known here."""
        match action.id:
            case "theme":
                return list(NAMES)
            case "find.node":
                return list(self.desk.board.nodes)
            case "find.message":
                return [row.id for row in self.desk.board.messages.rows]
            case "export":
                return [taking.unused(self.exported()[0])]
        return ()

    def copied(self) -> str:
        """What is under the cursor or shown, as text; empty: nothing."""
        return ""

    def as_command(self) -> str:
        """The command line that does or shows the same; empty: there is none."""
        return ""

    def exported(self) -> tuple[str, bytes]:
        """What is shown, for a file: a name that suits, and the content; no name: nothing."""
        return "", b""

    async def parts(self) -> taking.Parts:
        """The same in parts, where it has to be read first."""
        yield self.exported()[1], ""

    def do_copy(self) -> None:
        taking.copy(self, self.copied())

    def do_copy_command(self) -> None:
        taking.copy(self, self.as_command())

    def do_export(self, name: str = "") -> None:
        taking.export(self, name)

    def attempt(
        self,
        work: Work,
        group: str = "actions",
        *,
        exclusive: bool = False,
        stays: bool = False,
    ) -> None:
        """Run ``work`` beside the screen; if it fails, say why and what to do. ``stays``: also
        when the screen is left for good."""
        _: Worker[None] = (self.app if stays else self).run_worker(
            partial(self._attempted, work), group=group, exclusive=exclusive
        )

    async def _attempted(self, work: Work) -> None:
        try:
            await work()
        except StewardError as error:
            self.tell(f"{error.text}. {error.hint}" if error.hint else error.text, bad=True)

    def key(self, id: str) -> str:
        """The key of an action, as people write it; its id where it has none."""
        return self.desk.keymap.named(id)

    def see(self, place: str) -> str:
        """``see 2 Messages``: where to look."""
        return f"see {self.key(f'go.{place}')} {actions.TITLES[place]}"

    def tell(self, text: str, *, bad: bool = False) -> None:
        """A toast. Its text is made safe and never read as markup."""
        toast(self.app, text, bad=bad)

    async def sure(self, asked: Question) -> bool:
        """Ask, as much as is at stake. Only from a worker, as :meth:`attempt` starts one."""
        if asked.stake is Stake.NONE:
            return True
        if isinstance(self.app.screen, Confirm):
            return False  # the key was pressed twice: one question at a time
        asking: Screen[bool] = Confirm(asked)
        return await self.app.push_screen_wait(asking)
