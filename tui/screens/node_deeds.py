"""What is done to nodes' queues: hold, release, clear; and the red button for the whole fleet."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial

from msgspec.structs import replace

from tui import question
from tui.desk import Desk
from tui.ink import Line, Tone, say
from tui.question import Question
from tui.rows import NodeRow
from tui.screens.page import Page
from tui.stakes import Deed, Stake, stake
from tui.words import many

NAMED = 3
"""Nodes that a sentence names; of more it tells the number."""


def hold(page: Page, chosen: Sequence[NodeRow]) -> None:
    """Hold their queues, or, if all of them are held, release them; several: after asking."""
    if chosen:
        page.attempt(partial(_hold, page, chosen))


async def _hold(page: Page, chosen: Sequence[NodeRow]) -> None:
    desk = page.desk
    release = all(desk.holding.get(row.name, row.held) for row in chosen)
    text = f"{'Release' if release else 'Hold'} the queues of {_those(chosen)}?"
    if await page.sure(_asked(page, text, chosen, release=release)):
        await _let(desk, [row.name for row in chosen], held=not release)
        what = _those(chosen)
        held = f"held until you press {page.key('node.hold')} again"
        page.tell(f"{what}: {'released' if release else held}")
        desk.link.refresh()


async def _let(desk: Desk, names: Sequence[str], *, held: bool) -> None:
    """The same key pressed again before the roster tells of it means the opposite."""
    desk.holding |= dict.fromkeys(names, held)
    try:
        await desk.link.call("hold" if held else "release", nodes=names)
        nodes, last = desk.board.nodes, desk.holding
        known = [name for name in names if name in nodes and name in last]
        desk.board.nodes = nodes | {n: replace(nodes[n], held=last[n]) for n in known}
    finally:
        desk.holding = {name: last for name, last in desk.holding.items() if name not in names}


def hold_fleet(page: Page) -> None:
    """Hold every node's queue, or, if all are held, release them; after asking."""
    rows = list(page.desk.board.nodes.values())
    if not rows:
        page.tell("There is no node to hold yet")
        return
    page.attempt(partial(_hold_fleet, page, rows, release=all(row.held for row in rows)))


async def _hold_fleet(page: Page, rows: Sequence[NodeRow], *, release: bool) -> None:
    text = f"{'Release' if release else 'Hold'} the whole fleet, {many(len(rows), 'node')}?"
    if await page.sure(_asked(page, text, rows, release=release, always=True)):
        await page.desk.link.call("release" if release else "hold", all=True)
        page.tell("The fleet is released" if release else "The fleet is held")
        page.desk.link.refresh()


def _asked(
    page: Page, text: str, rows: Sequence[NodeRow], *, release: bool, always: bool = False
) -> Question:
    """Holding is safe, and may have to be quick; releasing may start many commands at once."""
    deed = Deed.RELEASE if release else Deed.HOLD
    names = [row.name for row in rows]
    queued = sum(row.queued for row in rows)
    then: list[Line] = []
    if not release:
        then.append((say("Nothing new is sent to them; what runs goes on."),))
        then.append((say("What is accepted for them waits, and keeps its order.", Tone.MUTED),))
    elif queued:
        then.append((say(f"{many(queued, 'message')} that wait for them go out now.", Tone.WARN),))
    else:
        then.append((say("Nothing waits for them.", Tone.MUTED),))
    nodes = page.desk.board.nodes
    needed = stake(deed, names, nodes, queued if release else 0)
    needed = max(needed, Stake.YES) if always else needed
    return Question(text, needed, len(rows), whom=question.nodes(names, nodes), then=then)


def clear(page: Page, chosen: Sequence[NodeRow]) -> None:
    """Cancel all that waits for these nodes or is under way to them, after asking."""
    if chosen:
        page.attempt(partial(_clear, page, chosen))


async def _clear(page: Page, chosen: Sequence[NodeRow]) -> None:
    queued = sum(row.queued for row in chosen)
    under_way = sum(row.under_way for row in chosen)
    count = queued + under_way
    if not count:
        page.tell(f"Nothing waits for {_those(chosen)}")
        return
    names, nodes = [row.name for row in chosen], page.desk.board.nodes
    asked = Question(
        f"Cancel {_all(count)} to {_those(chosen)}?",
        stake(Deed.CLEAR, names, nodes, count),
        count,
        whom=question.nodes(names, nodes),
        then=question.endings(queued, under_way, sure=False),
    )
    if await page.sure(asked):
        answer = await page.desk.link.call("clear", nodes=names)
        page.tell(f"{many(answer.get('messages', 0), 'message')} cancelled")
        page.desk.link.refresh()


def _those(rows: Collection[NodeRow]) -> str:
    names = [row.name for row in rows]
    return ", ".join(names) if len(names) <= NAMED else many(len(names), "node")


def _all(count: int) -> str:
    return "the message" if count == 1 else f"all {count:,} messages"
