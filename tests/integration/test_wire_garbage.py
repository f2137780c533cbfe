"""Whatever comes on a node's subjects and inbox: an error, counted; no process ends of it, and the
node goes on running commands."""

from __future__ import annotations

import asyncio
import json
import random
from typing import Any

import pytest

from steward import frames
from steward.errors import FrameError
from steward.frames import Receipt
from tests.fault.fleet import Fleet
from tests.integration.shell import Shell
from tests.integration.stranger import Stranger
from tests.integration.wellbeing import all_is_well

pytestmark = pytest.mark.asyncio(loop_scope="module")
COMMANDS = "ship1.CommandACK.ShellCommand"


def message(seq: Any = 1, id: Any = "stranger-1", body: Any = None, **more: Any) -> dict[str, Any]:
    return {"seq": seq, "id": id, "body": {"data": ["true"]} if body is None else body, **more}


async def test_random_bytes_are_counted_and_reported_once(town: Fleet) -> None:
    rng = random.Random(1)
    async with Stranger(town.broker.address) as stranger:
        for _ in range(300):
            payload = rng.randbytes(rng.randrange(200))
            subject = rng.choice(
                (
                    COMMANDS,
                    "ship1.EventNACK.SayHello",
                    "ship1.x.y",
                    "_INBOX.ship1.a.b",
                    "ship1.EventNACK.Loopback",
                )
            )
            await stranger.say(
                subject, payload, rng.choice(("", "_INBOX.ship7.a", "x", "ship2.a.b"))
            )
    await all_is_well(town)
    error = await town.error_about("bad_frame")
    assert (error["node"], error["level"]) == ("ship1", "warning")
    assert "not an envelope" in error["text"]


DEEP = b"[" * 100_000
HUGE = 10**40
SPOILT: list[tuple[str, Any]] = [
    ("wire version 99", {"v": 99}),
    ("wire version", {"v": -1}),
    ("unknown type", {"type": "letter"}),
    ("not a frame", {"from": 7}),
    ("not a frame", {"messages": "x"}),
    ("not a frame", {"base": -1}),
    ("not a frame", {"base": HUGE}),
    ("not a frame", {"base": 2**63}),
    ("not a frame", {"clock": "now"}),
    ("not a frame", {"messages": [message(seq=HUGE)]}),
    ("not a frame", {"messages": [message(seq=0)]}),
    ("not a frame", {"messages": [message(seq=-5)]}),
    ("not a frame", {"messages": [message(id="x" * 65)]}),
    ("not a frame", {"messages": [message(id="a b")]}),
    ("not a frame", {"messages": [message(id="")]}),
    ("not a frame", {"messages": [message(expires="soon")]}),
    ("its sender", {"from": "ship.7"}),
    ("its sender", {"from": "ship 7"}),
    ("its sender", {"from": ""}),
    ("", {"to": "ship2"}),
]


async def test_what_no_sender_says_is_named_and_answered_by_nobody(town: Fleet) -> None:
    async with Stranger(town.broker.address, "ship6") as stranger:
        instance = await stranger.instance("ship1", COMMANDS)
        for words, spoilt in SPOILT:
            stranger.seen.clear()
            body = stranger.frame("ship1", COMMANDS, message(), instance=instance)
            envelope = {"v": 1, "type": "frame", "sig": "", "body": body}
            target = envelope if set(spoilt) & {"v", "type"} else body
            target.update(spoilt)
            payload = json.dumps(envelope).encode()
            if words:
                with pytest.raises(FrameError, match=words):
                    frames.decode(payload)
            await stranger.say(COMMANDS, payload, "_INBOX.ship6.mine")
        for payload in (DEEP, b'{"v":1,"type":"frame","sig":"","body":' + DEEP, b"", b"\xff" * 9):
            await stranger.say(COMMANDS, payload, "_INBOX.ship6.mine")
            await stranger.say("_INBOX.ship1.mine", payload)
        await stranger.instance("ship1", COMMANDS)
        assert stranger.letters(Receipt) == []
    await all_is_well(town)


async def test_refusals_come_back_with_their_reason_and_the_stream_goes_on(town: Fleet) -> None:
    bodies: list[tuple[Any, str]] = [
        ({"data": []}, "data is empty"),
        ({"data": "true"}, "malformed"),
        ({"data": [1]}, "malformed"),
        ([], "malformed"),
        ({"data": ["true"], "methodTimeout": -1}, "malformed"),
        ({"data": ["true"], "parallel": 3}, "malformed"),
        ({"data": ["a\0b"]}, "zero byte"),
        ({"data": ["x" * 600_000]}, "512 KiB"),
    ]
    async with Stranger(town.broker.address, "ship5") as stranger:
        instance = await stranger.instance("ship1", COMMANDS)
        messages = [message(n, f"s5-{n}", body) for n, (body, _) in enumerate(bodies, 1)]
        good = {"data": ["sh", "-c", f"echo $STEWARD_MESSAGE_ID >> {town.ledger}"]}
        messages.append(message(len(bodies) + 1, "s5-good", good))
        stranger.seen.clear()
        await stranger.send(stranger.frame("ship1", COMMANDS, *messages, instance=instance))
        _, receipt = await stranger.hears(Receipt)
        for n, (_, words) in enumerate(bodies, 1):
            assert receipt.verdicts[n].state == "refused"
            assert words in receipt.verdicts[n].reason
        assert set(receipt.verdicts) == set(range(1, len(bodies) + 1))
        async with asyncio.timeout(10):
            while "s5-good" not in town.ran():
                await asyncio.sleep(0.02)
        for subject, words in (
            ("ship1.CommandACK.ShellComand", "did you mean 'ShellCommand'"),
            ("ship1.EventACK.ShellCommand", "use CommandACK, CommandNACK"),
            ("ship1.CommandAck.ShellCommand", "CommandACK"),
        ):
            stranger.seen.clear()
            await stranger.send(stranger.frame("ship1", subject, message(), instance=instance))
            _, receipt = await stranger.hears(Receipt)
            assert words in receipt.verdicts[1].reason
    await all_is_well(town)


async def test_a_reply_subject_that_is_not_the_senders_is_never_answered(town: Fleet) -> None:
    async with Stranger(town.broker.address, "ship2") as spy:
        await spy._client.subscribe("_INBOX.>", cb=spy._take)
        async with Stranger(town.broker.address, "ship4") as stranger:
            body = stranger.frame("ship1", COMMANDS)
            payload = json.dumps({"v": 1, "type": "frame", "sig": "", "body": body}).encode()
            for reply in (
                "ship2.CommandACK.ShellCommand",
                "_INBOX.ship2.x",
                "_INBOX.ship4",
                "_INBOX.ship44.x",
                "",
            ):
                await stranger.say(COMMANDS, payload, reply)
            await stranger.instance("ship1", COMMANDS)
        answers = [r for _, r in spy.letters(Receipt) if r.frm == "ship1" and r.tx == body["tx"]]
        assert answers == []
    await all_is_well(town)


HOSTILE: dict[str, list[dict[str, Any]]] = {
    "SayHello": [
        {"interval": -1.0}, {"interval": 0.0}, {"interval": 1e300}, {"clock": 1e300},
        {"uptime": 1e300}, {"uptime": -5.0}, {"runningNow": HUGE}, {"runningNow": -1},
        {"labels": {"a": 1}}, {"queue": {"queued": HUGE}}, {"oldestWaiting": 1e300},
        {"oldestWaiting": -1.0},
    ],
    "ErrorLog": [
        {"time": 1e300}, {"time": -1e300}, {"time": 1e15}, {"count": HUGE}, {"count": 0},
        {"count": -7}, {"text": 3}, {"level": "x" * 100_000}, {"code": "x" * 100_000},
    ],
    "Running": [{"started": 1e300}, {"started": -1e300}, {"about": 5}],
    "Result": [
        {"state": "queued"}, {"state": "published"}, {"started": 1e300}, {"ended": -1e300},
        {"result": {"exitCode": "0"}}, {"result": {"stdoutB64": "%%%"}},
        {"result": {"stdout": 5}}, {"result": {"stdoutCut": -1}}, {"result": {"stdoutCut": "9"}},
        {"result": {"stdoutSize": HUGE}}, {"result": {"cpuSeconds": "much"}},
        {"result": {"cpuSeconds": 1e300}}, {"result": {"signal": []}}, {"result": []},
    ],
}  # fmt: skip
HONEST: dict[str, dict[str, Any]] = {
    "SayHello": {
        "start": "s", "bootId": "b", "machineId": "m", "version": "1", "interval": 2.0,
        "uptime": 1.0, "clock": 1.7e9,
    },
    "ErrorLog": {"code": "c", "text": "from ship3"},
    "Running": {"about": "x", "started": 1.7e9},
    "Result": {"about": "x", "state": "succeeded"},
}  # fmt: skip


@pytest.mark.parametrize("method", HOSTILE)
async def test_facts_that_cannot_be_are_refused_and_nothing_is_shown_wrong(
    town: Fleet, method: str
) -> None:
    """Lists with a poisoned row in them would be broken for good."""
    async with Stranger(town.broker.address, "ship3") as stranger:
        acked = method in ("ErrorLog", "Result")
        subject = f"central.{'EventACK' if acked else 'EventNACK'}.{method}"
        [mine] = await town.submit({**town.command("ship3"), "ttl": 60})
        facts = [{**HONEST[method], **change} for change in HOSTILE[method]]
        for one in facts:
            if one.get("about") == "x":
                one["about"] = mine
        bodies = [{"data": [json.dumps(one)]} for one in (*facts, HONEST[method])]
        bodies += [{"data": []}, {"data": ["{"]}, {"data": ["[" * 100_000]}, {"data": ["{}", "{}"]}]
        if acked:
            instance = await stranger.instance("central", subject)
            messages = [message(n, f"{method}-{n}", body) for n, body in enumerate(bodies, 1)]
            stranger.seen.clear()
            frame = stranger.frame("central", subject, *messages, instance=instance)
            await stranger.send(frame)
            async with asyncio.timeout(10):
                while not (
                    found := [r for _, r in stranger.letters(Receipt) if r.tx == frame["tx"]]
                ):
                    await asyncio.sleep(0.01)
            [receipt] = found
            accepted = set(range(1, len(bodies) + 1)) - set(receipt.verdicts)
            assert accepted == {len(facts) + 1}, [facts[n - 1] for n in accepted if n <= len(facts)]
        else:
            for n, body in enumerate(bodies):
                notice = {**stranger.frame("central", subject), "id": f"n-{n}", "body": body}
                del notice["messages"]
                await stranger.send(notice, type="notice")
            await stranger.instance("central", "central.EventACK.Result")
    here = Shell(town.folder / "central")
    for args in (
        ("nodes", "ls"),
        ("nodes", "show", "ship3"),
        ("errors", "ls"),
        ("status",),
        ("messages", "ls"),
        ("messages", "show", mine),
        ("messages", "output", mine),
    ):
        done = await here(*args)
        assert done.status == (4 if args[1:2] == ("output",) else 0), (args, done)
    await all_is_well(town)


async def test_text_that_would_command_a_terminal_is_shown_as_text(town: Fleet) -> None:
    evil = "\x1b]0;owned\x07\x1b[2J\x9b31m\r\u202egnp.exe"
    async with Stranger(town.broker.address, "shipx") as stranger:
        said = {**HONEST["SayHello"], "version": evil, "labels": {"a": evil, evil: "b"}}
        subject = "central.EventNACK.SayHello"
        notice = {
            **stranger.frame("central", subject),
            "id": "x",
            "body": {"data": [json.dumps(said)]},
        }
        del notice["messages"]
        await stranger.send(notice, type="notice")
        subject = "central.EventACK.ErrorLog"
        [mine] = await town.submit(town.shell("shipx", f"echo {evil}"))
        instance = await stranger.instance("central", subject)
        error = {"code": evil, "text": evil, "hint": evil, "level": evil}
        frame = stranger.frame(
            "central", subject, message(body={"data": [json.dumps(error)]}), instance=instance
        )
        await stranger.send(frame)
        subject = "central.EventACK.Result"
        await stranger.instance("central", subject)
        result = {"stdout": evil, "stderr": evil}
        told = {"about": mine, "state": "failed", "reason": evil, "result": result}
        await stranger.send(
            stranger.frame(
                "central", subject, message(body={"data": [json.dumps(told)]}), instance=instance
            )
        )
        await town.ends([mine])
    here = Shell(town.folder / "central")
    for args in (("nodes", "ls"), ("nodes", "show", "shipx"), ("errors", "ls"), ("messages", "ls"),
                 ("messages", "show", mine), ("messages", "show", mine, "-o", "json"),
                 ("nodes", "ls", "-o", "json"), ("errors", "ls", "-o", "jsonl")):  # fmt: skip
        done = await here(*args)
        assert done.status == 0
        for bad in ("\x1b", "\x07", "\x9b", "\r", "\u202e"):
            assert bad not in done.out.decode(), (args, bad)
            assert bad not in done.err
