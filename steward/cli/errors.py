"""``steward errors``: the error log that central keeps of every node."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click

from steward.cli import exits, output, views_fleet
from steward.cli.options import ask, complete_node, prints, talks
from steward.control.client import ControlClient

_PAGE: Final = 1000


@click.group()
def errors() -> None:
    """What went wrong, on every node."""


@errors.command()
@click.option("--node", shell_complete=complete_node)
@click.option("--level", help="Only this one: warning, error, …")
@click.option("--text", help="Only those with this in them.")
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True)
@click.option("--cursor", help="Go on where an earlier list ended.")
@prints
@talks
def ls(output: str, state_dir: Path, **wanted: Any) -> int:
    """List errors, newest first."""
    return _list(ask(state_dir, "errors", **wanted), output)


def _list(answer: Mapping[str, Any], form: str) -> int:
    found = answer["errors"]
    output.records(found, form, lambda: _table(found), "n")
    if answer.get("cursor") is not None and form == "table":
        output.note(f"more: --cursor {answer['cursor']}, or a higher --limit")
    return exits.OK


def _table(found: Sequence[Mapping[str, Any]]) -> None:
    if not found:
        output.note("no errors")
        return
    rows = [views_fleet.error_row(error) for error in found]
    output.table(views_fleet.ERROR_HEADERS, rows, styles=views_fleet.error_style, cut=False)


@errors.command()
@click.option("--node", shell_complete=complete_node)
@click.option("--level", help="Only this one: warning, error, …")
@click.option("--text", help="Only those with this in them.")
@click.option("-n", "--lines", type=click.IntRange(min=0), default=10, show_default=True)
@prints
@talks
def tail(output: str, state_dir: Path, lines: int, **wanted: Any) -> int:
    """Print the last errors, then each new one, and each that is counted again, as it comes, until
    Ctrl-C."""
    asyncio.run(_follow(state_dir, output, lines, wanted))
    return exits.OK


async def _follow(state_dir: Path, form: str, lines: int, wanted: Mapping[str, Any]) -> None:
    """Print errors as they come. Raises NoDaemon when the daemon is gone."""
    async with ControlClient(state_dir) as client:
        # Watching begins before the first look, so that nothing falls between the two.
        await client.call("watch", topics=["errors"])
        last = (await client.call("errors", limit=max(lines, _PAGE), **wanted))["errors"]
        for error in reversed(last[:lines]):
            _print(error, form)
        seen = max((int(error["n"]) for error in last), default=0)
        async for _told in client.notifications():
            counts = {int(error["n"]): error["count"] for error in last}
            last = (await client.call("errors", limit=_PAGE, **wanted))["errors"]
            again = [e for e in last if counts.get(int(e["n"]), e["count"]) < e["count"]]
            for error in (*reversed(again), *await _since(client, seen, wanted)):
                _print(error, form)
                seen = max(seen, int(error["n"]))


async def _since(
    client: ControlClient, seen: int, wanted: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """The errors after ``seen``, oldest first."""
    new: dict[int, dict[str, Any]] = {}
    cursor = None
    while True:
        answer = await client.call("errors", limit=_PAGE, cursor=cursor, **wanted)
        page = {int(error["n"]): error for error in answer["errors"] if int(error["n"]) > seen}
        new |= page
        cursor = answer.get("cursor")
        if cursor is None or len(page) < len(answer["errors"]):
            return [new[n] for n in sorted(new)]


def _print(error: Mapping[str, Any], form: str) -> None:
    if form in ("json", "jsonl"):
        output.json_line(error)
    elif form == "ids":
        output.line(str(error["n"]))
    else:
        output.line("  ".join(part for part in views_fleet.error_row(error) if part))
    sys.stdout.flush()
