"""``steward nodes ping``: which nodes answer now, and how soon."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click

from steward.cli import exits, output, views
from steward.cli.following import Following
from steward.cli.options import Duration, complete_node, prints, talks
from steward.cli.targets import resolved
from steward.control.client import ControlClient
from steward.errors import UsageError
from steward.message import State, new_id

_GRACE: Final = 2.0
"""Seconds beyond the time to live, in which the daemon says that it has passed."""


@click.command()
@click.argument("targets", nargs=-1, metavar="NODE…", shell_complete=complete_node)
@click.option(
    "--wait", type=Duration(), default=10.0, show_default="10s", help="How long for an answer."
)
@prints
@talks
def ping(targets: tuple[str, ...], wait: float, output: str, state_dir: Path) -> int:
    """Ask nodes whether they can be reached: from the acceptance to the receipt, through all that
    a message goes through. Nothing is left waiting."""
    if wait <= 0:
        raise UsageError("--wait is 0", "seconds, or 10s, 2m")
    return asyncio.run(_ping(state_dir, targets, wait, output))


async def _ping(state_dir: Path, targets: tuple[str, ...], wait: float, form: str) -> int:
    async with ControlClient(state_dir) as client:
        names = await resolved(client, targets)
        known = {n["name"]: n for n in (await client.call("nodes", names=names))["nodes"]}
        told = {name: _kept_from(known.get(name, {})) for name in names}
        asked = [name for name in names if told[name] is None]
        ids = {str(new_id()): name for name in asked}
        messages = [_message(name, id, wait) for id, name in ids.items()]
        answer = await client.call("submit", messages=messages) if ids else {"refused": []}
        for refused in answer["refused"]:
            name = asked[refused["index"]]
            told[name] = _line(name, "refused", why=refused["text"], status=exits.REFUSED)
            del ids[messages[refused["index"]]["id"]]
    answers: dict[str, dict[str, Any]] = {}
    following = Following(
        state_dir, list(ids), lambda message: answers.update({message["id"]: message})
    )
    await following.run(wait + _GRACE)
    for id, name in ids.items():
        told[name] = _outcome(name, answers.get(id), known.get(name, {}), wait)
    lines = [line for line in told.values() if line is not None]
    status = exits.combined(line.pop("status") for line in lines)
    output.records(lines, form, lambda: _table(lines), "node")
    return status


def _message(name: str, id: str, wait: float) -> dict[str, Any]:
    return {
        "toNode": name, "id": id, "data": [], "commandOrEvent": "EventACK", "method": "Ping",
        "ttl": wait, "retries": 0,
    }  # fmt: skip


def _line(
    name: str, state: str, seconds: float | None = None, why: str = "", *, status: int
) -> dict[str, Any]:
    return {"node": name, "state": state, "roundTrip": seconds, "reason": why, "status": status}


def _kept_from(node: Mapping[str, Any]) -> dict[str, Any] | None:
    """Why nothing is sent to a node, whatever it would answer."""
    if not node.get("held") and not node.get("alarm"):
        return None
    why = node.get("alarm") or "nothing is sent to it until it is released"
    hint = f"{why}: steward nodes release {node['name']}"
    return _line(node["name"], "held", why=hint, status=exits.INCOMPLETE)


def _outcome(
    name: str, message: Mapping[str, Any] | None, node: Mapping[str, Any], wait: float
) -> dict[str, Any]:
    if message is not None and message["state"] == State.SUCCEEDED:
        begun, ended = (views.moment(message["times"][at]) for at in ("accepted", "delivered"))
        took = (ended - begun).total_seconds() if begun and ended else None
        return _line(name, "answered", took, status=exits.OK)
    if message is not None and message["state"] == State.REFUSED:
        return _line(name, "refused", why=message["reason"], status=exits.REFUSED)
    why = f"nothing within {views.seconds(wait)}"
    if node and not node.get("neverSeen"):
        seen = views.ago(node.get("lastSeen"), views.now())
        why += f"; it is {node['state']}" + (f", last seen {seen} ago" if seen else "")
    else:
        why += "; it was never seen here"
    return _line(name, "no answer", why=why, status=exits.INCOMPLETE)


def _table(lines: Sequence[Mapping[str, Any]]) -> None:
    rows = [
        (line["node"], line["state"], _milliseconds(line["roundTrip"]), line["reason"])
        for line in lines
    ]
    output.table(
        ("NODE", "STATE", "ROUND TRIP", "WHY"),
        rows,
        styles=_style,
        right=("ROUND TRIP",),
        cut=False,
    )


def _milliseconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds * 1000:,.0f} ms"


def _style(column: int, row: Sequence[str]) -> str:
    return {"answered": "green", "refused": "red"}.get(row[1], "yellow") if column == 1 else ""
