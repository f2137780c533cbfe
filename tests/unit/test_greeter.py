"""When a node says hello, and to whom."""

import asyncio
from collections.abc import Collection

from node.presence import Greeter
from steward.subjects import NodeName
from steward.supervisor import Process
from tests.conftest import WaitFor

Said = list[tuple[bool, tuple[NodeName, ...], bool]]


def greeter(interval: float, said: Said) -> Greeter:
    async def say(to_all: bool, more: Collection[NodeName], goodbye: bool) -> None:
        said.append((to_all, tuple(more), goodbye))

    return Greeter(interval, say)


def running(one: Greeter) -> asyncio.Task[None]:
    return asyncio.create_task(one.run(Process("greeter", "greeter", "", one.run)))


async def test_whoever_is_met_for_the_first_time_is_greeted_once(wait_for: WaitFor) -> None:
    said: Said = []
    one = greeter(60.0, said)
    task = running(one)
    one.met(NodeName("central"), "start1")
    await wait_for(lambda: said == [(False, ("central",), False)])
    one.met(NodeName("central"), "start1")
    one.met(NodeName("central"), "start2")
    await wait_for(lambda: len(said) == 2)
    await asyncio.sleep(0.05)
    task.cancel()
    assert said[1:] == [(False, ("central",), False)]


async def test_a_link_that_is_up_again_is_for_everybody_and_the_next_hellos_come_sooner(
    wait_for: WaitFor,
) -> None:
    said: Said = []
    one = greeter(1.0, said)
    task = running(one)
    one.link_changed(True)
    await wait_for(lambda: (True, (), False) in said)
    await wait_for(lambda: len(said) >= 4)
    task.cancel()
    await one.close()
    assert said[-1] == (True, (), True)
