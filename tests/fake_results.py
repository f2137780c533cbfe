"""Results of commands, in the form that the control socket has them."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

WHOLE = 64 * 1024
Params = dict[str, Any]
STATUS: Params = {
    "node": "central",
    "central": "central",
    "version": "0.1.0",
    "uptime": 3700,
    "broker": {"address": "nats://127.0.0.1:4222", "connected": True, "rtt": 0.0004},
    "queue": {"queued": 2, "sent": 0, "delivered": 1, "running": 0},
    "nodes": {"online": 4, "offline": 0},
    "newErrors": 1,
    "intake": {"open": True, "reason": ""},
    "store": {"bytes": 5000, "freeBytes": 10**10},
    "alarms": ["the clock is wrong"],
    "trusted": False,
    "processes": 7,
}


def field(name: str, data: bytes) -> Params:
    try:
        return {name: data.decode()}
    except UnicodeDecodeError:
        return {f"{name}B64": base64.b64encode(data).decode()}


def result(stdout: bytes, stderr: bytes, exit_code: int) -> Params:
    """A message's fields once its command has ended like this."""
    told: Params = {"exitCode": exit_code, "signal": None, "cpuSeconds": 0.01}
    fits = len(stdout) + len(stderr) <= WHOLE
    for name, data in (("stdout", stdout), ("stderr", stderr)):
        head, tail = (data, b"") if fits else (data[: WHOLE // 4], data[-WHOLE // 4 :])
        cut = len(data) - len(head) - len(tail)
        if cut <= 0:
            head, tail, cut = data, b"", 0
        told |= field(name, head) | field(f"{name}Tail", tail)
        told |= {f"{name}Size": len(data), f"{name}Cut": cut}
        told[f"{name}Sha256"] = hashlib.sha256(data).hexdigest()
    state = "failed" if exit_code else "succeeded"
    return {"state": state, "confirmed": True, "result": told}
