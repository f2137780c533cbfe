"""A small fleet with something of everything, for tests and for looking at."""

from __future__ import annotations

from typing import Any

from tests.console.fake import NOON, FakeDaemon, stamp

LISTING = "\n".join(
    f"-rw-r--r-- 1 root root {size:>6} Mar 14 11:{minute:02d} {name}"
    for size, minute, name in (
        (4096, 2, "backup"),
        (18211, 17, "engine.log"),
        (912, 31, "route.json"),
        (120, 44, "watch.pid"),
    )
)


def node(name: str, state: str = "online", **more: Any) -> dict[str, Any]:
    """A node's JSON."""
    waited = more.get("oldestWaiting")
    return {
        "waitingSince": None if waited is None else stamp(NOON - waited),
        "name": name,
        "state": state,
        "held": False,
        "alarm": None,
        "instance": "b7c1e0d2a9f34411",
        "start": "s1",
        "version": "0.1.0",
        "labels": {},
        "uptime": 386400.0,
        "machineId": "2f9c77aa01d04e3c",
        "interval": 15.0,
        "lastSeen": stamp(NOON - 6),
        "clockSkew": 0.012,
        "queued": 0,
        "underWay": 0,
        "oldestWaiting": None,
        "runningNow": 0,
        "theirQueue": {},
        "errorsLastHour": 0,
        "errorsByMinute": [0] * 60,
        "neverSeen": False,
    } | more


def message(n: int, to: str, state: str, data: list[str], **more: Any) -> dict[str, Any]:
    """A message's JSON; ``n`` is its place from the newest and, in minutes, its age."""
    at = NOON - 20 - n * 47
    steps = ["accepted", "sent", "delivered", "running", "ended"]
    reached = {"queued": 1, "sent": 2, "delivered": 3, "running": 4}.get(state, 5)
    if state in ("expired", "undelivered", "cancelled"):
        steps, reached = ["accepted", "sent", "ended"], 3
    times = {step: stamp(at + i * 0.37) for i, step in enumerate(steps[:reached])}
    result = None
    if state in ("succeeded", "failed", "timed_out"):
        result = {
            "exitCode": 0 if state == "succeeded" else 3,
            "signal": None,
            "started": stamp(at + 1.1),
            "ended": stamp(at + 1.48),
            "stdout": LISTING + "\n",
            "stderr": "",
            "stdoutSize": len(LISTING) + 1,
            "stderrSize": 0,
            "stdoutSha256": "9f3a55e1b0cc42d7",
            "stderrSha256": "e3b0c44298fc1c14",
            "stdoutCut": 0,
            "stderrCut": 0,
            "cpuSeconds": 0.01,
            "maxRssBytes": 3_500_000,
        }
    return {
        "id": f"0195943b-7c00-7{n:03x}-8a00-{n:012x}",
        "toNode": to,
        "fromNode": "central",
        "data": data,
        "commandOrEvent": "CommandACK",
        "method": "ShellCommand",
        "timeout": 10.0,
        "retries": 0,
        "ttl": 0,
        "state": state,
        "confirmed": state in ("succeeded", "failed", "timed_out", "cancelled", "refused"),
        "attempts": 0 if state == "queued" else 1,
        "reason": "",
        "times": times,
        "result": result,
        "retryOf": None,
        "job": None,
        "nextAttempt": None,
        "expires": None,
        "behind": None,
        "uid": 1000,
    } | more


def fleet() -> FakeDaemon:
    """Seven ships, messages in every state, a few errors."""
    burst = [0] * 40 + [1, 0, 2, 5, 3, 0, 0, 1, 0, 0, 0, 0, 4, 9, 2, 0, 0, 0, 1, 1]
    gone = stamp(NOON - 3720)
    nodes = [
        node("central", labels={"role": "station"}),
        node("ship1", labels={"env": "prod", "site": "north-sea"}, runningNow=1, underWay=2),
        node("ship2", labels={"env": "test", "site": "oslo"}, clockSkew=-3.4),
        node(
            "ship3",
            "offline",
            labels={"env": "prod", "site": "atlantic"},
            lastSeen=gone,
            queued=3,
            underWay=1,
            oldestWaiting=3700.0,
        ),
        node("ship4", "stale", lastSeen=stamp(NOON - 41), labels={"env": "test"}),
        node("ship5", held=True, queued=12, oldestWaiting=95.0, labels={"env": "prod"}),
        node("ship6", errorsLastHour=29, errorsByMinute=burst, labels={"site": "bergen"}),
        node(
            "ship7",
            "conflict",
            alarm="two machines answer to this name: its queue is held",
            held=True,
        ),
        node("ship8", "unheard", lastSeen=None, version="", uptime=None, clockSkew=None),
    ]
    soon = stamp(NOON + 8)
    messages = [
        message(
            0, "ship1", "running", ["sh", "-c", "tar czf /var/backup/engine.tgz /var/log/engine"]
        ),
        message(
            1,
            "ship1",
            "delivered",
            ["systemctl", "restart", "ais"],
            behind="0195943b-7c00-7000-8a00-000000000000",
        ),
        message(2, "ship3", "sent", ["df", "-h", "/"], attempts=2, retries=5, nextAttempt=soon),
        message(3, "ship3", "queued", ["uname", "-a"], expires=stamp(NOON + 540)),
        message(4, "ship2", "succeeded", ["bash", "-c", "ls -l ../"]),
        message(5, "ship2", "failed", ["sh", "-c", "echo out; echo err >&2; exit 3"]),
        message(
            6, "ship6", "timed_out", ["find", "/", "-name", "core"], reason="killed after 30 s"
        ),
        message(7, "ship4", "expired", ["reboot"], reason="ttl of 10m passed"),
        message(
            8,
            "ship9",
            "undelivered",
            ["true"],
            reason="3 attempts without a receipt",
            confirmed=True,
            attempts=3,
            retries=3,
        ),
        message(
            9, "ship6", "refused", ["rm", "-rf", "/srv"], reason="central may not use ShellCommand"
        ),
        message(10, "ship5", "cancelled", ["apt", "upgrade"], reason="cancelled by the operator"),
        message(11, "ship7", "unknown", ["hostname"], reason="the node's store was lost"),
        message(
            12,
            "central",
            "succeeded",
            ["some message\n"],
            method="TextLogging",
            commandOrEvent="EventACK",
            result=None,
        ),
        message(13, "ship1", "interrupted", ["dd", "if=/dev/sda"], reason="the node lost power"),
    ]
    for extra in range(14, 40):
        messages.append(message(extra, f"ship{extra % 6 + 1}", "succeeded", ["uptime"]))
    errors = [
        error(
            9, "ship6", "error", "disk [/dev/sda1] is full: output cut", "free some space", count=9
        ),
        error(8, "ship3", "warning", "the clock is 3.4 s behind", "run a time service"),
        error(
            7,
            "ship6",
            "error",
            "ShellCommand: central may not use it",
            "see permits",
            about=messages[9]["id"],
        ),
        error(
            6,
            "central",
            "error",
            "ship9: given up after 3 attempts",
            "is it on?",
            about=messages[8]["id"],
        ),
        error(5, "ship2", "info", "runner started again after a crash", ""),
    ]
    return FakeDaemon({row["name"]: row for row in nodes}, messages, errors)


def error(n: int, node: str, level: str, text: str, hint: str, **more: Any) -> dict[str, Any]:
    """An entry of the error log."""
    at = stamp(NOON - (10 - n) * 311)
    count = more.get("count", 1)
    code = text.split()[0].strip("[]:").lower()
    return {
        "n": n,
        "time": at,
        "node": node,
        "level": level,
        "code": code,
        "text": text,
        "hint": hint,
        "messageId": more.get("about"),
        "count": count,
        "last": at,
    }


def newcomer(name: str, fingerprint: str, **more: Any) -> dict[str, Any]:
    """A node that has introduced itself."""
    return {
        "name": name,
        "state": "pending",
        "fingerprint": fingerprint,
        "conflict": False,
        "known": "",
        "first": stamp(NOON - 260),
        "last": stamp(NOON - 8),
        "version": "0.1.0",
        "machine": "2f9c77aa01d04e3c",
        "labels": {},
    } | more


KEYS = tuple(f"{letter * 4}-EFGH-IJKL-MNOP-QRST-UV{letter * 2}" for letter in "ABCDE")
"""Fingerprints."""


def joining() -> FakeDaemon:
    """The fleet with keys: one new node, one refused before, one whose name another has."""
    daemon = fleet()
    daemon.status = {"trusted": True}
    daemon.pending = [
        newcomer("ship11", KEYS[0], labels={"site": "bergen", "env": "test"}),
        newcomer("old-laptop", KEYS[1], state="refused", first=stamp(NOON - 90_000)),
        newcomer(
            "ship2", KEYS[2], conflict=True, known=KEYS[3], machine="77aa01d04e3c2f9c",
            first=stamp(NOON - 61),
        ),
    ]  # fmt: skip
    return daemon
