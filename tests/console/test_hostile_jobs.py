"""Whatever nodes answer, the two screens of jobs show it tamed and stay up."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.console.conftest import console, sees, until
from tests.console.fake import FakeDaemon
from tests.console.jobs_world import ended, sent
from tests.console.test_hostile import FORBIDDEN, NASTY, assert_tame, text
from tests.console.world import node
from tui import diff, groups, results, rows
from tui.ink import Line, fit, plain, width
from tui.rows import Job, MessageRow, NodeRow
from tui.screens.job import JobPage


def hostile_jobs(words: list[str]) -> FakeDaemon:
    """A job in which every text that a node or a sender can choose is one of ``words``."""
    pick = iter(words * 40)
    job = "j" + next(pick)
    daemon = FakeDaemon()
    for n, state in enumerate(("succeeded", "succeeded", "failed", "queued", "running", "expired")):
        name = f"{next(pick)}{n}"
        daemon.nodes[name] = node(name, "offline" if n == 3 else "online")
        row = sent(job, 1, name, state, [next(pick), next(pick)], reason=next(pick))
        row |= {"method": next(pick), "commandOrEvent": next(pick), "behind": next(pick)}
        row["id"] = f"{n}{next(pick)}"
        if row["result"]:
            row = ended(row, next(pick) * (n + 1), next(pick), n)
        daemon.messages.append(row)
    return daemon


async def tour(words: list[str], size: tuple[int, int]) -> None:
    daemon = hostile_jobs(words)
    async with console(daemon, size) as pilot:
        app: Any = pilot.app
        await pilot.press("5")
        await until(pilot, lambda: app.desk.board.jobs.rows, "the job")
        await sees(pilot, "4/6")
        assert_tame(app)
        await pilot.press("K")
        await pilot.pause(0.1)
        assert_tame(app)
        await pilot.press("escape", "enter")
        await until(pilot, lambda: isinstance(app.screen, JobPage) and app.screen.job, "its view")
        for key in ("j", "d", "j", "j", "d", "j", "j", "tab", "slash", "d", "escape", "K"):
            await pilot.press(key)
            await pilot.pause(0.05)
            assert_tame(app)


async def test_the_worst_of_all_at_once() -> None:
    await tour(list(NASTY), (140, 40))


async def test_the_worst_on_a_small_screen() -> None:
    await tour(list(reversed(NASTY)), (80, 24))


@pytest.mark.parametrize("few", [True, False])
@settings(deadline=None)
@given(st.lists(text, min_size=7, max_size=13))
def test_whatever_is_rendered_is_tame(few: bool, words: list[str]) -> None:
    daemon = hostile_jobs(words)
    told = daemon.on_job(daemon.messages[0]["job"])
    job, clock = rows.read(Job, told), daemon.clock
    known = {name: rows.read(NodeRow, one) for name, one in daemon.nodes.items()}
    sent_rows = {one["id"]: rows.read(MessageRow, one) for one in daemon.messages}
    widths = {"progress": 20, "counts": 30}
    lines: list[Line] = [*results.cells(job, clock, widths).values(), *results.head(job, clock, 70)]
    for group in job.groups:
        sample = sent_rows[group.sample]
        lines += groups.card(group, sample, known, 60, few=few)
        lines += groups.roll(group, sample, known, clock)
        lines += diff.outputs(next(iter(sent_rows.values())), sample, 60)
    for line in lines:
        assert not FORBIDDEN.search(plain(line)), repr(line)
        assert width(fit(line, 40)) == 40
