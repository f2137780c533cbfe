"""Offers the work to the nodes' intakes, and what nobody answered for again, until it is known."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from node.world import STEWARD
from steward.control.client import ControlClient
from steward.errors import StewardError
from tests.torture.ledger import now
from tests.torture.town import Town
from tests.torture.work import Batch, Offer

PATIENCE = 5.0
"""Seconds for an answer of the socket."""
CLI_PATIENCE = 30.0
PAUSE = 0.2

Answer = dict[str, tuple[bool, str]]
"""Id → whether it was accepted, and why not. An id that isn't in it: nobody knows."""


class Offering:
    """One queue for each node that offers, so that each offers in order."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self._cancels: asyncio.TaskGroup

    async def carry_out(self, batches: Sequence[Batch]) -> None:
        """Returns once all are accepted or refused, and every cancel was asked for."""
        async with asyncio.TaskGroup() as self._cancels, asyncio.TaskGroup() as senders:
            for name in self._town.members:
                own = [batch for batch in batches if batch.sender == name]
                senders.create_task(self._offer_all(name, own), name=f"{name} offers")

    async def _offer_all(self, sender: str, batches: Sequence[Batch]) -> None:
        for batch in batches:
            await asyncio.sleep(max(0.0, self._town.began + batch.at - now()))
            left = list(batch.offers)
            while left:
                answer = await self._offer(sender, batch.way, left)
                for offer in left:
                    self._tell(sender, batch.way, offer, answer.get(offer.message["id"]))
                left = [offer for offer in left if offer.message["id"] not in answer]
                if left:
                    await asyncio.sleep(PAUSE)

    async def _offer(self, sender: str, way: str, offers: Sequence[Offer]) -> Answer:
        folder = self._town[sender].folder
        messages = [offer.message for offer in offers]
        if way == "file":
            return await append(folder, messages)
        if way == "cli":
            return await submit(folder, messages)
        try:
            async with asyncio.timeout(PATIENCE), ControlClient(folder) as client:
                told = await client.call("submit", messages=messages)
        except (StewardError, TimeoutError, OSError):
            return {}
        accepted = {one["id"]: (True, "") for one in told["accepted"]}
        refused = {messages[one["index"]]["id"]: (False, one["text"]) for one in told["refused"]}
        return accepted | refused

    def _tell(self, sender: str, way: str, offer: Offer, known: tuple[bool, str] | None) -> None:
        m = offer.message
        accepted, reason = known or (None, "")
        self._town.book.offer(**{
            "n": offer.n, "id": m["id"], "from": sender, "to": m["toNode"],
            "kind": m["commandOrEvent"], "method": m["method"], "way": way,
            "parallel": m.get("parallel", False), "ttl": m.get("ttl", 0),
            "methodTimeout": m.get("methodTimeout", 0), "timeout": m.get("timeout"),
            "retries": m.get("retries", 0), "accepted": accepted, "reason": reason,
            "script": offer.script, "expect": offer.expect, "refusable": offer.refusable,
        })  # fmt: skip
        if accepted and offer.cancel is not None:
            self._cancels.create_task(self._cancel(sender, m["id"], offer.cancel))

    async def _cancel(self, sender: str, id: str, after: float) -> None:
        """Asked again until there is an answer; the last line of an id says what it was."""
        await asyncio.sleep(after)
        answer: Any = None
        while answer is None:
            try:
                async with (
                    asyncio.timeout(PATIENCE),
                    ControlClient(self._town[sender].folder) as client,
                ):
                    answer = await client.call("cancel", ids=[id])
            except (TimeoutError, OSError):
                pass
            except StewardError as error:
                # One by file may not have been taken in yet, and a wiped node knows it no more.
                answer = {"error": error.code} if error.exit_status == 3 else None
            self._town.book.act(act="cancel", id=id, who=sender, answer=answer)
            await asyncio.sleep(PAUSE)


async def append(folder: Path, messages: Sequence[Any]) -> Answer:
    """To ``inmsg.txt``; sometimes in two halves, as a slow writer would."""
    data = msgspec.json.encode(messages) + b"\n"
    half = len(data) // 2 if len(messages) % 3 == 0 else len(data)
    try:
        fd = os.open(folder / "inmsg.txt", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o660)
    except FileNotFoundError:
        return {}
    try:
        os.write(fd, data[:half])
        if half < len(data):
            await asyncio.sleep(PAUSE)
            os.write(fd, data[half:])
    finally:
        os.close(fd)
    return {message["id"]: (True, "") for message in messages}


async def submit(folder: Path, messages: Sequence[Any]) -> Answer:
    """With ``steward submit``: it prints the ids of those accepted."""
    process = await asyncio.create_subprocess_exec(
        *STEWARD, "submit", "-", "--state-dir", str(folder), "-o", "jsonl",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(CLI_PATIENCE):
            out, _ = await process.communicate(msgspec.json.encode(messages))
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        return {}
    answer: Answer = {}
    for line in out.splitlines():
        one = msgspec.json.decode(line)
        answer[messages[one["index"]]["id"]] = ("id" in one, one.get("text", ""))
    return answer
