"""What the daemons count: read from their metrics before they are killed, and now and then."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from tests.torture.town import Member, Town

EVERY = 5.0
PATIENCE = 1.0
COUNTERS = {
    "steward_delivery_attempts_total": "attempts",
    "steward_duplicates_suppressed_total": "duplicates",
    "steward_broker_reconnects_total": "reconnects",
    "steward_frames_sent_total": "frames",
    "steward_messages_received_total": "received",
}


async def beat(town: Town, member: Member, why: str) -> None:
    """One line in ``pulse.jsonl``, if the daemon answers."""
    with suppress(OSError, TimeoutError, ValueError):
        async with asyncio.timeout(PATIENCE):
            counted = await _scrape(member.metrics_port)
        if counted:
            town.book.pulse(node=member.name, life=member.life, why=why, **counted)


async def beats(town: Town) -> None:
    """Until cancelled."""
    while True:
        await asyncio.gather(*(beat(town, m, "sample") for m in town.members.values()))
        await asyncio.sleep(EVERY)


async def _scrape(port: int) -> dict[str, int]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"GET /metrics HTTP/1.0\r\n\r\n")
        text = (await reader.read()).decode()
    finally:
        writer.close()
    found: dict[str, int] = {}
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        if name in COUNTERS:
            found[COUNTERS[name]] = int(float(value))
    return found
