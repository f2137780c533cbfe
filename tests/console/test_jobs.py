"""Jobs and a job's view, used with the keyboard on a fake daemon."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.console.conftest import console, sees, shown, types, until
from tests.console.fake import FakeDaemon
from tests.console.jobs_world import KERNELS, OLD, UPTIME, ended, jobs_fleet, sent
from tests.console.world import node
from tui.screens.job import JobPage
from tui.screens.jobs import JobsPage
from tui.screens.message import MessagePage
from tui.widgets.cards import Cards
from tui.widgets.lines import Lines
from tui.widgets.table import Table

SMALL = (80, 24)
LARGE = (160, 48)


async def open_job(pilot: Pilot[Any], downs: int = 0) -> JobPage:
    await pilot.press("5")
    await sees(pilot, "5 jobs")
    await pilot.press(*["j"] * downs, "enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, JobPage), "the job's view")
    page = pilot.app.screen
    assert isinstance(page, JobPage)
    await until(pilot, lambda: page.query_one(Cards).rows, "its groups")
    return page


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_jobs_tells_how_far_each_is(size: tuple[int, int]) -> None:
    async with console(jobs_fleet(), size) as pilot:
        await pilot.press("5")
        small = ("cat /etc/os-r…", "39/43", "✓ 38  ✗ 1  ▶ 1  ◌ 3", "43 succeeded", "3.60 s")
        large = ("cat /etc/os-release", "38 succeeded, 1 failed, 1 running, 3 waiting", "━╍─ 39/43")
        for word in small if size == SMALL else large:
            await sees(pilot, word)


async def test_an_empty_screen_teaches() -> None:
    async with console(FakeDaemon(), SMALL) as pilot:
        await pilot.press("5")
        await sees(pilot, "Nothing has been sent to several nodes yet.")
        await sees(pilot, "steward send 'ship*' -- uptime")
        await pilot.press("enter", "K", "R", "z")
        await sees(pilot, "z shows everything again")


async def test_filter_problems_and_marks() -> None:
    async with console(jobs_fleet()) as pilot:
        await pilot.press("5", "z")
        await sees(pilot, "2 of 5 jobs")
        await pilot.press("z", "slash")
        await types(pilot, "uptime")
        await sees(pilot, "1 of 1 job")
        await pilot.press("escape", "slash")
        await types(pilot, "state=expired")
        await sees(pilot, "1 of 5 jobs")
        await pilot.press("escape", "space", "space")
        await sees(pilot, "2 marked")
        await pilot.press("u", "a")
        await sees(pilot, "5 marked")


async def test_older_jobs_come_when_somebody_goes_to_them_or_looks_for_them() -> None:
    daemon = FakeDaemon({"ship1": node("ship1")})
    for n in range(500):
        state = "failed" if n == 450 else "succeeded"
        daemon.messages += [sent(f"job-{n:05}", 1, f"ship{i}", state, ["x"]) for i in (1, 2)]
    async with console(daemon) as pilot:
        await pilot.press("5")
        await sees(pilot, "200+ jobs")
        await pilot.press("G")
        await sees(pilot, "400+ jobs")
    async with console(daemon) as pilot:
        await pilot.press("5", "z")
        await sees(pilot, "1 of 500 jobs")


async def test_cancel_ends_what_is_open_after_a_question() -> None:
    daemon = jobs_fleet()
    async with console(daemon) as pilot:
        await pilot.press("5")
        await sees(pilot, "5 jobs")
        await pilot.press("K")
        await sees(pilot, "Cancel what is open of this job, 4 messages?")
        await sees(pilot, "ship3, ship5, ship8")
        await pilot.press("escape")
        assert daemon.asked_for("cancel") == []
        await pilot.press("K")
        await sees(pilot, "Type 4")  # some of them are production
        await pilot.press("4", "enter")
        await sees(pilot, "4 cancelled")
        (asked,) = daemon.asked_for("cancel")
        names = sorted(id.split("-")[1] for id in asked["ids"])
        assert names == ["ship1", "ship3", "ship5", "ship8"]
        await pilot.press("j", "K")
        await sees(pilot, "Nothing to cancel")


async def test_only_what_did_not_end_well_is_sent_again() -> None:
    daemon = jobs_fleet()
    async with console(daemon) as pilot:
        await pilot.press("5")
        await sees(pilot, "5 jobs")
        await pilot.press("space", "space", "R")
        await sees(pilot, "Send again what did not end well of these 2 jobs, 4 messages?")
        await sees(pilot, "✗ failed · exit 1")
        await pilot.press("y")
        await sees(pilot, "4 messages sent again")
        (asked,) = daemon.asked_for("retry")
        names = sorted(id.split("-")[1] for id in asked["ids"])
        assert names == ["ship13", "ship13", "ship31", "ship9"]
        await pilot.press("u", "j", "R")
        await sees(pilot, "Nothing to send again")


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_a_job_shows_who_answered_alike(size: tuple[int, int]) -> None:
    async with console(jobs_fleet(), size) as pilot:
        page = await open_job(pilot)
        for word in ("33 nodes", "ship6, ship15", "1 offline, 1 held", "VERSION_CODENAME=bookworm"):
            await sees(pilot, word)
        await pilot.press("j")
        await sees(pilot, "VERSION_CODENAME=bullseye")
        await pilot.press("d")
        await sees(pilot, '- PRETTY_NAME="Debian GNU/Linux 12')
        await sees(pilot, '+ PRETTY_NAME="Debian GNU/Linux 11')
        await pilot.press("g")
        await sees(pilot, "Most answered like this")
        await pilot.press("d", "j", "j")
        await sees(pilot, "○ offline")
        await pilot.press("tab")
        assert page.query_one("#outcome", Lines).has_focus
        await pilot.press("tab")
        assert page.query_one(Cards).has_focus
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, JobsPage), "the jobs again")


async def test_a_group_leads_to_its_messages() -> None:
    async with console(jobs_fleet(), LARGE) as pilot:
        await open_job(pilot)
        await pilot.press("j", "enter")
        await sees(pilot, f"filter job={KERNELS} state=succeeded node=ship6,ship15")
        rows = pilot.app.screen.query_one(Table).rows
        assert {row.to_node for row in rows} == {"ship6", "ship15", "ship24", "ship33", "ship42"}
        await pilot.press("5", "G")
        await sees(pilot, "cat: /etc/os-release: No such file")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, MessagePage), "the message")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, JobPage), "the job again")


async def test_a_job_is_live_and_what_is_known_is_not_read_again() -> None:
    daemon = jobs_fleet()
    async with console(daemon, LARGE) as pilot:
        await open_job(pilot)
        await sees(pilot, "39/43")
        await sees(pilot, "VERSION_CODENAME=bookworm")
        read = [call["id"] for call in daemon.asked_for("message")]
        daemon.tell(messages=["somebody-else's"])
        asked = len(daemon.asked_for("job"))
        running = next(m for m in daemon.messages if m["state"] == "running")
        done = ended(sent(KERNELS, 2, "ship1", "succeeded", running["data"]), OLD)
        running.update(done | {"id": running["id"]})
        daemon.tell(messages=[running["id"]])
        await sees(pilot, "40/43")
        await sees(pilot, "6 nodes")
        assert len(daemon.asked_for("job")) == asked + 1
        again = [call["id"] for call in daemon.asked_for("message")][len(read) :]
        ended_before = {id for id in read if "succeeded" in id or "failed" in id}
        assert not ended_before & set(again)


async def test_every_group_in_sight_has_its_first_line() -> None:
    async with console(jobs_fleet(), LARGE) as pilot:
        page = await open_job(pilot, 2)
        assert page.job is not None
        assert page.job.job == UPTIME
        await sees(pilot, "11:02 up 8 days")
        await pilot.press("G")
        await sees(pilot, "11:02 up 42 days")
        await sees(pilot, "11:02 up 37 days")


async def test_copy_command_and_export(tmp_path: Path) -> None:
    async with console(jobs_fleet(), LARGE) as pilot:
        await pilot.press("5")
        await sees(pilot, "5 jobs")
        jobs = pilot.app.screen
        assert isinstance(jobs, JobsPage)
        assert jobs.as_command() == f"steward jobs show {KERNELS}"
        assert "38 succeeded, 1 failed" in jobs.copied()
        name, content = jobs.exported()
        assert (name, content.count(b"\n")) == ("jobs.jsonl", 5)
        await pilot.press("escape")
        page = await open_job(pilot)
        await sees(pilot, "VERSION_CODENAME=bookworm")
        await pilot.press("j")
        await sees(pilot, "VERSION_CODENAME=bullseye")
        assert "VERSION_CODENAME=bullseye" in page.copied()
        line = "steward send ship6,ship15,ship24,ship33,ship42 --timeout 10 -- cat /etc/os-release"
        assert page.as_command() == line
        name, content = page.exported()
        told = json.loads(content)
        assert name == f"job-{KERNELS}.json"
        assert told["groups"][1]["message"]["result"]["stdout"] == OLD


async def test_compose_goes_to_the_group_or_to_the_whole_job() -> None:
    async with console(jobs_fleet(), LARGE) as pilot:
        page = await open_job(pilot)
        await pilot.press("j", "c")
        await sees(pilot, "ship6,ship15,ship24")
        await pilot.press("escape", "5", "escape", "j", "j", "j", "c")
        await sees(pilot, "ship1,ship2,ship3,ship4")
        assert page.desk.draft.to == "ship1,ship2,ship3,ship4"


async def test_a_job_that_is_gone_says_so() -> None:
    async with console(jobs_fleet(), SMALL) as pilot:
        await pilot.press("5")
        await sees(pilot, "5 jobs")
        pilot.app.screen.post_message(JobsPage.JobChosen("gone"))
        await sees(pilot, "there is no job gone")
        await pilot.press("K", "R", "d", "enter", "tab", "y", "Y", "escape")
        await sees(pilot, "HOW IT STANDS")


async def test_ten_thousand_messages_open_with_little_work() -> None:
    names = [f"n{i}" for i in range(10_000)]
    daemon = FakeDaemon({name: node(name) for name in names})
    daemon.messages = [
        ended(sent("big", 1, name, "succeeded", ["uptime"]), f"{i % 3000}\n")
        for i, name in enumerate(names)
    ]
    async with console(daemon, LARGE) as pilot:
        await pilot.press("5")
        await sees(pilot, "10,000/10,000")
        began = time.process_time()
        await pilot.press("enter")
        await sees(pilot, "4 nodes")
        assert time.process_time() - began < 1.5
        began = time.process_time()
        await pilot.press("G")
        await sees(pilot, "n7000, n4000, n1000")
        assert time.process_time() - began < 1


async def test_a_read_only_console_changes_nothing() -> None:
    daemon = jobs_fleet()
    async with console(daemon, read_only=True) as pilot:
        await open_job(pilot)
        await pilot.press("K", "R", "escape", "K", "R")
        await pilot.pause()
        assert "Cancel" not in shown(pilot.app)
        assert daemon.asked_for("cancel") + daemon.asked_for("retry") == []


async def test_what_a_group_brought_is_searched() -> None:
    async with console(jobs_fleet(), SMALL) as pilot:
        page = await open_job(pilot)
        await sees(pilot, "VERSION_CODENAME=bookworm")
        await pilot.press("slash")
        await types(pilot, "debian")
        await sees(pilot, "1 of 6")
        await pilot.press("enter", "n", "n")
        await sees(pilot, "3 of 6")
        await pilot.press("N")
        await sees(pilot, "2 of 6")
        await pilot.press("escape")
        await until(pilot, lambda: not page.query_one("#searching").display, "no search")
        assert pilot.app.screen is page
