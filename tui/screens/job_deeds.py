"""What is done to whole jobs: cancel what is open of them, send again what did not end well."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from tui import draft, results, rows
from tui.ink import Line, Tone, joined, line, say
from tui.looks import PROBLEMS
from tui.rows import Group, Job, Resolved
from tui.screens.page import Page

AT_ONCE = 500
"""Messages in one call."""
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
    groups = await _groups(page, jobs, results.is_open)
    count = sum(len(group.ids) for group in groups)
    if not count:
        page.tell("Nothing to cancel: all of it has ended")
        return
    question = f"Cancel what is open of {_these(jobs)}, {_messages(count)}?"
    if await page.sure(question, _details(groups), draft.wide_stake(count), count):
        answers = await _called(page, "cancel", groups)
        states = Counter(str(one.get("state")) for one in answers)
        page.tell(", ".join(f"{n:,} {state}" for state, n in states.items()))
        page.desk.link.refresh()


async def _retry(page: Page, jobs: Sequence[str]) -> None:
    groups = await _groups(page, jobs, lambda group: group.state in PROBLEMS)
    ids = [id for group in groups for id in group.ids]
    if not ids:
        page.tell("Nothing to send again: what has ended has ended well, or was cancelled")
        return
    names = list(dict.fromkeys(name for group in groups for name in group.nodes))
    # What runs again runs on a node: one asks as much as for sending it, and never nothing.
    stake = draft.stake(Resolved(nodes=names), page.desk.board.nodes)
    if stake is draft.Stake.NONE or len(ids) > len(names):
        stake = draft.wide_stake(len(ids))
    question = f"Send again what did not end well of {_these(jobs)}, {_messages(len(ids))}?"
    if await page.sure(question, _details(groups), stake, len(ids)):
        sent = [one for one in await _called(page, "retry", groups) if one.get("newId")]
        page.tell(f"{_messages(len(sent))} sent again: see 2 Messages")
        page.desk.link.refresh()


async def _groups(page: Page, jobs: Sequence[str], kept: Callable[[Group], bool]) -> list[Group]:
    found = await read(page, jobs)
    return [group for job in found for group in job.groups if kept(group)]


async def _called(page: Page, method: str, groups: Sequence[Group]) -> list[dict[str, object]]:
    ids = [id for group in groups for id in group.ids]
    found: list[dict[str, object]] = []
    for at in range(0, len(ids), AT_ONCE):
        answer = await page.desk.link.call(method, ids=ids[at : at + AT_ONCE])
        found += answer.get("results", [])
    return found


def _these(jobs: Sequence[str]) -> str:
    return "this job" if len(jobs) == 1 else f"these {len(jobs):,} jobs"


def _messages(count: int) -> str:
    return f"{count:,} message{'s' if count != 1 else ''}"


def _details(groups: Sequence[Group]) -> list[Line]:
    lines: list[Line] = []
    for group in groups:
        count = (say(f"{len(group.ids):,}", Tone.STRONG),)
        lines.append(line("  ", *joined([count, results.title(group)])))
        lines.append((say(f"    {results.several(group.nodes, NAMED)}", Tone.MUTED),))
    return lines
