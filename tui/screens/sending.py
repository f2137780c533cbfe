"""Hands a draft in: whom it means, the question, its way to the daemon, what is opened then."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from steward.errors import NoDaemon, NothingMatched, StewardError
from steward.message import new_id
from tui import draft as drafts
from tui import fates, preview, question, rows, words
from tui.desk import Desk
from tui.draft import Draft
from tui.ink import Line, Tone, say
from tui.question import Question
from tui.rows import Resolved
from tui.screens.page import Page
from tui.stakes import Deed, stake

AT_ONCE = 1000
"""Messages in one call, and"""
BYTES_AT_ONCE = 4 * 1024 * 1024
"""of what size together: a line of the control socket has its limit."""


async def resolve(desk: Desk, given: Draft) -> Resolved:
    """The nodes that are meant. Raises StewardError."""
    if not given.targets:
        return Resolved()
    return rows.read(Resolved, await desk.link.call("resolve", targets=given.targets))


async def send(page: Page, given: Draft, deed: Deed = Deed.SEND) -> bool:
    """Ask as much as is at stake, send, remember it, open what became of it; False: not sent.
    Raises StewardError."""
    desk = page.desk
    found = await resolve(desk, given)
    if found.nothing:
        raise NothingMatched(f"{', '.join(found.nothing)} matches no node", page.see("nodes"))
    names = preview.recipients(found)
    if not names:
        raise NothingMatched("no node is named", "type one after To")
    ready = drafts.messages(given, names)
    if not await page.sure(_asked(desk, given, names, deed)):
        return False
    job = str(new_id()) if len(ready) > 1 else None
    accepted, refused = await _submitted(page, ready, job)
    tell_refused(page, refused)
    if not accepted:
        return False
    if warnings := [one["warning"] for one in accepted if one.get("warning")]:
        more = f" (and {len(warnings) - 1:,} warnings more)" if len(warnings) > 1 else ""
        page.tell(warnings[0] + more)
    desk.memory.add(given, desk.clock.now())
    page.attempt(partial(keep, desk), "memory")
    desk.link.refresh()
    if job is None:
        page.post_message(page.MessageChosen(accepted[0]["id"]))
    else:
        page.post_message(page.JobChosen(job))
    return True


def tell_refused(page: Page, refused: Sequence[Mapping[str, str]]) -> None:
    """Why the daemon did not take the first of them, and how many others it did not take."""
    if refused:
        first = refused[0]
        others = f" ({len(refused):,} refused in all)" if len(refused) > 1 else ""
        page.tell(f"Refused: {first.get('text')}. {first.get('hint', '')}{others}", bad=True)


def repeat(page: Page) -> None:
    """Send once more what was sent last; always after asking."""
    sent = page.desk.memory.sent
    if sent:
        page.attempt(partial(send, page, sent[0].draft, Deed.REPEAT))
    else:
        page.tell(
            f"Nothing was sent from here yet: {page.key('compose')} composes the first message"
        )


async def keep(desk: Desk) -> None:
    """Write down what the operator wrote. Raises StewardError, for the same trouble once."""
    try:
        await asyncio.to_thread(desk.memory.save)
    except StewardError as error:
        before, desk.memory.trouble = desk.memory.trouble, error.text
        if error.text != before:
            raise


def _asked(desk: Desk, given: Draft, names: Sequence[str], deed: Deed) -> Question:
    nodes = desk.board.nodes
    verb = "Send this once more to" if deed is Deed.REPEAT else "Send this to"
    then: list[Line] = [fates.summed_up(names, nodes)]
    risks = preview.risks(given, names, nodes, linked=desk.linked)
    then += [(say(one, Tone.WARN),) for one in risks]
    return Question(
        f"{verb} {words.nodes(names)}?",
        stake(deed, names, nodes),
        len(names),
        what=preview.asked(given),
        whom=question.nodes(names, nodes),
        then=then,
    )


async def _submitted(
    page: Page, ready: Sequence[dict[str, Any]], job: str | None
) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """(accepted, refused), handed in in parts of one job."""
    size = len(json.dumps(ready[0]))
    part = max(1, min(AT_ONCE, BYTES_AT_ONCE // size))
    accepted: list[dict[str, str]] = []
    refused: list[dict[str, str]] = []
    for at in range(0, len(ready), part):
        try:
            answer = await page.desk.link.call("submit", messages=ready[at : at + part], job=job)
        except StewardError as error:
            raise _cut_short(error, len(accepted), len(ready), page.see("messages")) from None
        accepted += answer.get("accepted", [])
        refused += answer.get("refused", [])
        if at + part < len(ready):
            page.tell(f"{at + part:,} of {len(ready):,} handed in …")
    return accepted, refused


def _cut_short(error: StewardError, accepted: int, total: int, see: str) -> StewardError:
    """The same error; where nobody knows how far it came, it says where to look."""
    if accepted:
        hint = f"{accepted:,} of {total:,} were accepted before: {see}"
    elif isinstance(error, NoDaemon):
        hint = f"if it was lost on the way it may be accepted all the same: {see}"
    else:
        return error
    return StewardError(error.text, hint)
