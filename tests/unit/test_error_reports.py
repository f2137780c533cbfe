"""Errors are told once, and counted."""

import asyncio

from node.error_reports import ErrorReports
from node.outcomes import ErrorFacts
from steward.errors import StoreFull
from steward.message import MessageId
from steward.supervisor import Process


def process(reports: ErrorReports) -> Process:
    return Process("errors", "errors", "", reports.run)


async def collected(told: list[ErrorFacts], count: int) -> None:
    async with asyncio.timeout(5):
        while len(told) < count:
            await asyncio.sleep(0.01)


async def test_the_first_goes_at_once_and_repeats_are_counted_with_their_ids() -> None:
    told: list[ErrorFacts] = []

    async def deliver(facts: ErrorFacts) -> None:
        told.append(facts)

    reports = ErrorReports(deliver, window=0.3)
    running = asyncio.create_task(reports.run(process(reports)))
    for i in range(5):
        reports("undelivered", f"message m{i}", message_id=MessageId(f"m{i}"))
    await collected(told, 2)
    running.cancel()
    first, rest = told
    assert (first.text, first.count) == ("message m0", 1)
    assert rest.count == 4
    assert rest.message_ids == ["m1", "m2", "m3", "m4"]


async def test_a_repeat_is_told_although_nothing_comes_after_it() -> None:
    told: list[ErrorFacts] = []

    async def deliver(facts: ErrorFacts) -> None:
        told.append(facts)

    reports = ErrorReports(deliver, window=0.3)
    running = asyncio.create_task(reports.run(process(reports)))
    reports("undelivered", "the first", message_id=MessageId("m0"))
    await collected(told, 1)
    await asyncio.sleep(0)  # it waits for the next one
    reports("undelivered", "the second", message_id=MessageId("m1"))
    await collected(told, 2)
    running.cancel()
    assert told[1].message_ids == ["m1"]


async def test_what_the_store_refuses_is_kept_and_tried_again() -> None:
    told: list[ErrorFacts] = []
    tries = 0

    async def deliver(facts: ErrorFacts) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise StoreFull("no room")
        told.append(facts)

    reports = ErrorReports(deliver)
    running = asyncio.create_task(reports.run(process(reports)))
    reports("runner", "it does not start")
    await collected(told, 1)
    running.cancel()
    assert tries == 2


async def test_other_threads_may_report() -> None:
    told: list[ErrorFacts] = []

    async def deliver(facts: ErrorFacts) -> None:
        told.append(facts)

    reports = ErrorReports(deliver)
    await asyncio.to_thread(reports, "handler_failed", "from a thread")
    await asyncio.sleep(0)
    await reports.close()
    assert [f.text for f in told] == ["from a thread"]
