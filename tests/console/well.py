"""How a daemon is, as its socket tells it: for tests of the Health screen."""

from __future__ import annotations

from typing import Any

from tests.console.fake import NOON, stamp

TRIPS = (1.2, 0.9, 1.1, 1.4, 1.0, 4.8, 1.3, 1.1, 12.5, 2.2, 1.0, 1.1, 0.9, 1.0, 3.1, 1.2)
"""Milliseconds."""
ACCEPTED = [
    0,
    0,
    2,
    3,
    1,
    0,
    0,
    4,
    9,
    3,
    2,
    0,
    0,
    0,
    1,
    2,
    5,
    8,
    13,
    7,
    3,
    1,
    0,
    0,
    2,
    4,
    4,
    6,
    3,
    2,
]


def process(name: str, state: str = "waiting", **more: Any) -> dict[str, Any]:
    """A supervised process, for two hours what it is."""
    return {
        "name": name,
        "role": name.partition(" ")[0],
        "subject": name,
        "state": state,
        "restarts": 0,
        "queue": 0,
        "lastError": "",
        "since": NOON - 7260,
    } | more


def well(**more: Any) -> dict[str, Any]:
    """A daemon in good order, but for one process that gave up."""
    gone = "FileNotFoundError: no such file: /var/lib/steward/textlogging"
    return {
        "broker": {
            "address": "nats://127.0.0.1:4222",
            "connected": True,
            "since": stamp(NOON - 386400),
            "rtt": 0.0012,
            "reconnects": 2,
            "error": "",
        },
        "rtts": [[NOON - 6 * (60 - n), TRIPS[n % 16] / 1000] for n in range(60)],
        "store": {"bytes": 13_000_000, "walBytes": 1_200_000, "freeBytes": 44_200_000_000},
        "queue": {"queued": 15, "sent": 1, "delivered": 1, "running": 1},
        "ages": {"queued": 3700.0, "sent": 114.0, "delivered": 67.0, "running": 20.0},
        "throughput": {
            "accepted": ACCEPTED * 2,
            "delivered": [max(n - 1, 0) for n in ACCEPTED * 2],
            "ended": [0, *(ACCEPTED * 2)[:-1]],
            "received": [1, 0, 0, 1, 3, 1] * 10,
        },
        "processes": [
            process("publisher ship1.CommandACK.ShellCommand", "running", queue=2, since=NOON - 20),
            process("publisher ship3.CommandACK.ShellCommand", restarts=1, queue=3),
            process("publisher ship5.CommandACK.ShellCommand", queue=12),
            process(
                "subscriber TextLogging", "terminated", restarts=5, lastError=gone, since=NOON - 300
            ),
            process(
                "publisher ship6.EventACK.Ping",
                "backoff",
                restarts=2,
                lastError="OSError: no route",
            ),
            process("subscriber Result"),
            process("executor"),
            process("journal", "running"),
        ],
        "daemon": {
            "pid": 4121,
            "uptime": 386400.0,
            "rssBytes": 43_000_000,
            "cpuSeconds": 1530.0,
            "version": "0.1.0",
            "threads": 4,
        },
    } | more
