"""``steward demo``: the promises, shown on a small world of real processes, and checked."""

from __future__ import annotations

import asyncio
import shutil
import signal
import tempfile
import time
from collections.abc import Awaitable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from node.at_sea import show
from node.cli import causes
from node.fleet import end_commands, fleet
from node.story import Story
from node.world import World, world
from steward.errors import NotPossible, StewardError, UsageError

SHIPS = ("ship1", "ship2", "ship3")
START_WITHIN = 60.0
"""Seconds for the ships beside those."""
AWAY = 5
"""Commands that wait for the ship that is away."""


async def commands(story: Story) -> None:
    story.chapter("Three ships get a command each; one of the commands fails")
    script = 'echo "hello from $STEWARD_NODE"'
    ids = [await story.send(ship, "sh", "-c", script) for ship in SHIPS]
    failing = await story.send("ship1", "sh", "-c", "echo out; echo err >&2; exit 3")
    *greetings, failed = await story.follow([*ids, failing])
    said = [m["result"]["stdout"] for m in greetings if m["result"]]
    for text in said:
        story.say(f"    {text.strip()}")
    wanted = [f"hello from {ship}\n" for ship in SHIPS]
    story.promise(said == wanted, "every ship ran its command and brought its output back")
    result = failed["result"] or {}
    apart = (result.get("exitCode"), result.get("stdout"), result.get("stderr"))
    story.promise(
        failed["state"] == "failed" and apart == (3, "out\n", "err\n"),
        "a failure is shown as one: exit status 3, both outputs apart",
    )


async def ship_away(story: Story, here: World, ledger: Path) -> None:
    story.chapter("ship2 loses its power switch while a command runs; five more wait for it")
    long = await story.send(
        "ship2", "sh", "-c", f"echo long >> {ledger}; sleep 3; echo survived", name="ship2: long"
    )
    while (await story.look([long]))[0]["state"] not in ("running", "succeeded"):
        await asyncio.sleep(0.05)
    await here.nodes["ship2"].kill()
    story.say("ship2's daemon is gone (kill -9)")
    append = f'echo "$0" >> {ledger}'
    waiting = [
        await story.send("ship2", "sh", "-c", append, str(i), name=f"ship2: number {i}", timeout=1)
        for i in range(1, AWAY + 1)
    ]
    began = time.monotonic()
    others = await story.follow(
        [await story.send(ship, "true") for ship in SHIPS if ship != "ship2"]
    )
    took = time.monotonic() - began
    story.promise(
        all(m["state"] == "succeeded" for m in others) and took < 3,
        f"one dead ship delays nobody else (the others answered within {took:.1f} s)",
    )
    story.say("meanwhile the broker goes away for three seconds, too")
    await here.broker.stop()
    for _ in range(6):
        await story.look(waiting)
        await asyncio.sleep(0.5)
    await here.broker.start()
    story.say("the broker is back; now ship2 comes back")
    await here.nodes["ship2"].start()
    survivor, *late = await story.follow([long, *waiting])
    story.promise(
        survivor["state"] == "succeeded" and "survived" in survivor["result"]["stdout"],
        "the command that ran outlived its daemon, and its result came back",
    )
    lines = ledger.read_text().split()
    story.promise(all(m["state"] == "succeeded" for m in late), "what waited was delivered and run")
    story.promise(
        lines == ["long", *(str(i) for i in range(1, AWAY + 1))],
        f"each of them once, and in order: {' '.join(lines)}",
    )


async def no_such_ship(story: Story, here: World) -> None:
    story.chapter("A ship that was never there; a command that is cancelled; a line in a log")
    lost = await story.send("ship999", "true", timeout=1, retries=2)
    endless = await story.send("ship3", "sleep", "600")
    text = f"the demo was here {time.time_ns()}\n"
    logged = await story.submit(
        {
            "toNode": "central",
            "data": [text],
            "commandOrEvent": "EventACK",
            "method": "TextLogging",
        },
        "central: TextLogging",
    )
    while (await story.look([endless]))[0]["state"] != "running":
        await asyncio.sleep(0.05)
    await story.ask("cancel", ids=[endless])
    undelivered, cancelled, event = await story.follow([lost, endless, logged])
    story.promise(
        undelivered["state"] == "undelivered" and undelivered["attempts"] == 2,
        "giving up is said, with its reason, after the attempts that were asked for",
    )
    story.promise(await reported(story, lost), "and it is in central's error log")
    story.promise(cancelled["state"] == "cancelled", "a running command was cancelled, proved")
    written = (here.folder / "central" / "textlogging" / "central.log").read_text()
    story.promise(
        event["state"] == "succeeded" and written.count(text) == 1,
        "the text was logged once, as it was written",
    )


async def reported(story: Story, id: str) -> bool:
    for _ in range(100):
        if any(id in (e.get("messageId") or "") + e["text"] for e in await errors(story)):
            return True
        await asyncio.sleep(0.1)
    return False


async def errors(story: Story) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await story.ask("errors"))["errors"]
    return found


async def tell(folder: Path, ships: int) -> bool:
    """The whole story in ``folder``; whether every promise held."""
    others = range(len(SHIPS) + 1, ships + 1)
    async with (
        world(folder, SHIPS) as here,
        fleet(folder, here.broker.address, others) as more,
    ):
        await more.all_up(START_WITHIN)
        story = Story(here.ask)
        await commands(story)
        await ship_away(story, here, folder / "ledger")
        await no_such_ship(story, here)
        return story.verdict()


async def _unless_told_to_end(work: Awaitable[bool]) -> bool:
    """``work``, which a service manager's or a closed terminal's signal cancels: nothing that was
    started must outlive it."""
    task = asyncio.ensure_future(work)
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    return await task


@click.command()
@click.option(
    "--nodes",
    type=click.IntRange(len(SHIPS), 500),
    default=len(SHIPS),
    show_default=True,
    help="Ships in the world.",
)
@click.option("--console", is_flag=True, help="Open the console on it instead, with traffic.")
@click.option("--secure", is_flag=True, help="Show keys, permits and an intruder instead.")
@click.option("--keep", is_flag=True, help="Keep the folder for a look afterwards.")
def demo(nodes: int, console: bool, secure: bool, keep: bool) -> int:
    """Start a broker, central and ships in a fresh folder, send real commands, take a ship away and
    bring it back. Exit status 0 only if every promise held."""
    if secure and (console or nodes != len(SHIPS)):
        raise UsageError(
            "--secure tells a story of its own with three ships", "leave out --nodes and --console"
        )
    if secure and find_spec("cryptography") is None:
        raise NotPossible(
            "--secure needs what makes certificates, and it is not installed",
            "pip install 'steward[broker]'",
        )
    folder = Path(tempfile.mkdtemp(prefix="steward-demo-"))
    broker = "A broker with TLS" if secure else "A broker"
    click.echo(f"{broker}, central and {nodes} ships start in {folder}")
    try:
        held = asyncio.run(_unless_told_to_end(_story(folder, nodes, console, secure)))
    except asyncio.CancelledError:
        held = False
    except BaseExceptionGroup as group:
        raise next((e for e in causes(group) if isinstance(e, StewardError)), group) from None
    finally:
        end_commands(folder)
        if keep:
            click.echo(f"\nEverything is left in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    if not console:
        click.echo("\nAll promises held." if held else "\nA promise was broken: see above.")
    return 0 if held else 1


def _story(folder: Path, nodes: int, console: bool, secure: bool) -> Awaitable[bool]:
    if secure:
        from node import secure_story

        return secure_story.tell(folder)
    return show(folder, nodes) if console else tell(folder, nodes)
