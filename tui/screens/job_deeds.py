"""What is done to whole jobs: cancel what is open of them, send again what did not end well."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from tui import groups, question, rows
from tui.ink import Line, Tone, joined, line, say
from tui.looks import PROBLEMS
from tui.question import Question
from tui.rows import Group, Job
from tui.screens import deeds
from tui.screens.page import Page
from tui.stakes import Deed, stake
from tui.words import many, several

NAMED = 8
"""Nodes of a group that the question names."""


def cancel(page: Page, jobs: Sequence[Job]) -> None:
    """Cancel what is open of these jobs, after asking."""
    if jobs:
        page.attempt(partial(_cancel, page, [job.job for job in jobs]))


def retry(page: Page, jobs: Sequence[Job]) -> None:
    """Send again, as new messages, only those that did not end well, after asking."""
    if jobs:
        page.attempt(partial(_retry, page, [job.job for job in jobs]))


async def read(page: Page, ids: Iterable[str]) -> list[Job]:
    """The jobs in full. Raises StewardError."""
    return [rows.read(Job, await page.desk.link.call("job", job=id)) for id in ids]


async def _cancel(page: Page, jobs: Sequence[str]) -> None:
    found = await _groups(page, jobs, groups.is_open)
    count = sum(len(group.ids) for group in found)
    if not count:
        page.tell("Nothing to cancel: all of it has ended")
        return
    running = sum(len(group.ids) for group in found if group.state == "running")
    then = question.endings(count - running, running)
    text = f"Cancel what is open of {_these(jobs)}, {many(count, 'message')}?"
    if await page.sure(_asked(page, Deed.CANCEL, text, found, then)):
        await deeds.cancel_now(page, _ids(found))


async def _retry(page: Page, jobs: Sequence[str]) -> None:
    found = await _groups(page, jobs, lambda group: group.state in PROBLEMS)
    count = sum(len(group.ids) for group in found)
    if not count:
        page.tell("Nothing to send again: what has ended has ended well, or was cancelled")
        return
    then = [(say("As new messages: what was done before is not undone."),)]
    if unsure := sum(len(group.ids) for group in found if not group.confirmed):
        those = "It is" if count == 1 else f"{unsure:,} of them {'is' if unsure == 1 else 'are'}"
        then.append((say(f"{those} unconfirmed, and may be done twice.", Tone.WARN),))
    text = f"Send again what did not end well of {_these(jobs)}, {many(count, 'message')}?"
    if await page.sure(_asked(page, Deed.RETRY, text, found, then)):
        await deeds.retry_now(page, _ids(found))


def _asked(
    page: Page, deed: Deed, text: str, found: Sequence[Group], then: Sequence[Line]
) -> Question:
    names = {name for group in found for name in group.nodes}
    count = sum(len(group.ids) for group in found)
    needed = stake(deed, names, page.desk.board.nodes, count)
    return Question(text, needed, count, whom=_listed(found), then=then)


async def _groups(page: Page, jobs: Sequence[str], kept: Callable[[Group], bool]) -> list[Group]:
    found = await read(page, jobs)
    return [group for job in found for group in job.groups if kept(group)]


def _ids(found: Sequence[Group]) -> list[str]:
    return [id for group in found for id in group.ids]


def _these(jobs: Sequence[str]) -> str:
    return "this job" if len(jobs) == 1 else f"these {len(jobs):,} jobs"


def _listed(found: Sequence[Group]) -> list[Line]:
    lines: list[Line] = []
    for group in found:
        count = (say(f"{len(group.ids):,}", Tone.STRONG),)
        lines.append(line("  ", *joined([count, groups.title(group)])))
        lines.append((say(f"    {several(group.nodes, NAMED)}", Tone.MUTED),))
    return lines
