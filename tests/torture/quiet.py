"""The quiet phase: nothing is broken any more, and every message gets its proved end.

What commands have printed is then fetched from its nodes in full: some of it, into ``pulled/``.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing

from node.world import STEWARD
from tests import links
from tests.torture.ledger import now
from tests.torture.town import Member, Town
from tests.torture.work import Batch

PULLED = 12
"""So many outputs are pulled, of all that are longer than a result holds."""
LONG = ("70k", "300k")
LOOK = 0.5
"""Seconds between two looks."""


async def heal(town: Town) -> None:
    """Everything is as it should be, whatever the nemesis has left behind."""
    await town.broker.start()
    for member in town.members.values():
        member.set_clock(0.0)
        member.link.shape(links.LAN)
        member.link.set("pass")
        await member.link.accept()


async def drained(town: Town, since: float, deadline: float) -> bool:
    """Waits until nothing is open anywhere; False if something is after ``deadline`` seconds. It
    is written down as the fault ``quiet``, from ``since`` on."""
    t, wall = since, time.time() - now() + since
    over = False
    while not over and now() < since + deadline:
        await asyncio.sleep(LOOK)
        over = not any(open_in(member) for member in town.members.values())
    left = {m.name: count for m in town.members.values() if (count := open_in(m))}
    town.book.fault(t=t, wall=wall, until=now(), what="quiet", who="all", detail=str(left or ""))
    return over


def open_in(member: Member) -> int:
    """Messages without a proved end, commands that wait or run, files not taken in yet."""
    files = sum(1 for _ in member.folder.glob("inmsg-*.claimed"))
    files += (member.folder / "inmsg.txt").stat().st_size > 0
    uri = f"{(member.folder / 'steward.db').absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as store:
        [(messages,)] = store.execute("SELECT count(*) FROM message WHERE confirmed = 0")
        [(commands,)] = store.execute("SELECT count(*) FROM command")
    return files + int(messages) + int(commands)


async def pull(town: Town, batches: Sequence[Batch]) -> None:
    """With ``steward messages output``, whose exit status is written down."""
    (town.folder / "pulled").mkdir()
    long = [
        (batch.sender, offer.message["id"])
        for batch in batches
        for offer in batch.offers
        if offer.script.startswith("print") and offer.script.split()[1] in LONG
    ]
    for sender, id in long[:: len(long) // PULLED + 1]:
        process = await asyncio.create_subprocess_exec(
            *STEWARD, "messages", "output", id, "--to", str(town.folder / "pulled" / id),
            "--state-dir", str(town[sender].folder),
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        town.book.act(act="pull", id=id, who=sender, answer=await process.wait())
