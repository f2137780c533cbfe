"""A lane waits a moment where more will follow, and not where somebody is in a hurry."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import pytest

from steward import publisher
from steward.handoff.state import Now, Work
from steward.publisher import Publisher
from steward.store import Tables
from steward.subjects import Subject
from steward.supervisor import Process
from tests.conftest import WaitFor

RESULTS = Subject("central.EventACK.Result")
LOGS = Subject("ship1.EventACK.TextLogging")


class Looks:
    """Stands for the store: takes down how much time each look has."""

    def __init__(self) -> None:
        self.within: list[float] = []

    def queue(self, fn: Callable[[Tables], Work], *, within: float = 0.0) -> asyncio.Future[Work]:
        self.within.append(within)
        done: asyncio.Future[Work] = asyncio.get_running_loop().create_future()
        done.set_result(Work())
        return done

    def now(self) -> Now:
        return Now(0.0, 0.0)


def lane(subject: Subject, looks: Looks) -> Publisher:
    nothing = cast(Any, None)
    return Publisher(subject, cast(Any, looks), nothing, nothing, nothing, cast(Any, looks))


@pytest.fixture
async def running() -> AsyncIterator[tuple[Publisher, Looks]]:
    looks = Looks()
    results = lane(RESULTS, looks)
    process = Process("publisher", "publisher", RESULTS, results.run)
    task = asyncio.create_task(results.run(process))
    while not looks.within:
        await asyncio.sleep(0)
    yield results, looks
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_where_more_follows_it_looks_a_little_later_and_has_time(
    running: tuple[Publisher, Looks], wait_for: WaitFor
) -> None:
    results, looks = running
    for _ in range(5):
        results.look_soon()
    await wait_for(lambda: len(looks.within) == 2)
    assert looks.within == [0.0, publisher.SOON]


async def test_a_hurry_ends_the_waiting(
    running: tuple[Publisher, Looks], wait_for: WaitFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    results, looks = running
    monkeypatch.setattr(publisher, "SOON", 60.0)
    results.look_soon()
    results.wake.set()
    for _ in range(20):
        await asyncio.sleep(0)
    assert looks.within == [0.0]
    assert results.patience() > 1
    results.look_now()
    await wait_for(lambda: len(looks.within) == 2)
    assert looks.within == [0.0, 0.0]


def test_only_what_nobody_waits_for_has_time() -> None:
    assert lane(RESULTS, Looks()).patience() == publisher.SOON
    assert lane(Subject("ship1.CommandACK.ShellCommand"), Looks()).patience() == publisher.SOON
    assert lane(LOGS, Looks()).patience() == 0.0
