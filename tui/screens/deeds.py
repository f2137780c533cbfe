"""What is done from more than one screen: cancel, send again, hold the fleet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial

from tui import draft, render
from tui.ink import Line, Tone, joined, line, say
from tui.rows import MessageRow
from tui.screens.page import Page


def cancel(page: Page, chosen: Sequence[MessageRow]) -> None:
    """Cancel those that are open, after asking."""
    open_ones = [row for row in chosen if row.is_open]
    if open_ones:
        page.attempt(partial(_cancel, page, open_ones))
    elif chosen:
        page.tell("Nothing to cancel: it has ended already")


async def _cancel(page: Page, chosen: Sequence[MessageRow]) -> None:
    count = len(chosen)
    question = "Cancel this message?" if count == 1 else f"Cancel these {count:,} messages?"
    if not await page.sure(question, _listed(chosen), draft.wide_stake(count), count):
        return
    answer = await page.desk.link.call("cancel", ids=[row.id for row in chosen])
    results = answer.get("results", [])
    if len(results) == 1:
        only = results[0]
        page.tell(only.get("note") or f"Now {only.get('state', 'cancelled')}")
    else:
        states = Counter(str(one.get("state")) for one in results)
        page.tell(", ".join(f"{n:,} {state}" for state, n in states.items()))
    page.desk.link.refresh()


def retry(page: Page, chosen: Sequence[MessageRow]) -> None:
    """Send them again as new messages, after asking."""
    if chosen:
        page.attempt(partial(_retry, page, chosen))


async def _retry(page: Page, chosen: Sequence[MessageRow]) -> None:
    count = len(chosen)
    question = "Send this again?" if count == 1 else f"Send these {count:,} again?"
    if not await page.sure(question, _listed(chosen), draft.wide_stake(count), count):
        return
    answer = await page.desk.link.call("retry", ids=[row.id for row in chosen])
    sent = [one for one in answer.get("results", []) if one.get("newId")]
    if len(sent) == 1:
        page.tell("Sent again, as a new message")
        page.post_message(page.MessageChosen(sent[0]["newId"]))
    else:
        page.tell(f"{len(sent):,} sent again")
    page.desk.link.refresh()


def hold_fleet(page: Page) -> None:
    """Hold every node's queue, or, if all are held, release them; after asking."""
    nodes = page.desk.board.nodes.values()
    release = bool(nodes) and all(row.held for row in nodes)
    page.attempt(partial(_hold_fleet, page, release=release))


async def _hold_fleet(page: Page, *, release: bool) -> None:
    count = len(page.desk.board.nodes)
    verb = "Release" if release else "Hold"
    details = [(say("Nothing new is sent to any node; what runs goes on."),)]
    question = f"{verb} the whole fleet, {count:,} nodes?"
    if await page.sure(question, [] if release else details, draft.wide_stake(count), count):
        await page.desk.link.call("release" if release else "hold", all=True)
        page.tell("The fleet is released" if release else "The fleet is held")
        page.desk.link.refresh()


def _listed(chosen: Sequence[MessageRow]) -> list[Line]:
    return [
        joined([line(say("  "), say(row.to_node, Tone.STRONG)), render.what(row)]) for row in chosen
    ]
