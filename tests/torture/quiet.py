"""The quiet phase: nothing is broken any more, and every message gets its proved end."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import closing

from tests import links
from tests.torture.ledger import now
from tests.torture.town import Member, Town

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


async def drained(town: Town, deadline: float) -> bool:
    """Waits until nothing is open anywhere; False if something is after ``deadline`` seconds. It
    is written down as the fault ``quiet``."""
    t, wall = now(), time.time()
    over = False
    while not over and now() < t + deadline:
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
