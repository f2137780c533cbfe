"""What the control socket tells of jobs, made of a fake daemon's messages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from steward.errors import UnknownId
from steward.message import OPEN
from tests.console import lists

FACTS = ("exitCode", "signal", "stdoutSha256", "stderrSha256", "stdoutSize", "stderrSize")


def listed(
    messages: Sequence[dict[str, Any]], limit: int = 100, cursor: str | None = None, text: str = ""
) -> dict[str, Any]:
    """The answer to ``jobs``."""
    parts: dict[str, list[dict[str, Any]]] = {}
    first: dict[str, int] = {}
    for n, message in lists.numbered(messages):
        if message.get("job"):
            parts.setdefault(message["job"], []).append(message)
            first[message["job"]] = n
    newest = sorted(first.items(), key=lambda one: -one[1])
    told = [(n, {"n": n, **summary(job, parts[job])}) for job, n in newest]
    found = [(n, job) for n, job in told if text in str(job).lower()]
    return lists.page("jobs", found, limit, cursor, newest=max(first.values(), default=0))


def summary(job: str, messages: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A job's JSON; the messages are newest first."""
    states = Counter(message["state"] for message in messages)
    is_open = sum(count for state, count in states.items() if state in OPEN)
    ended = [m for m in messages if m["state"] not in OPEN]
    unconfirmed = sum(not m["confirmed"] and m["state"] != "published" for m in ended)
    ends = [m["times"].get("ended", "") for m in ended]
    first = messages[-1]
    return {
        "job": job,
        "accepted": min(m["times"]["accepted"] for m in messages),
        "ended": None if is_open or unconfirmed else max(ends),
        "method": first["method"],
        "commandOrEvent": first["commandOrEvent"],
        "data": first["data"],
        "messages": len(messages),
        "nodes": len({m["toNode"] for m in messages}),
        "open": is_open,
        "unconfirmed": unconfirmed,
        "states": dict(states),
    }


def shown(messages: Sequence[dict[str, Any]], job: str) -> dict[str, Any]:
    """The answer to ``job``. Raises UnknownId."""
    mine = [message for message in messages if message.get("job") == job]
    if not mine:
        raise UnknownId(f"there is no job {job}", "steward jobs ls")
    groups: dict[object, dict[str, Any]] = {}
    for message in reversed(mine):
        result = message["result"] or {}
        facts = {name: result.get(name) for name in FACTS}
        head = {name: message[name] for name in ("state", "confirmed", "reason")}
        fresh = {**head, **facts, "messages": 0, "nodes": [], "ids": [], "sample": message["id"]}
        group = groups.setdefault((*head.values(), *facts.values()), fresh)
        group["messages"] += 1
        group["nodes"].append(message["toNode"])
        group["ids"].append(message["id"])
    largest = sorted(groups.values(), key=lambda group: -group["messages"])
    return summary(job, mine) | {"groups": largest}
