"""What is asked of nodes: a sign of life, their processes. Nothing waits on the screen for it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from steward.errors import NotPossible
from steward.message import new_id
from tui import pings, question, rows, words
from tui.ink import EMPTY, Line
from tui.pings import Ping
from tui.question import Question
from tui.rows import NodeRow
from tui.screens import sending
from tui.screens.page import Page
from tui.stakes import WIDE, Deed, Stake, stake

SPARE = 5.0
"""Seconds after its time to live in which a message's end is still waited for."""


class Asking:
    """The signs of life that one screen has asked for, and the last one of each node."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._waiting: dict[str, Ping] = {}
        self._count = 0
        self.last: dict[str, Ping] = {}

    @property
    def note(self) -> Line:
        """How many are still missing."""
        return pings.progress(len(self._waiting), self._count)

    def of(self, name: str) -> Line:
        """The node's last one, in words; empty if it was not asked."""
        ping = self.last.get(name)
        return EMPTY if ping is None else pings.shown(ping, self._page.desk.clock.now())

    def ping(self, chosen: Sequence[NodeRow]) -> None:
        """Ask these nodes."""
        if chosen:
            self._page.attempt(partial(self._ping, chosen), "pings")

    async def _ping(self, chosen: Sequence[NodeRow]) -> None:
        page = self._page
        held = [row.name for row in chosen if row.held]
        names = [row.name for row in chosen if not row.held]
        status = page.desk.board.status
        if status is not None and not status.broker.connected:
            raise NotPossible(
                "no node is asked: there is no link to the broker", page.see("health")
            )
        if held:
            page.tell(pings.held(held, page.key), bad=True)
        if not names or not await page.sure(_asked(page, f"Ping {words.nodes(names)}?", names)):
            return
        answer = await page.desk.link.call("submit", messages=pings.messages(names))
        sending.tell_refused(page, answer.get("refused", []))
        now = page.desk.clock.now()
        asked = {one["id"]: Ping(names[one["index"]], now) for one in answer.get("accepted", [])}
        self.last |= {ping.node: ping for ping in asked.values()}
        if not self._waiting:
            self._count = 0
        self._count += len(asked)
        self._waiting |= asked
        page.repaint()
        try:
            done = await self._answers(asked)
        finally:
            for id in asked:
                self._waiting.pop(id, None)
            page.repaint()
        if done:
            text = pings.summary(done, page.desk.board.nodes, page.desk.clock.now())
            page.tell(text, bad=any(ping.took is None for ping in done))

    async def _answers(self, asked: dict[str, Ping]) -> list[Ping]:
        """Until each has its end, or none comes any more. In the order in which they were asked."""
        open_ones, done = dict(asked), dict(asked)
        while open_ones:
            answer = await self._page.desk.link.call(
                "wait", ids=list(open_ones), timeout=pings.TTL + SPARE
            )
            ended = [rows.read(rows.MessageRow, one) for one in answer.get("done", [])]
            if not ended:
                break
            for row in ended:
                if (ping := open_ones.pop(row.id, None)) is not None:
                    settled = Ping(ping.node, ping.asked, row)
                    done[row.id] = self.last[ping.node] = settled
                    self._waiting.pop(row.id, None)
            self._page.repaint()
        return list(done.values())


def processes(page: Page, chosen: Sequence[NodeRow]) -> None:
    """Ask these nodes for their processes, and open what was asked; this daemon's own are shown
    on the Health screen."""
    status = page.desk.board.status
    if len(chosen) == 1 and status is not None and chosen[0].name == status.node:
        page.post_message(page.Turned("health"))
    elif chosen:
        page.attempt(partial(_processes, page, [row.name for row in chosen]))


async def _processes(page: Page, names: Sequence[str]) -> None:
    if not await page.sure(_asked(page, f"Ask {words.nodes(names)} for its processes?", names)):
        return
    body = {"data": [], "commandOrEvent": "CommandACK", "method": "ListProcesses"}
    ready = [{"toNode": name, **body} for name in names]
    job = str(new_id()) if len(ready) > 1 else None
    answer = await page.desk.link.call("submit", messages=ready, job=job)
    sending.tell_refused(page, answer.get("refused", []))
    accepted = answer.get("accepted", [])
    if accepted and job is None:
        page.post_message(page.MessageChosen(accepted[0]["id"]))
    elif accepted:
        page.post_message(page.Turned("messages", f"job={job}"))


def _asked(page: Page, text: str, names: Sequence[str]) -> Question:
    """Both are harmless: only to very many is it worth a question, for the traffic."""
    nodes = page.desk.board.nodes
    needed = stake(Deed.ASK, names, nodes) if len(names) > WIDE else Stake.NONE
    return Question(text, needed, len(names), whom=question.nodes(names, nodes))
