"""Frames and receipts that are nearly right: what they spoil is the stranger's own, no more."""

from __future__ import annotations

import asyncio
import json
import random
from typing import Any

import msgspec
import pytest

from steward.frames import Frame, Receipt
from tests.fault.fleet import Fleet
from tests.integration.stranger import Stranger
from tests.integration.wellbeing import all_is_well

pytestmark = pytest.mark.asyncio(loop_scope="module")
COMMANDS = "ship1.CommandACK.ShellCommand"


def flipped(payload: bytes, rng: random.Random) -> bytes:
    spoilt = bytearray(payload)
    for _ in range(rng.randint(1, 3)):
        spoilt[rng.randrange(len(spoilt))] ^= 1 << rng.randrange(8)
    return bytes(spoilt)


def enveloped(body: dict[str, Any], type: str) -> bytes:
    return msgspec.json.encode({"v": 1, "type": type, "sig": "", "body": body})


def answer(frame: Frame, store: str, **more: Any) -> dict[str, Any]:
    """An honest receipt for all that a frame holds, as JSON."""
    last = {}
    if frame.instance:
        seqs = [e.seq for e in frame.messages]
        last = {
            "last": max(seqs, default=frame.base), "base": frame.base,
            "last_id": frame.messages[-1].id if seqs else "",
        }  # fmt: skip
    return {
        "from": frame.to, "store": store, "start": "fake", "tx": frame.tx, "to": frame.frm,
        "to_store": frame.store, "subject": frame.subject, "clock": frame.clock, **last, **more,
    }  # fmt: skip


async def test_frames_with_flipped_bits(town: Fleet) -> None:
    rng = random.Random(2)
    async with Stranger(town.broker.address, "ship8") as stranger:
        instance = await stranger.instance("ship1", COMMANDS)
        entries = [{"seq": n, "id": f"m-{n}", "body": {"data": ["true"]}} for n in (1, 2, 3)]
        payload = enveloped(stranger.frame("ship1", COMMANDS, *entries, instance=instance), "frame")
        for _ in range(600):
            await stranger.say(COMMANDS, flipped(payload, rng), "_INBOX.ship8.mine")
        await all_is_well(town)


async def test_receipts_with_flipped_bits(town: Fleet) -> None:
    rng = random.Random(3)
    async with Stranger(town.broker.address, "shipr") as stranger:
        for _ in range(6):
            # Some flips leave an honest receipt: what it settles is asked for no more.
            await town.submit({**town.command("shipr"), "timeout": 0.2})
            reply, frame = await stranger.hears(Frame)
            payload = enveloped(answer(frame, stranger.store), "receipt")
            for _ in range(100):
                await stranger.say(reply, flipped(payload, rng))
            [node] = [n for n in (await town.ask("nodes"))["nodes"] if n["name"] == "shipr"]
            if node["alarm"]:
                await town.ask("release", nodes=["shipr"])
        await all_is_well(town)


async def test_receipts_that_answer_nothing_are_ignored_and_an_honest_one_settles(
    town: Fleet,
) -> None:
    async with Stranger(town.broker.address, "shipq") as stranger:
        [id] = await town.submit({**town.command("shipq"), "timeout": 0.3})
        wrong: list[dict[str, Any]] = [
            {"to": "ship1"},
            {"to_store": "another"},
            {"from": "ship1"},
            {"tx": "never-sent"},
            {"subject": "ship1.CommandACK.ShellCommand"},
            {"last": -1},
            {"last": 10**30},
            {"verdicts": {"-1": {"state": "refused"}}},
            {"verdicts": {"1": "refused"}},
            {"verdicts": [1]},
            {"clock": 1e300},
            {"store": 7},
        ]
        for _ in range(2):  # a question first, then the frame
            reply, frame = await stranger.hears(Frame)
            honest = answer(frame, stranger.store)
            for change in wrong:
                await stranger.say(reply, enveloped({**honest, **change}, "receipt"))
            for payload in (b"", b"{", json.dumps(honest).encode(), enveloped(honest, "frame")):
                await stranger.say(reply, payload)
            assert (await town.show(id))["state"] in ("queued", "sent")
            stranger.seen.clear()
            _, newest = await stranger.hears(Frame)
            await stranger.say(reply, enveloped(answer(newest, stranger.store), "receipt"))
            async with asyncio.timeout(5):
                state = "queued"
                while (await town.show(id))["state"] == state and not newest.instance:
                    await asyncio.sleep(0.02)
        await town.reaches(id, "delivered")
        subject = "central.EventACK.Result"
        instance = await stranger.instance("central", subject)
        told = {"about": id, "state": "succeeded", "result": {"exitCode": 0, "stdout": "fake\n"}}
        entry = {"seq": 1, "id": "result-1", "body": {"data": [json.dumps(told)]}}
        await stranger.send(stranger.frame("central", subject, entry, instance=instance))
        _, receipt = await stranger.hears(Receipt)
        assert receipt.verdicts == {}
        [message] = await town.ends([id])
        assert (message["state"], message["result"]["stdout"]) == ("succeeded", "fake\n")
    await all_is_well(town)
