"""PURE: what people are shown of nodes, processes, errors and the daemon: cells and facts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from steward.cli import views

Facts = Iterator[tuple[str, str]]
"""(label, text), in the order to show them; an empty text isn't worth a line."""

GLYPHS: Final[Mapping[str, str]] = {
    "online": "●",
    "stale": "◐",
    "offline": "○",
    "unheard": "◌",
    "conflict": "⚠",
}

NODE_HEADERS: Final = (
    *("", "NAME", "STATE", "SEEN", "QUEUED", "UNDER WAY", "RUNNING", "OLDEST", "ERRORS/H"),
    *("VERSION", "LABELS"),
)
WRONG_CLOCK: Final = 10.0
"""Seconds by which a node's clock may seem to differ: a slow link's hellos arrive late."""
NODE_NUMBERS: Final = ("QUEUED", "UNDER WAY", "RUNNING", "OLDEST", "ERRORS/H")


def node_row(node: Mapping[str, Any], at: datetime) -> Sequence[str]:
    shown = str(node["state"])
    if node.get("held"):
        shown += ", held"
    if node.get("alarms"):
        shown += ", alarm there"
    skew = node.get("clockSkew") or 0.0
    if abs(skew) > WRONG_CLOCK:
        shown += f", clock {'+' if skew > 0 else '-'}{views.seconds(abs(skew))}"
    seen = "never" if node.get("neverSeen") else views.ago(node.get("lastSeen"), at)
    return (
        "‖" if node.get("held") else GLYPHS.get(node["state"], "?"),
        node["name"],
        shown,
        seen,
        str(node.get("queued") or 0),
        str(node.get("underWay") or 0),
        str(node.get("runningNow") or 0),
        views.seconds(node.get("oldestWaiting")),
        str(node.get("errorsLastHour") or 0),
        str(node.get("version") or ""),
        " ".join(f"{key}={value}" for key, value in (node.get("labels") or {}).items()),
    )


def node_style(column: int, row: Sequence[str]) -> str:
    return views.STYLES.get(row[2].split(",")[0], "") if column in (0, 2) else ""


ERROR_HEADERS: Final = ("TIME", "NODE", "LEVEL", "TIMES", "CODE", "TEXT")


def error_row(error: Mapping[str, Any]) -> Sequence[str]:
    when = views.moment(error.get("last") or error.get("time"))
    text = str(error.get("text") or "")
    if error.get("hint"):
        text += f" ({error['hint']})"
    if error.get("messageId"):
        text += f" [message {error['messageId']}]"
    return (
        f"{when.astimezone():%Y-%m-%d %H:%M:%S}" if when else "",
        str(error.get("node") or ""),
        str(error.get("level") or ""),
        f"×{error['count']}" if (error.get("count") or 1) > 1 else "",
        str(error.get("code") or ""),
        text,
    )


def error_style(column: int, row: Sequence[str]) -> str:
    return views.STYLES.get(row[2], "") if column == 2 else "dim" if column == 0 else ""


def node_facts(node: Mapping[str, Any], at: datetime) -> Facts:
    """All that central knows of a node."""
    row = dict(zip(NODE_HEADERS, node_row(node, at), strict=True))
    yield "name", node["name"]
    yield "state", f"{row['']} {row['STATE']}"
    yield "alarm", str(node.get("alarm") or "")
    yield "last seen", f"{row['SEEN']} ago" if node.get("lastSeen") else row["SEEN"]
    yield "version", row["VERSION"]
    yield "labels", row["LABELS"]
    yield "uptime", views.seconds(node.get("uptime"))
    yield "clock skew", f"{node['clockSkew']:+.3f} s" if node.get("clockSkew") is not None else ""
    yield (
        "queue",
        (f"{row['QUEUED']} queued, {row['UNDER WAY']} under way, {row['RUNNING']} running"),
    )
    yield "oldest", row["OLDEST"]
    yield "its own queue", _counts(node.get("theirQueue"))
    yield "errors", f"{row['ERRORS/H']} in the last hour"
    yield "instance", str(node.get("instance") or "")
    yield "machine", str(node.get("machineId") or "")
    yield "says hello", f"every {views.seconds(node['interval'])}" if node.get("interval") else ""
    for alarm in node.get("alarms") or ():
        yield "alarm", str(alarm)


def status_facts(told: Mapping[str, Any], at: datetime) -> Facts:
    """How a daemon is."""
    broker = told.get("broker") or {}
    since = views.ago(broker.get("since"), at)
    link = "connected" if broker.get("connected") else "not connected"
    rtt = broker.get("rtt")
    yield "node", f"{told['node']} (central: {told.get('central')})"
    yield "steward", f"{told.get('version')}, up {views.seconds(told.get('uptime'))}"
    yield (
        "broker",
        (
            f"{broker.get('address')}: {link}"
            + (f" for {since}" if since else "")
            + (f", round trip {rtt * 1000:.1f} ms" if rtt is not None else "")
            + (f": {broker['error']}" if broker.get("error") else "")
        ),
    )
    yield "queue", _counts(told.get("queue")) or "empty"
    yield "nodes", _counts(told.get("nodes"))
    yield "errors", f"{told.get('newErrors') or 0} in the last hour"
    intake = told.get("intake") or {}
    yield "intake", "open" if intake.get("open", True) else f"closed: {intake.get('reason')}"
    store = told.get("store") or {}
    yield (
        "store",
        (
            f"{views.size(store.get('bytes') or 0)}, {views.size(store.get('freeBytes') or 0)} free"
            if store
            else ""
        ),
    )
    yield "processes", str(told.get("processes") or 0)
    yield "takes", _takes(told.get("daemon") or {})
    believed = "none yet: a sender's name is believed"
    yield "trust", told.get("standing") or ("" if told.get("trusted") else believed)
    permits = told.get("permits") or {}
    yield "permits", _permits(permits.get("entries") or 0, bool(told.get("trusted")))
    if permits.get("problem"):
        yield "config", f"not in force as it lies there: {permits['problem']}"
    for alarm in told.get("alarms") or ():
        yield "alarm", str(alarm)


def _permits(entries: int, trusted: bool) -> str:
    if entries:
        return str(entries)
    return "none: nothing is allowed" if trusted else "none: everything is allowed"


def _takes(daemon: Mapping[str, Any]) -> str:
    """Of its machine; what the system doesn't tell is left out."""
    memory, cpu, threads = (daemon.get(key) for key in ("rssBytes", "cpuSeconds", "threads"))
    parts = (
        None if memory is None else f"{views.size(memory)} of memory",
        None if cpu is None else f"{views.seconds(cpu)} of CPU time",
        None if threads is None else f"{threads} threads",
    )
    return ", ".join(part for part in parts if part)


def _counts(counts: Mapping[str, Any] | None) -> str:
    return ", ".join(f"{number} {name}" for name, number in (counts or {}).items() if number)


PROCESS_HEADERS: Final = ("NAME", "ROLE", "STATE", "SINCE", "RESTARTS", "QUEUE", "LAST ERROR")


def process_row(process: Mapping[str, Any], at: datetime) -> Sequence[str]:
    return (
        str(process["name"]),
        str(process.get("role") or ""),
        str(process.get("state") or ""),
        views.ago(process.get("since"), at),
        str(process.get("restarts") or 0),
        str(process.get("queue") or 0),
        str(process.get("lastError") or ""),
    )


def process_style(column: int, row: Sequence[str]) -> str:
    styles = {"running": "green", "backoff": "yellow", "terminated": "red"}
    return styles.get(row[2], "") if column == 2 else ""
