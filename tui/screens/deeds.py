"""What is done to messages from more than one screen: cancel, send again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any

from tui import question
from tui.groups import OPENED
from tui.ink import Line, Tone, say
from tui.question import Question
from tui.rows import MessageRow
from tui.screens import sending
from tui.screens.page import Page
from tui.stakes import Deed, stake
from tui.words import many

AT_ONCE = 500
"""Messages in one call."""


def cancel(page: Page, chosen: Sequence[MessageRow]) -> None:
    """Cancel those that are open, after asking."""
    open_ones = [row for row in chosen if row.is_open]
    if open_ones:
        page.attempt(partial(_cancel, page, open_ones))
    elif chosen:
        page.tell("Nothing to cancel: it has ended already")


async def _cancel(page: Page, chosen: Sequence[MessageRow]) -> None:
    running = sum(row.state == "running" for row in chosen)
    text = "Cancel this message?" if len(chosen) == 1 else f"Cancel these {len(chosen):,} messages?"
    then = question.endings(len(chosen) - running, running)
    if await page.sure(_asked(page, Deed.CANCEL, text, chosen, then)):
        await cancel_now(page, [row.id for row in chosen])


async def cancel_now(page: Page, ids: Sequence[str]) -> None:
    """Cancel them without asking, and tell what became of them. Raises StewardError."""
    results, _ = await _each(page, "cancel", ids)
    if len(results) == 1:
        only = results[0]
        page.tell(only.get("note") or f"Now {only.get('state', 'cancelled')}")
    else:
        states = Counter(str(one.get("state")) for one in results)
        asked = sum(states.pop(state, 0) for state in OPENED)
        told = [f"{n:,} {state}" for state, n in states.items()]
        told += [f"{asked:,} asked of {'its node' if asked == 1 else 'their nodes'}"] * bool(asked)
        page.tell(", ".join(told))
    page.desk.link.refresh()


def retry(page: Page, chosen: Sequence[MessageRow]) -> None:
    """Send them again as new messages, after asking."""
    kept = [row for row in chosen if not row.secret]
    if kept:
        page.attempt(partial(_retry, page, kept, len(chosen) - len(kept)))
    elif chosen:
        page.tell("It is secret: what it was sent with is not kept. Send it anew", bad=True)


async def _retry(page: Page, chosen: Sequence[MessageRow], secret: int) -> None:
    text = "Send this again?" if len(chosen) == 1 else f"Send these {len(chosen):,} again?"
    then: list[Line] = [(say("As new messages: what was done before is not undone."),)]
    if still := sum(row.is_open for row in chosen):
        those = "It has" if len(chosen) == 1 else f"{still:,} of them have"
        then.append((say(f"{those} not ended yet, and may be done twice.", Tone.WARN),))
    if secret:
        left = f"{many(secret, 'secret message')} chosen as well: not kept, so not sent again."
        then.append((say(left, Tone.WARN),))
    if await page.sure(_asked(page, Deed.RETRY, text, chosen, then)):
        await retry_now(page, [row.id for row in chosen])


async def retry_now(page: Page, ids: Sequence[str]) -> None:
    """Send them again without asking; a single one is opened. Raises StewardError."""
    sent, refused = await _each(page, "retry", ids)
    sending.tell_refused(page, refused)
    if not sent:
        return
    if len(sent) == 1:
        page.tell("Sent again, as a new message")
        page.post_message(page.MessageChosen(str(sent[0]["newId"])))
    else:
        page.tell(f"{many(len(sent), 'message')} sent again: they are a job of their own")
    page.desk.link.refresh()


def _asked(
    page: Page, deed: Deed, text: str, chosen: Sequence[MessageRow], then: Sequence[Line]
) -> Question:
    names = {row.to_node for row in chosen}
    needed = stake(deed, names, page.desk.board.nodes, len(chosen))
    return Question(text, needed, len(chosen), whom=question.messages(chosen), then=then)


async def _each(
    page: Page, method: str, ids: Sequence[str]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What the daemon answered for each, and what it refused, asked in parts."""
    found: list[dict[str, Any]] = []
    refused: list[dict[str, Any]] = []
    for at in range(0, len(ids), AT_ONCE):
        answer = await page.desk.link.call(method, ids=ids[at : at + AT_ONCE])
        found += answer.get("results", [])
        refused += answer.get("refused", [])
    return found, refused
