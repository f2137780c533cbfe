"""Screen 3, Compose: to whom, what, and exactly what will happen; then send."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import ClassVar

from textual.binding import BindingType
from textual.containers import Container, Vertical
from textual.widget import Widget
from textual.widgets import Input
from textual.worker import Worker

from steward.errors import NothingMatched, StewardError
from steward.message import new_id
from steward.text import safe
from tui import actions, draft, preview, rows
from tui.draft import Draft
from tui.ink import Tone, say
from tui.rows import Resolved
from tui.screens.page import Page
from tui.wants import Wants
from tui.widgets.field import Choice, Field, entry
from tui.widgets.inked import Block

MARGINS = 4
SETTLE = 0.15
"""Seconds without a keystroke until the daemon is asked which nodes are meant."""


class ComposePage(Page):
    """One form; the draft lives on the desk, so that it survives a look at another screen."""

    place = "compose"
    CSS_PATH = "compose.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings("compose")]
    _resolved: Resolved | None = None
    _resolved_for: str = ""
    _back: int = 0
    _sending: bool = False

    def body(self) -> Iterable[Widget]:
        """The form, and the preview below it."""
        now = self.desk.draft
        with Vertical(id="form"):
            yield Field(
                "To", entry("to", "ship1   ship1,ship2   ship*   env=test   @group", now.to)
            )
            yield Field("Method", Choice(list(draft.METHODS), "method"))
            yield Field("Command", entry("text", "uptime", now.text))
            with Container(id="options"):
                yield Field("Kind", Choice(["", *draft.KINDS], "kind"))
                yield Field("Parallel", Choice(["no", "yes"], "parallel"))
                yield Field("Timeout", entry("timeout", "seconds for a receipt: 10s", now.timeout))
                yield Field("Retries", entry("retries", "attempts, 0: no limit", now.retries))
                yield Field("Expires", entry("ttl", "after: 10m, 2h, 7d", now.ttl))
                yield Field(
                    "Run limit", entry("method_timeout", "kill after: 30s", now.method_timeout)
                )
        yield Block("preview")

    def on_mount(self) -> None:
        self.query_one("#options").display = self.desk.draft.has_options
        self._fill(self.desk.draft)

    def front(self) -> None:
        """In front again, perhaps addressed by another screen."""
        self._fill(self.desk.draft)
        super().front()
        self.query_one("#text" if self.desk.draft.to else "#to", Input).focus()

    def _fill(self, given: Draft) -> None:
        with self.prevent(Input.Changed):
            for name in ("to", "text", "timeout", "retries", "ttl", "method_timeout"):
                field, value = self.query_one(f"#{name}", Input), safe(getattr(given, name))
                if field.value != value:
                    field.value = value
                    field.cursor_position = len(field.value)
        self.query_one("#method", Choice).put(given.method)
        self.query_one("#kind", Choice).put(given.kind)
        self.query_one("#parallel", Choice).put("yes" if given.parallel else "no")
        self._changed()

    def _typed(self) -> Draft:
        values = {
            name: self.query_one(f"#{name}", Input).value
            for name in ("to", "text", "timeout", "retries", "ttl", "method_timeout")
        }
        return Draft(
            method=self.query_one("#method", Choice).value,
            kind=self.query_one("#kind", Choice).value,
            parallel=self.query_one("#parallel", Choice).value == "yes",
            **values,
        )

    def wants(self) -> Wants:
        """The nodes, for their states in the preview."""
        return Wants(nodes=True)

    def draw(self) -> None:
        """The preview."""
        label = "Line" if self.desk.draft.method == "TextLogging" else "Command"
        self.query_one("#text-label", Block).show([(say(label, Tone.MUTED),)])
        pane = self.query_one("#preview", Block)
        cells = self.size.width - MARGINS
        known = self._resolved if self._resolved_for == self.desk.draft.to else None
        pane.show(preview.lines(self.desk.draft, known, self.desk.board.nodes, cells))

    def _changed(self) -> None:
        self.desk.draft = self._typed()
        self.repaint()
        to = self.desk.draft.to
        if to != self._resolved_for:
            self.set_timer(SETTLE, lambda: self._settled(to))

    def _settled(self, to: str) -> None:
        if to == self.desk.draft.to and to != self._resolved_for:
            _: Worker[None] = self.run_worker(
                partial(self._resolve_quietly, to), group="resolve", exclusive=True
            )

    async def _resolve_quietly(self, to: str) -> None:
        try:
            await self._resolve(self.desk.draft)
        except StewardError:
            self._resolved_for = ""
        self.repaint()

    async def _resolve(self, given: Draft) -> Resolved:
        if not given.targets:
            found = Resolved()
        else:
            answer = await self.desk.link.call("resolve", targets=given.targets)
            found = rows.read(Resolved, answer)
        self._resolved, self._resolved_for = found, given.to
        return found

    def on_input_changed(self) -> None:
        self._changed()

    def on_choice_changed(self) -> None:
        self._changed()

    def on_choice_done(self) -> None:
        self.focus_next()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter: from the nodes to the command, from the command away."""
        if event.input.id == "to":
            self.query_one("#text", Input).focus()
        elif event.input.id == "text":
            self.do_draft_send()
        else:
            self.focus_next()

    def do_draft_send(self) -> None:
        if not self._sending:
            self.attempt(partial(self._send, self.desk.draft))

    async def _send(self, given: Draft) -> None:
        self._sending = True
        try:
            await self._sent(given)
        finally:
            self._sending = False

    async def _sent(self, given: Draft) -> None:
        found = await self._resolve(given)
        if found.nothing:
            raise NothingMatched(f"{', '.join(found.nothing)} matches no node", "see 1 Nodes")
        names = preview.recipients(found)
        if not names:
            raise NothingMatched("no node is named", "type one after To")
        ready = draft.messages(given, names)
        stake = draft.stake(Resolved(nodes=names), self.desk.board.nodes)
        details = preview.details(given, names, self.desk.board.nodes)
        question = (
            f"Send this to {names[0]}?" if len(names) == 1 else f"Send this to {len(names)} nodes?"
        )
        if not await self.sure(question, details, stake, len(names)):
            return
        job = str(new_id()) if len(ready) > 1 else None
        answer = await self.desk.link.call("submit", messages=ready, job=job)
        self._settle(given, answer.get("accepted", []), answer.get("refused", []), job)

    def _settle(
        self,
        given: Draft,
        accepted: list[dict[str, str]],
        refused: list[dict[str, str]],
        job: str | None,
    ) -> None:
        if refused:
            first = refused[0]
            others = f" ({len(refused)} refused in all)" if len(refused) > 1 else ""
            self.tell(f"Refused: {first.get('text')}. {first.get('hint', '')}{others}", bad=True)
        if not accepted:
            return
        self.desk.sent.append(given)
        self._back = 0
        self.desk.draft = replace(given, text="")
        self._fill(self.desk.draft)
        if job is None:
            self.post_message(self.MessageChosen(accepted[0]["id"]))
        else:
            self.post_message(self.Turned("messages", f"job={job}"))

    def do_draft_options(self) -> None:
        options = self.query_one("#options")
        options.display = not options.display
        self.query_one("#timeout" if options.display else "#text", Input).focus()

    def do_draft_clear(self) -> None:
        self._fill(Draft())
        self.query_one("#to", Input).focus()

    def do_draft_earlier(self) -> None:
        self._walk(1)

    def do_draft_later(self) -> None:
        self._walk(-1)

    def _walk(self, by: int) -> None:
        sent = self.desk.sent
        self._back = max(0, min(self._back + by, len(sent)))
        if not sent or not self._back:
            return
        earlier = sent[-self._back]
        keep = self.desk.draft.to or earlier.to
        self._fill(replace(earlier, to=keep))
