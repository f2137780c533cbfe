"""``steward processes``: the supervised workers of this node, or of another."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from steward.cli import exits, output, views, views_fleet
from steward.cli.following import Following
from steward.cli.options import Duration, complete_node, prints, talks
from steward.control.client import ControlClient
from steward.errors import InvalidMessage, StewardError
from steward.message import State, new_id


@click.command(short_help="A node's publishers and subscribers.")
@click.argument("node", required=False, shell_complete=complete_node)
@click.option("--start", metavar="NAME", help="Start a terminated process again.")
@click.option("--wait", type=Duration(), default="30s", show_default=True, help="For its answer.")
@prints
@talks
def processes(
    node: str | None, start: str | None, wait: float, output: str, state_dir: Path
) -> int:
    """List the processes of NODE (this one unless named), each with its state and last error."""
    return asyncio.run(_run(state_dir, node, start, wait, output))


async def _run(state_dir: Path, node: str | None, start: str | None, wait: float, form: str) -> int:
    async with ControlClient(state_dir) as client:
        here = (await client.call("status"))["node"]
        if node in (None, here):
            if start:
                await client.call("startProcess", name=start)
            found = (await client.call("processes"))["processes"]
        else:
            found = await _of_other(state_dir, client, str(node), start, wait)
    if start:
        output.note(f"started: {start}")
    output.records(found, form, lambda: _table(found), "name")
    return exits.OK


async def _of_other(
    state_dir: Path, client: ControlClient, node: str, start: str | None, wait: float
) -> list[dict[str, Any]]:
    """Ask over the wire. Raises a StewardError with the exit status of the message."""
    id = str(new_id())
    message = {
        "id": id,
        "toNode": node,
        "commandOrEvent": "CommandACK",
        "method": "ListProcesses",
        "data": ["start", start] if start else [],
        "ttl": wait,
    }
    for refused in (await client.call("submit", messages=[message]))["refused"]:
        raise InvalidMessage(refused["text"], refused.get("hint", ""))
    ended: list[dict[str, Any]] = []
    await Following(state_dir, [id], ended.append).run(wait)
    answer = ended[0] if ended else await client.call("message", id=id)
    if answer["state"] != State.SUCCEEDED:
        text = f"{node} did not answer: {views.outcome(answer)}"
        if answer["state"] == State.FAILED:
            text = f"{node}: {answer['reason']}"
        error = StewardError(text, f"steward messages show {id}")
        error.exit_status = exits.of_message(answer)
        raise error
    told = json.loads(output.field(answer.get("result"), "stdout"))
    return list(told["processes"] if isinstance(told, dict) else told)


def _table(found: Sequence[Mapping[str, Any]]) -> None:
    rows = [views_fleet.process_row(process, views.now()) for process in found]
    output.table(
        views_fleet.PROCESS_HEADERS,
        rows,
        styles=views_fleet.process_style,
        right=("RESTARTS", "QUEUE"),
    )
